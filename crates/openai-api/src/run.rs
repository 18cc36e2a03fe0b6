//! Runs of an assistant over a thread, for servers that still have assistants.

mod event;
mod request;
mod step;

use serde_json::{Map, Value};

pub use self::event::RunEvent;
pub use self::request::{CreateRun, ToolOutput};
pub use self::step::{RunStep, RunStepDelta, RunStepDetails};
use crate::chat::Usage;
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::tool::{Tool, ToolCall};
use crate::wire::wire;

open_enum! {
    /// How far a run, or a step of one, is.
    pub enum RunStatus {
        /// It waits for its turn.
        Queued = "queued",
        /// The model is at it.
        InProgress = "in_progress",
        /// It waits for what the [tools](Run::tool_calls) answer.
        RequiresAction = "requires_action",
        /// Someone cancelled it, and it has not stopped yet.
        Cancelling = "cancelling",
        /// Someone cancelled it.
        Cancelled = "cancelled",
        /// It went wrong; `last_error` says how.
        Failed = "failed",
        /// It has answered.
        Completed = "completed",
        /// It was cut off by a limit.
        Incomplete = "incomplete",
        /// The tools' answers did not come in time.
        Expired = "expired",
    }
}

impl RunStatus {
    /// Whether it has ended, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Failed | Self::Completed | Self::Incomplete | Self::Expired
        )
    }
}

wire! {
    /// A run of an assistant over a thread.
    ///
    /// OpenAI removed runs from its API on 2026-08-26; compatible servers still have them.
    pub struct Run = "thread.run" {
        /// Its id, such as `run_abc123`.
        pub id: String = required,
        /// When it was created, in seconds since the Unix epoch; so are the times below.
        pub created_at: u64 = stated,
        /// The thread it reads and writes.
        pub thread_id: String = stated,
        /// The assistant that runs.
        pub assistant_id: String = stated,
        /// How far it is.
        pub status: RunStatus = required,
        /// What it waits for; see [`tool_calls`](Self::tool_calls).
        pub required_action: Option<RequiredAction>,
        /// What went wrong.
        pub last_error: Option<RunError>,
        /// When it will expire.
        pub expires_at: Option<u64>,
        /// When it began.
        pub started_at: Option<u64>,
        /// When it was cancelled.
        pub cancelled_at: Option<u64>,
        /// When it failed.
        pub failed_at: Option<u64>,
        /// When it was completed.
        pub completed_at: Option<u64>,
        /// Which limit cut it off: `reason`.
        pub incomplete_details: Option<Value>,
        /// The model in use.
        pub model: ModelId = stated,
        /// The instructions in use.
        pub instructions: Option<String>,
        /// The tools it may call.
        pub tools: Vec<Tool>,
        /// What was noted of it.
        pub metadata: Map<String, Value>,
        /// How many tokens it took, once it has ended.
        pub usage: Option<Usage>,
        /// Sampling temperature.
        pub temperature: Option<f64>,
        /// Nucleus sampling.
        pub top_p: Option<f64>,
        /// At most this many tokens of the thread are read.
        pub max_prompt_tokens: Option<u64>,
        /// At most this many tokens are written.
        pub max_completion_tokens: Option<u64>,
    }
}

impl Run {
    /// The calls whose answers it waits for; [`ToolOutput`] is such an answer.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        let outputs = self.required_action.as_ref().and_then(|it| it.submit_tool_outputs.as_ref());
        outputs.map(|outputs| &outputs.tool_calls[..]).unwrap_or_default()
    }
}

wire! {
    /// What a run waits for.
    pub struct RequiredAction {
        /// `submit_tool_outputs`.
        pub kind as "type": String = stated,
        /// The answers of tools.
        pub submit_tool_outputs: Option<RequiredOutputs>,
    }
}

wire! {
    /// The calls whose answers a run waits for.
    #[derive(Default)]
    pub struct RequiredOutputs {
        /// The calls.
        pub tool_calls: Vec<ToolCall> = stated,
    }
}

wire! {
    /// What went wrong with a run, or with a step of one.
    pub struct RunError {
        /// A word for programs.
        pub code: String = stated,
        /// What went wrong, for people.
        pub message: String = stated,
    }
}
