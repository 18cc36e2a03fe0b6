//! Assistants, for servers that still have them.

use crate::model::ModelId;
use crate::wire::{Field as _, wire};

wire! {
    /// An assistant: a model with a name and instructions.
    ///
    /// OpenAI removed assistants from its API on 2026-08-26; compatible servers still have them.
    pub struct AssistantObject = "assistant" {
        /// Its id, such as `asst_abc123`.
        pub id: String = required,
        /// Its name.
        pub name: Option<String> = stated,
        /// What it is for.
        pub description: Option<String> = stated,
        /// The model it asks.
        pub model: Option<ModelId> = stated,
        /// The instructions it puts above each conversation.
        pub instructions: Option<String> = stated,
    }
}

impl AssistantObject {
    /// An assistant with an id and nothing else known of it.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::blank() }
    }
}
