//! `openai-oxide`.

use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt as _;
use harness::{Answer, Chat, KEY, MODEL, Role, Seen, Turn};
use openai_oxide::OpenAI;
use openai_oxide::config::ClientConfig;
use openai_oxide::types::chat::{
    ChatCompletionMessageParam, ChatCompletionRequest, StreamOptions, UserContent,
};

fn main() -> ExitCode {
    harness::main::<Oxide>()
}

#[derive(Clone)]
struct Oxide(OpenAI);

impl Chat for Oxide {
    fn connect(base_url: &str) -> Self {
        Self(OpenAI::with_config(ClientConfig::new(KEY).base_url(base_url)))
    }

    async fn complete(&self, conversation: &'static [Turn]) -> Result<Answer> {
        let completion = self.0.chat().completions().create(request(conversation)).await?;
        let choice = completion.choices.into_iter().next();
        let total_tokens = completion.usage.and_then(|usage| usage.total_tokens);
        Ok(Answer {
            text: choice.and_then(|choice| choice.message.content).unwrap_or_default(),
            total_tokens: u64::try_from(total_tokens.unwrap_or_default())?,
        })
    }

    async fn stream(&self, conversation: &'static [Turn], seen: &mut Seen) -> Result<()> {
        let mut request = request(conversation);
        request.stream_options = Some(StreamOptions { include_usage: Some(true) });
        let mut stream = self.0.chat().completions().create_stream(request).await?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            seen.weigh(&chunk);
            if let Some(choice) = chunk.choices.first() {
                seen.text(choice.delta.content.as_deref().unwrap_or_default());
            }
            if let Some(total) = chunk.usage.as_ref().and_then(|usage| usage.total_tokens) {
                seen.total_tokens(u64::try_from(total)?);
            }
        }
        Ok(())
    }
}

fn request(conversation: &[Turn]) -> ChatCompletionRequest {
    let messages = conversation.iter().map(|turn| match turn.role {
        Role::System => {
            ChatCompletionMessageParam::System { content: turn.text.to_owned(), name: None }
        }
        Role::User => ChatCompletionMessageParam::User {
            content: UserContent::Text(turn.text.to_owned()),
            name: None,
        },
        Role::Assistant => ChatCompletionMessageParam::Assistant {
            content: Some(turn.text.to_owned()),
            name: None,
            tool_calls: None,
            refusal: None,
        },
    });
    let mut request = ChatCompletionRequest::new(MODEL, messages.collect());
    request.temperature = Some(0.2);
    request
}
