//! Fields that this version does not know, in what is sent.

use serde_json::Value;

macro_rules! with_extra {
    ($( $(#[$meta:meta])* $type:ident, )+) => { $(
        $(#[$meta])*
        impl crate::$type {
            /// Sets a field that this version does not know.
            #[must_use]
            pub fn with_extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
                self.extra.insert(name.into(), value.into());
                self
            }
        }
    )+ };
}

with_extra! {
    #[cfg(feature = "assistants")]
    AssistantSettings,
    ChatRequest,
    #[cfg(feature = "batches")]
    CreateBatch,
    #[cfg(feature = "responses")]
    CreateConversation,
    #[cfg(feature = "fine-tuning")]
    CreateFineTuningJob,
    #[cfg(feature = "assistants")]
    CreateRun,
    #[cfg(feature = "assistants")]
    CreateThreadMessage,
    #[cfg(feature = "files")]
    CreateUpload,
    #[cfg(feature = "embeddings")]
    EmbeddingRequest,
    FunctionDefinition,
    #[cfg(feature = "responses")]
    FunctionTool,
    Message,
    #[cfg(feature = "moderations")]
    ModerationRequest,
    ResponseFormat,
    #[cfg(feature = "responses")]
    ResponseMessage,
    #[cfg(feature = "responses")]
    ResponseRequest,
    StreamOptions,
    #[cfg(feature = "responses")]
    TextFormat,
    #[cfg(feature = "assistants")]
    ThreadSettings,
    Tool,
}

#[cfg(test)]
mod tests {
    use crate::{ChatRequest, Message};

    #[test]
    fn what_this_version_does_not_know_is_sent_too() {
        let message = Message::user("hi").with_extra("cache_control", "ephemeral");
        let request = ChatRequest::new("m", vec![message]).with_extra("top_k", 40);
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            serde_json::json!({
                "model": "m",
                "messages": [{"role": "user", "content": "hi", "cache_control": "ephemeral"}],
                "top_k": 40,
            })
        );
    }
}
