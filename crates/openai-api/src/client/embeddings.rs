//! `/embeddings`.

use reqwest::Method;

use crate::client::Client;
use crate::client::call::Call;
use crate::embedding::{EmbeddingRequest, Embeddings};

impl Client {
    /// Embeds texts: one vector for each, in their order.
    pub fn embed(&self, request: EmbeddingRequest) -> Call<Embeddings> {
        self.call(Method::POST, &["embeddings"], "embeddings").json(&request)
    }
}
