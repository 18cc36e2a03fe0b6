//! Answers that say something is gone, by saying nothing too.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::client::call::{Call, Sending};
use crate::client::error_body;
use crate::client::outgoing::Outgoing;
use crate::mend::without_bom;
use crate::wire::Told;

impl<T> Call<T> {
    /// Takes an answer without content for the word that what the path ends with was deleted.
    ///
    /// OpenAI's specification gives the deletion of a response no body, Azure answers some with 204,
    /// and handlers that return nothing become `null`.
    pub(super) fn or_silence(self) -> Self
    where
        T: Told + DeserializeOwned + Send + 'static,
    {
        self.sent_by(send)
    }
}

fn send<T: Told + DeserializeOwned + Send + 'static>(
    request: Box<Outgoing>,
    what: &'static str,
) -> Sending<T> {
    let id = last_of(&request.url);
    let is_error = |answer: &T| answer.extra().is_some_and(error_body::is_error);
    Box::pin(request.read(move |body, answer| {
        if matches!(without_bom(body).trim_ascii(), b"" | b"null" | b"{}") {
            let told = json!({"id": id, "deleted": true}).to_string();
            return answer.parse(told.as_bytes(), what, is_error);
        }
        answer.parse(body, what, is_error)
    }))
}

/// What the path ends with, not escaped.
fn last_of(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut segments| segments.next_back());
    percent_decode_str(last.unwrap_or_default()).decode_utf8_lossy().into_owned()
}
