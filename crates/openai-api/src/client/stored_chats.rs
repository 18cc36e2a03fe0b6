//! `/chat/completions` that a server keeps.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::chat::ChatCompletion;
use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::{Entry, List};
use crate::message::Message;
use crate::stored_chat::ChatCompletionDeleted;

impl Client {
    /// Lists the chat completions that were asked for with
    /// [`store`](crate::ChatRequest::with_store).
    pub fn chat_completions(&self) -> List<ChatCompletion> {
        self.list(&["chat", "completions"], "list of chat completions")
    }

    /// Tells one stored chat completion.
    pub fn chat_completion(&self, id: &str) -> Call<ChatCompletion> {
        self.call(Method::GET, &["chat", "completions", id], COMPLETION)
    }

    /// Lists what a stored chat completion was asked with.
    pub fn chat_completion_messages(&self, id: &str) -> List<Message> {
        self.list(&["chat", "completions", id, "messages"], "list of messages")
    }

    /// Sets the pairs to find a stored chat completion by; those it had are lost.
    pub fn update_chat_completion(
        &self,
        id: &str,
        metadata: &Map<String, Value>,
    ) -> Call<ChatCompletion> {
        self.call(Method::POST, &["chat", "completions", id], COMPLETION)
            .json(&json!({"metadata": metadata}))
    }

    /// Deletes a stored chat completion.
    pub fn delete_chat_completion(&self, id: &str) -> Call<ChatCompletionDeleted> {
        self.call(Method::DELETE, &["chat", "completions", id], "deletion").or_silence()
    }
}

impl Entry for ChatCompletion {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Entry for Message {
    /// The id of a message that is stored.
    fn id(&self) -> &str {
        self.extra.get("id").and_then(Value::as_str).unwrap_or_default()
    }
}

const COMPLETION: &str = "chat completion";
