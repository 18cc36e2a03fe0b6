//! Conversations that a server keeps, for responses to go on with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::string_id;
use crate::response::ResponseItem;
use crate::shown::shows_no_text;
use crate::wire::{Field as _, plain_field, wire};

string_id! {
    /// The id of a conversation, such as `conv_123`.
    ConversationId
}

wire! {
    /// A conversation that a server keeps.
    pub struct Conversation = "conversation" {
        /// Its id.
        pub id: ConversationId = required,
        /// When it was begun, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// Pairs to find it by.
        pub metadata: Map<String, Value> = stated,
    }
}

wire! {
    /// A request to begin a conversation.
    pub struct CreateConversation {
        /// What it begins with; at most 20 items at once.
        pub items: Vec<ResponseItem>,
        /// Pairs to find it by; at most 16.
        pub metadata: Map<String, Value>,
    }
}

impl CreateConversation {
    /// Begins with `items`; there may be none.
    #[must_use]
    pub fn new(items: Vec<ResponseItem>) -> Self {
        Self { items, ..Self::blank() }
    }

    /// Adds a pair to find it by.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), Value::String(value.into()));
        self
    }
}

wire! {
    /// What a server says when it has deleted a conversation.
    pub struct ConversationDeleted = "conversation.deleted" {
        /// The conversation's id.
        pub id: ConversationId = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}

/// The conversation that a response belongs to: by its id alone, or by an object with it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ConversationRef {
    /// The id.
    Id(ConversationId),
    /// An object with the id.
    Object(ConversationObject),
    /// What this version does not know, as it came.
    Other(Value),
}

shows_no_text! { ConversationRef }

impl ConversationRef {
    /// The conversation's id.
    #[must_use]
    pub fn id(&self) -> Option<&ConversationId> {
        match self {
            Self::Id(id) => Some(id),
            Self::Object(object) => Some(&object.id),
            Self::Other(_) => None,
        }
    }
}

plain_field! {
    ConversationRef: Self::Other(Value::Null) => |value| matches!(value, Self::Other(Value::Null)),
}

impl<T: Into<ConversationId>> From<T> for ConversationRef {
    fn from(id: T) -> Self {
        Self::Id(id.into())
    }
}

impl From<&Conversation> for ConversationRef {
    fn from(conversation: &Conversation) -> Self {
        Self::Id(conversation.id.clone())
    }
}

wire! {
    /// A conversation's id in an object.
    #[derive(Eq)]
    pub struct ConversationObject {
        /// The id.
        pub id: ConversationId = required,
    }
}
