//! What a webhook tells.

use crate::open_enum::open_enum;
use crate::wire::{Field as _, wire};

wire! {
    /// Something that happened at the server.
    ///
    /// It names what it happened to and nothing more; ask the server for the rest.
    pub struct WebhookEvent = "event" {
        /// The event's id.
        pub id: String = stated,
        /// When it happened, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// What happened.
        pub kind as "type": WebhookEventKind = required,
        /// What it happened to.
        pub data: WebhookData = stated,
    }
    own {
        /// The header `webhook-id`: the same each time the server sends the event, so that it can
        /// be known again.
        pub webhook_id: String,
    }
}

impl WebhookEvent {
    /// An event, as a server makes it.
    pub fn new(
        id: impl Into<String>,
        created_at: u64,
        kind: WebhookEventKind,
        about: impl Into<String>,
    ) -> Self {
        let data = WebhookData { id: about.into(), ..WebhookData::blank() };
        Self { id: id.into(), created_at, kind, data, ..Self::blank() }
    }

    pub(super) fn delivered_as(self, webhook_id: String) -> Self {
        Self { webhook_id, ..self }
    }
}

wire! {
    /// What an event happened to.
    #[derive(Default)]
    pub struct WebhookData {
        /// The id of the job, batch, response or run; empty for a call, whose ids are in `extra`.
        pub id: String,
    }
}

open_enum! {
    /// What happened.
    pub enum WebhookEventKind {
        /// A fine-tuning job has made its model.
        FineTuningJobSucceeded = "fine_tuning.job.succeeded",
        /// A fine-tuning job went wrong.
        FineTuningJobFailed = "fine_tuning.job.failed",
        /// Someone cancelled a fine-tuning job.
        FineTuningJobCancelled = "fine_tuning.job.cancelled",
        /// A batch is done.
        BatchCompleted = "batch.completed",
        /// A batch went wrong.
        BatchFailed = "batch.failed",
        /// Someone cancelled a batch.
        BatchCancelled = "batch.cancelled",
        /// A batch was not done in time.
        BatchExpired = "batch.expired",
        /// A response in the background is done.
        ResponseCompleted = "response.completed",
        /// A response in the background went wrong.
        ResponseFailed = "response.failed",
        /// Someone cancelled a response in the background.
        ResponseCancelled = "response.cancelled",
        /// A response in the background was cut short.
        ResponseIncomplete = "response.incomplete",
        /// A run of an evaluation is done.
        EvalRunSucceeded = "eval.run.succeeded",
        /// A run of an evaluation went wrong.
        EvalRunFailed = "eval.run.failed",
        /// Someone cancelled a run of an evaluation; spelt as OpenAI does.
        EvalRunCanceled = "eval.run.canceled" | "eval.run.cancelled",
        /// Someone calls a realtime session by telephone.
        RealtimeCallIncoming = "realtime.call.incoming",
        /// Someone calls a live session by telephone.
        LiveCallIncoming = "live.call.incoming",
        /// Someone connects to a live session.
        LiveTransportIncoming = "live.transport.incoming",
        /// OpenAI warns of a use that its rules forbid.
        SafetyWarningIssued = "safety.warning_issued",
        /// OpenAI ended a use that its rules forbid.
        SafetyDeactivationIssued = "safety.deactivation_issued",
        /// An agent's environment was put to rest.
        AgentEnvironmentSuspended = "agent.environment.suspended",
        /// An agent's environment is gone.
        AgentEnvironmentExpired = "agent.environment.expired",
    }
}
