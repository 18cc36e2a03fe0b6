//! `/assistants`.

use reqwest::Method;

use crate::assistant::AssistantObject;
use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::List;

impl Client {
    /// Lists the assistants.
    ///
    /// A server that has none answers 404.
    pub fn assistants(&self) -> List<AssistantObject> {
        self.list(&["assistants"], "list of assistants").header(BETA, ASSISTANTS)
    }

    /// Tells one assistant.
    pub fn assistant(&self, id: &str) -> Call<AssistantObject> {
        self.call(Method::GET, &["assistants", id], "assistant").header(BETA, ASSISTANTS)
    }
}

const BETA: &str = "openai-beta";
const ASSISTANTS: &str = "assistants=v2";
