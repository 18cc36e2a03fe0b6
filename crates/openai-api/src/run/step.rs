//! The steps of a run.

use serde_json::{Map, Value};

use crate::chat::Usage;
use crate::run::{RunError, RunStatus};
use crate::tool::ToolCall;
use crate::wire::wire;

wire! {
    /// A step of a run: a message that was written, or tools that were called.
    pub struct RunStep = "thread.run.step" {
        /// Its id, such as `step_abc123`.
        pub id: String = required,
        /// When it began, in seconds since the Unix epoch; so are the times below.
        pub created_at: u64 = stated,
        /// The run it is of.
        pub run_id: String = stated,
        /// The assistant that runs.
        pub assistant_id: String = stated,
        /// The thread that the run reads and writes.
        pub thread_id: String = stated,
        /// `message_creation` or `tool_calls`.
        pub kind as "type": String = stated,
        /// How far it is.
        pub status: RunStatus = stated,
        /// What was done.
        pub step_details: RunStepDetails = stated,
        /// What went wrong.
        pub last_error: Option<RunError>,
        /// When it was cancelled.
        pub cancelled_at: Option<u64>,
        /// When it failed.
        pub failed_at: Option<u64>,
        /// When it was completed.
        pub completed_at: Option<u64>,
        /// When it expired.
        pub expired_at: Option<u64>,
        /// What was noted of it.
        pub metadata: Map<String, Value>,
        /// How many tokens it took, once it has ended.
        pub usage: Option<Usage>,
    }
}

wire! {
    /// What was done in a step.
    pub struct RunStepDetails {
        /// `message_creation` or `tool_calls`.
        pub kind as "type": String = stated,
        /// The message that was written: `message_id`.
        pub message_creation: Option<Value>,
        /// The tools that were called; those of the server tell input and output in `extra`, and
        /// functions their `output` in theirs.
        pub tool_calls: Vec<ToolCall>,
    }
}

wire! {
    /// What a step that is streamed grows by.
    pub struct RunStepDelta = "thread.run.step.delta" {
        /// The step's id.
        pub id: String = stated,
        /// What is new, as JSON: `step_details`.
        pub delta: Value = stated,
    }
}
