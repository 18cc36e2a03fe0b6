//! Assistants, for servers that still have them.

use serde_json::{Map, Value};

use crate::model::ModelId;
use crate::tool::Tool;
use crate::wire::{Field as _, wire};

wire! {
    /// An assistant: a model with a name and instructions.
    ///
    /// OpenAI removed assistants from its API on 2026-08-26; compatible servers still have them.
    pub struct AssistantObject = "assistant" {
        /// Its id, such as `asst_abc123`.
        pub id: String = required,
        /// When it was created, in seconds since the Unix epoch.
        pub created_at: u64,
        /// Its name.
        pub name: Option<String> = stated,
        /// What it is for.
        pub description: Option<String> = stated,
        /// The model it asks.
        pub model: Option<ModelId> = stated,
        /// The instructions it puts above each conversation.
        pub instructions: Option<String> = stated,
        /// The tools it may call.
        pub tools: Vec<Tool>,
        /// The files and vector stores that its tools use, as JSON.
        pub tool_resources: Option<Value>,
        /// What its maker noted of it.
        pub metadata: Map<String, Value>,
        /// Sampling temperature, `0.0..=2.0`.
        pub temperature: Option<f64>,
        /// Nucleus sampling, `0.0..=1.0`.
        pub top_p: Option<f64>,
        /// The form of its answers: `auto`, or JSON that says more.
        pub response_format: Option<Value>,
    }
}

impl AssistantObject {
    /// An assistant with an id and nothing else known of it.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::blank() }
    }
}

wire! {
    /// What is set of an assistant: all of one that is created, or what changes of one there is.
    ///
    /// What else a server knows, such as `reasoning_effort`, goes into `extra`.
    #[derive(Default)]
    pub struct AssistantSettings {
        /// The model it asks; needed by one that is created.
        pub model: Option<ModelId>,
        /// Its name.
        pub name: Option<String>,
        /// What it is for.
        pub description: Option<String>,
        /// The instructions it puts above each conversation.
        pub instructions: Option<String>,
        /// The tools it may call.
        pub tools: Vec<Tool>,
        /// The files and vector stores that its tools use, as JSON.
        pub tool_resources: Option<Value>,
        /// What to note of it.
        pub metadata: Map<String, Value>,
        /// Sampling temperature, `0.0..=2.0`.
        pub temperature: Option<f64>,
        /// Nucleus sampling, `0.0..=1.0`.
        pub top_p: Option<f64>,
        /// The form of its answers: `auto`, or JSON that says more.
        pub response_format: Option<Value>,
    }
}

impl AssistantSettings {
    /// One that asks a model.
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self { model: Some(model.into()), ..Self::blank() }
    }

    /// Sets its name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the instructions it puts above each conversation.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets the tools it may call.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Notes something of it.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), text.into().into());
        self
    }
}

wire! {
    /// What a server says when it has deleted an assistant.
    pub struct AssistantDeleted = "assistant.deleted" {
        /// The assistant's id.
        pub id: String = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}
