//! `/moderations`.

use reqwest::Method;

use crate::client::call::Call;
use crate::client::{Client, json};
use crate::moderation::{Moderation, ModerationRequest};

impl Client {
    /// Asks whether texts and images are harmful.
    pub fn moderate(&self, mut request: ModerationRequest) -> Call<Moderation> {
        let body = json::moderation_body(&mut request);
        self.call(Method::POST, &["moderations"], "moderation").with_json(body)
    }
}
