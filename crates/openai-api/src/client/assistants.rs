//! `GET /assistants` and `GET /assistants/{id}`.

use reqwest::header::HeaderName;

use crate::assistant::AssistantObject;
use crate::client::Client;
use crate::client::transport::all_pages;
use crate::error::Result;

impl Client {
    /// Lists all assistants, page by page until the last.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 on a server that has no assistants.
    pub async fn assistants(&self) -> Result<Vec<AssistantObject>> {
        let call = || Ok(self.get(&["assistants"])?.header(BETA, ASSISTANTS));
        all_pages(call, "list of assistants", |assistant: &AssistantObject| &assistant.id).await
    }

    /// Tells one assistant.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not know it.
    pub async fn assistant(&self, id: &str) -> Result<AssistantObject> {
        self.get(&["assistants", id])?.header(BETA, ASSISTANTS).read("assistant").await
    }
}

const BETA: HeaderName = HeaderName::from_static("openai-beta");
const ASSISTANTS: &str = "assistants=v2";
