//! Fields that this version does not know, in what is sent.

use serde_json::Value;

macro_rules! with_extra {
    ($( $type:ident, )+) => { $(
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
    AssistantSettings,
    ChatRequest,
    CreateBatch,
    CreateConversation,
    CreateFineTuningJob,
    CreateRun,
    CreateThreadMessage,
    CreateUpload,
    EmbeddingRequest,
    FunctionDefinition,
    FunctionTool,
    Message,
    ModerationRequest,
    ResponseFormat,
    ResponseMessage,
    ResponseRequest,
    StreamOptions,
    TextFormat,
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
