//! Threads and their messages, for servers that still have assistants.

mod part;

use serde_json::{Map, Value};

pub use self::part::{
    AnnotatedText, ThreadImageFile, ThreadImageUrl, ThreadPart, ThreadRefusal, ThreadText,
    ThreadTextPart,
};
use crate::message::{Content, Role};
use crate::wire::{Field as _, wire};

wire! {
    /// A conversation that a server keeps for assistants.
    ///
    /// OpenAI removed threads from its API on 2026-08-26; compatible servers still have them.
    pub struct Thread = "thread" {
        /// Its id, such as `thread_abc123`.
        pub id: String = required,
        /// When it was created, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// What its maker noted of it.
        pub metadata: Map<String, Value> = stated,
        /// The files and vector stores that tools use in it, as JSON.
        pub tool_resources: Option<Value>,
    }
}

wire! {
    /// A request to begin a thread, or to change one.
    ///
    /// Messages are only for one that is begun.
    #[derive(Default)]
    pub struct ThreadSettings {
        /// What it begins with.
        pub messages: Vec<CreateThreadMessage>,
        /// What to note of it.
        pub metadata: Map<String, Value>,
        /// The files and vector stores that tools use in it, as JSON.
        pub tool_resources: Option<Value>,
    }
}

impl ThreadSettings {
    /// A thread that begins with messages; there may be none.
    #[must_use]
    pub fn new(messages: Vec<CreateThreadMessage>) -> Self {
        Self { messages, ..Self::blank() }
    }

    /// Notes something of it.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), text.into().into());
        self
    }
}

wire! {
    /// What a server says when it has deleted a thread.
    pub struct ThreadDeleted = "thread.deleted" {
        /// The thread's id.
        pub id: String = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}

wire! {
    /// A message to put into a thread.
    pub struct CreateThreadMessage {
        /// Who it is from: the user or the assistant.
        pub role: Role = stated,
        /// What it says.
        pub content: Content = required,
        /// Files for tools to use, as JSON.
        pub attachments: Vec<Value>,
        /// What to note of it.
        pub metadata: Map<String, Value>,
    }
}

impl CreateThreadMessage {
    /// A message of any role.
    pub fn new(role: Role, content: impl Into<Content>) -> Self {
        Self { role, content: content.into(), ..Self::blank() }
    }

    /// What the person says.
    pub fn user(content: impl Into<Content>) -> Self {
        Self::new(Role::User, content)
    }

    /// What the model says.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

wire! {
    /// A message of a thread.
    pub struct ThreadMessage = "thread.message" {
        /// Its id, such as `msg_abc123`.
        pub id: String = required,
        /// When it was created, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The thread it is of.
        pub thread_id: String = stated,
        /// `in_progress`, `incomplete` or `completed`.
        pub status: Option<String>,
        /// Why it is incomplete: `reason`.
        pub incomplete_details: Option<Value>,
        /// When it was completed, in seconds since the Unix epoch.
        pub completed_at: Option<u64>,
        /// When it was cut off, in seconds since the Unix epoch.
        pub incomplete_at: Option<u64>,
        /// Who it is from.
        pub role: Role = stated,
        /// What it says.
        pub content: Vec<ThreadPart> = stated,
        /// The assistant it is from.
        pub assistant_id: Option<String> = stated,
        /// The run it was made in.
        pub run_id: Option<String> = stated,
        /// Files for tools to use, as JSON.
        pub attachments: Vec<Value>,
        /// What was noted of it.
        pub metadata: Map<String, Value> = stated,
    }
}

impl ThreadMessage {
    /// All text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.iter().map(ThreadPart::text).collect()
    }
}

wire! {
    /// What a message that is streamed grows by.
    pub struct ThreadMessageDelta = "thread.message.delta" {
        /// The message's id.
        pub id: String = stated,
        /// What is new.
        pub delta: MessageGrowth = stated,
    }
}

impl ThreadMessageDelta {
    /// The text that is new, of all parts.
    #[must_use]
    pub fn text(&self) -> String {
        self.delta.content.iter().map(ThreadPart::text).collect()
    }
}

wire! {
    /// What is new of a message.
    #[derive(Default)]
    pub struct MessageGrowth {
        /// Who it is from, at its beginning.
        pub role: Option<Role>,
        /// What the parts, told apart by their `index`, grow by.
        pub content: Vec<ThreadPart>,
    }
}

wire! {
    /// What a server says when it has deleted a message.
    pub struct ThreadMessageDeleted = "thread.message.deleted" {
        /// The message's id.
        pub id: String = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}
