//! `/embeddings`.

use reqwest::Method;

use crate::client::answer::Answer;
use crate::client::call::Call;
use crate::client::{Client, error_body};
use crate::embedding::{EmbeddingRequest, Embeddings};
use crate::error::Result;

impl Client {
    /// Embeds texts: one vector for each, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`](crate::Error::Decode) if there are no vectors in the answer.
    pub fn embed(&self, request: EmbeddingRequest) -> Call<Embeddings> {
        let call = self.call::<Embeddings>(Method::POST, &["embeddings"], EMBEDDINGS);
        call.json(&request).sent_by(|request, _| Box::pin(request.read(read)))
    }
}

fn read(body: &[u8], answer: &Answer) -> Result<Embeddings> {
    let is_error = |told: &Embeddings| error_body::is_error(&told.extra);
    let mut told = answer.parse(body, EMBEDDINGS, is_error)?;
    if told.data.is_empty() {
        return Err(answer.lacks(EMBEDDINGS, "`data` is empty"));
    }
    // Some servers leave the places out, having kept to the order.
    if told.data.iter().all(|vector| vector.index == 0) {
        for (place, vector) in (0..).zip(&mut told.data) {
            vector.index = place;
        }
    }
    Ok(told)
}

const EMBEDDINGS: &str = "embeddings";
