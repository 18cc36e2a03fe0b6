//! Responses that come in events.

use crate::response::{Response, ResponseItem};
use crate::tagged::tagged;
use crate::wire::wire;

tagged! {
    /// One event of a response that is streamed.
    ///
    /// [`Other`](Self::Other) are those that only close what the deltas opened and those of the tools
    /// that a server runs itself; [`kind`](Self::kind) tells them apart.
    pub enum ResponseEvent {
        /// The response has begun.
        Created(ResponseProgress) = "response.created",
        /// It waits for its turn.
        Queued(ResponseProgress) = "response.queued",
        /// The model is at it.
        InProgress(ResponseProgress) = "response.in_progress",
        /// It is whole.
        Completed(ResponseProgress) = "response.completed",
        /// It was cut off, by a limit or a filter.
        Incomplete(ResponseProgress) = "response.incomplete",
        /// It went wrong. A client gives an error in its place.
        Failed(ResponseProgress) = "response.failed",
        /// An item has begun.
        OutputItemAdded(ResponseItemEvent) = "response.output_item.added",
        /// An item is whole.
        OutputItemDone(ResponseItemEvent) = "response.output_item.done",
        /// The text grows.
        TextDelta(ResponseDelta) = "response.output_text.delta",
        /// The refusal grows.
        RefusalDelta(ResponseDelta) = "response.refusal.delta",
        /// A call's arguments grow.
        ArgumentsDelta(ResponseDelta) = "response.function_call_arguments.delta",
        /// The summary of the reasoning grows.
        ReasoningSummaryDelta(ResponseDelta) = "response.reasoning_summary_text.delta",
        /// The reasoning itself grows.
        ReasoningDelta(ResponseDelta) = "response.reasoning_text.delta",
    }
}

impl ResponseEvent {
    /// The event's `type`, such as `response.output_text.delta`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Created(event)
            | Self::Queued(event)
            | Self::InProgress(event)
            | Self::Completed(event)
            | Self::Incomplete(event)
            | Self::Failed(event) => &event.kind,
            Self::OutputItemAdded(event) | Self::OutputItemDone(event) => &event.kind,
            Self::TextDelta(event)
            | Self::RefusalDelta(event)
            | Self::ArgumentsDelta(event)
            | Self::ReasoningSummaryDelta(event)
            | Self::ReasoningDelta(event) => &event.kind,
            Self::Other(event) => event["type"].as_str().unwrap_or_default(),
        }
    }

    /// The text that the answer grows by; empty when it does not.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::TextDelta(event) => &event.delta,
            _ => "",
        }
    }

    /// The response, if the event tells it as a whole.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Created(event)
            | Self::Queued(event)
            | Self::InProgress(event)
            | Self::Completed(event)
            | Self::Incomplete(event)
            | Self::Failed(event) => Some(&event.response),
            _ => None,
        }
    }

    /// Whether nothing more is to come, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed(_) | Self::Incomplete(_) | Self::Failed(_) => true,
            Self::Other(_) => matches!(self.kind(), "response.cancelled" | "error"),
            _ => false,
        }
    }
}

wire! {
    /// How far a response is.
    pub struct ResponseProgress {
        /// The event's type.
        pub kind as "type": String = stated,
        /// The event's place in the stream, by which to take it up again.
        pub sequence_number: Option<u64>,
        /// The response as it is now.
        pub response: Box<Response> = stated,
    }
}

wire! {
    /// An item that has begun or is whole.
    pub struct ResponseItemEvent {
        /// The event's type.
        pub kind as "type": String = stated,
        /// The event's place in the stream, by which to take it up again.
        pub sequence_number: Option<u64>,
        /// The item's place in the output.
        pub output_index: u32 = stated,
        /// The item as it is now.
        pub item: ResponseItem = stated,
    }
}

wire! {
    /// What a text grows by.
    pub struct ResponseDelta {
        /// The event's type.
        pub kind as "type": String = stated,
        /// The event's place in the stream, by which to take it up again.
        pub sequence_number: Option<u64>,
        /// The item's id.
        pub item_id: String = stated,
        /// The item's place in the output.
        pub output_index: u32 = stated,
        /// The part's place in the item.
        pub content_index: u32,
        /// The part's place in the summary of the reasoning.
        pub summary_index: u32,
        /// The text to append.
        pub delta: String = stated,
        /// How likely each token was, where asked for.
        pub logprobs: Vec<serde_json::Value>,
        /// Nothing of meaning: it hides how long the text is from those who watch the network.
        pub obfuscation: Option<String>,
    }
}
