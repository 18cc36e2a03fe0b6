//! `/threads` and their messages.

use std::borrow::Borrow;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::List;
use crate::thread::{
    CreateThreadMessage, Thread, ThreadDeleted, ThreadMessage, ThreadMessageDeleted, ThreadSettings,
};

impl Client {
    /// Begins a thread.
    ///
    /// OpenAI removed threads on 2026-08-26; compatible servers still have them.
    pub fn create_thread(&self, settings: impl Borrow<ThreadSettings>) -> Call<Thread> {
        self.beta(Method::POST, &["threads"], THREAD).json(settings.borrow())
    }

    /// Tells one thread, without its messages.
    pub fn thread(&self, id: &str) -> Call<Thread> {
        self.beta(Method::GET, &["threads", id], THREAD)
    }

    /// Changes what is noted of a thread, and what its tools use.
    pub fn update_thread(&self, id: &str, settings: impl Borrow<ThreadSettings>) -> Call<Thread> {
        self.beta(Method::POST, &["threads", id], THREAD).json(settings.borrow())
    }

    /// Deletes a thread.
    pub fn delete_thread(&self, id: &str) -> Call<ThreadDeleted> {
        self.beta(Method::DELETE, &["threads", id], "deletion").or_silence()
    }

    /// Puts a message into a thread.
    pub fn create_thread_message(
        &self,
        thread: &str,
        message: impl Borrow<CreateThreadMessage>,
    ) -> Call<ThreadMessage> {
        self.beta(Method::POST, &["threads", thread, "messages"], MESSAGE).json(message.borrow())
    }

    /// Lists a thread's messages, newest first; the query `run_id` tells those of one run.
    pub fn thread_messages(&self, thread: &str) -> List<ThreadMessage> {
        self.beta_list(&["threads", thread, "messages"], "list of messages")
    }

    /// Tells one message of a thread.
    pub fn thread_message(&self, thread: &str, id: &str) -> Call<ThreadMessage> {
        self.beta(Method::GET, &["threads", thread, "messages", id], MESSAGE)
    }

    /// Changes what is noted of a message.
    pub fn update_thread_message(
        &self,
        thread: &str,
        id: &str,
        metadata: &Map<String, Value>,
    ) -> Call<ThreadMessage> {
        self.beta(Method::POST, &["threads", thread, "messages", id], MESSAGE)
            .json(&json!({"metadata": metadata}))
    }

    /// Deletes a message of a thread.
    pub fn delete_thread_message(&self, thread: &str, id: &str) -> Call<ThreadMessageDeleted> {
        self.beta(Method::DELETE, &["threads", thread, "messages", id], "deletion").or_silence()
    }
}

const THREAD: &str = "thread";
const MESSAGE: &str = "message of a thread";
