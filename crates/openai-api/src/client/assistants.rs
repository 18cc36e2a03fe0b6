//! `/assistants`.

use std::borrow::Borrow;

use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::assistant::{AssistantDeleted, AssistantObject, AssistantSettings};
use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::{Entry, List};
use crate::wire::Told;

impl Client {
    /// Lists the assistants, newest first.
    ///
    /// OpenAI removed assistants, threads and runs on 2026-08-26 and answers 404; compatible servers
    /// still have them.
    pub fn assistants(&self) -> List<AssistantObject> {
        self.beta_list(&["assistants"], "list of assistants")
    }

    /// Tells one assistant.
    pub fn assistant(&self, id: &str) -> Call<AssistantObject> {
        self.beta(Method::GET, &["assistants", id], ASSISTANT)
    }

    /// Creates an assistant.
    pub fn create_assistant(
        &self,
        settings: impl Borrow<AssistantSettings>,
    ) -> Call<AssistantObject> {
        self.beta(Method::POST, &["assistants"], ASSISTANT).json(settings.borrow())
    }

    /// Changes an assistant; what is not set stays as it is.
    pub fn update_assistant(
        &self,
        id: &str,
        settings: impl Borrow<AssistantSettings>,
    ) -> Call<AssistantObject> {
        self.beta(Method::POST, &["assistants", id], ASSISTANT).json(settings.borrow())
    }

    /// Deletes an assistant.
    pub fn delete_assistant(&self, id: &str) -> Call<AssistantDeleted> {
        self.beta(Method::DELETE, &["assistants", id], "deletion").or_silence()
    }

    /// A request for what belongs to assistants, which servers want a header for.
    pub(super) fn beta<T: Told + DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: &[&str],
        what: &'static str,
    ) -> Call<T> {
        self.call(method, path, what).header(BETA, ASSISTANTS)
    }

    /// The same for a list.
    pub(super) fn beta_list<T: Entry>(&self, path: &[&str], what: &'static str) -> List<T> {
        self.list(path, what).header(BETA, ASSISTANTS)
    }
}

const ASSISTANT: &str = "assistant";
const BETA: &str = "openai-beta";
const ASSISTANTS: &str = "assistants=v2";
