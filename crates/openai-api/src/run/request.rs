//! What a run is asked for with.

use serde_json::{Map, Value};

use crate::model::ModelId;
use crate::thread::{CreateThreadMessage, ThreadSettings};
use crate::tool::Tool;
use crate::wire::{Field as _, wire};

wire! {
    /// A request to run an assistant over a thread.
    ///
    /// What is not set is as the assistant says. What else a server knows, such as
    /// `truncation_strategy`, goes into `extra`.
    pub struct CreateRun {
        /// The assistant.
        pub assistant_id: String = required,
        /// The thread to begin, for a run that begins one.
        pub thread: Option<ThreadSettings>,
        /// The model to ask instead.
        pub model: Option<ModelId>,
        /// Instructions in place of the assistant's.
        pub instructions: Option<String>,
        /// Instructions besides the assistant's.
        pub additional_instructions: Option<String>,
        /// Messages to put into the thread before.
        pub additional_messages: Vec<CreateThreadMessage>,
        /// Tools in place of the assistant's.
        pub tools: Vec<Tool>,
        /// Which tool to call: `none`, `auto`, `required`, or JSON that names one.
        pub tool_choice: Option<Value>,
        /// What to note of it.
        pub metadata: Map<String, Value>,
        /// Sampling temperature, `0.0..=2.0`.
        pub temperature: Option<f64>,
        /// Nucleus sampling, `0.0..=1.0`.
        pub top_p: Option<f64>,
        /// Whether it comes in events; set by the client, not by the caller.
        pub stream: Option<bool>,
        /// At most this many tokens of the thread are read.
        pub max_prompt_tokens: Option<u64>,
        /// At most this many tokens are written.
        pub max_completion_tokens: Option<u64>,
        /// The form of the answer: `auto`, or JSON that says more.
        pub response_format: Option<Value>,
    }
}

impl CreateRun {
    /// Runs an assistant as it is.
    pub fn new(assistant_id: impl Into<String>) -> Self {
        Self { assistant_id: assistant_id.into(), ..Self::blank() }
    }

    /// Sets the thread to begin.
    #[must_use]
    pub fn with_thread(mut self, thread: ThreadSettings) -> Self {
        self.thread = Some(thread);
        self
    }

    /// Sets instructions in place of the assistant's.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets tools in place of the assistant's.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Puts a message into the thread before.
    #[must_use]
    pub fn with_message(mut self, message: CreateThreadMessage) -> Self {
        self.additional_messages.push(message);
        self
    }
}

wire! {
    /// What a tool answers to a call.
    pub struct ToolOutput {
        /// The call's id.
        pub tool_call_id: String = stated,
        /// The answer.
        pub output: String = stated,
    }
}

impl ToolOutput {
    /// The answer to a call.
    pub fn new(tool_call_id: impl Into<String>, output: impl Into<String>) -> Self {
        Self { tool_call_id: tool_call_id.into(), output: output.into(), ..Self::blank() }
    }
}
