//! `async-openai`.

use std::process::ExitCode;

use anyhow::Result;
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage,
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionStreamOptions, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt as _;
use harness::{Answer, Chat, KEY, MODEL, Role, Seen, Turn};

fn main() -> ExitCode {
    harness::main::<AsyncOpenAi>()
}

#[derive(Clone)]
struct AsyncOpenAi(Client<OpenAIConfig>);

impl Chat for AsyncOpenAi {
    fn connect(base_url: &str) -> Self {
        let config = OpenAIConfig::new().with_api_base(base_url).with_api_key(KEY);
        Self(Client::with_config(config))
    }

    async fn complete(&self, conversation: &'static [Turn]) -> Result<Answer> {
        let completion = self.0.chat().create(request(conversation, false)?).await?;
        let choice = completion.choices.into_iter().next();
        Ok(Answer {
            text: choice.and_then(|choice| choice.message.content).unwrap_or_default(),
            total_tokens: completion.usage.map_or(0, |usage| usage.total_tokens.into()),
        })
    }

    async fn stream(&self, conversation: &'static [Turn], seen: &mut Seen) -> Result<()> {
        let mut stream = self.0.chat().create_stream(request(conversation, true)?).await?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            seen.weigh(&chunk);
            if let Some(choice) = chunk.choices.first() {
                seen.text(choice.delta.content.as_deref().unwrap_or_default());
            }
            if let Some(usage) = &chunk.usage {
                seen.total_tokens(usage.total_tokens.into());
            }
        }
        Ok(())
    }
}

fn request(conversation: &[Turn], stream: bool) -> Result<CreateChatCompletionRequest> {
    let messages = conversation.iter().map(|turn| -> ChatCompletionRequestMessage {
        match turn.role {
            Role::System => ChatCompletionRequestSystemMessage::from(turn.text).into(),
            Role::User => ChatCompletionRequestUserMessage::from(turn.text).into(),
            Role::Assistant => ChatCompletionRequestAssistantMessage::from(turn.text).into(),
        }
    });
    let mut request = CreateChatCompletionRequestArgs::default();
    request.model(MODEL).messages(messages.collect::<Vec<_>>()).temperature(0.2_f32);
    if stream {
        request.stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        });
    }
    Ok(request.build()?)
}
