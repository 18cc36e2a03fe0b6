//! `genai`.

use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt as _;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};
use harness::{Answer, Chat, KEY, MODEL, Role, Seen, Turn};

fn main() -> ExitCode {
    harness::main::<GenAi>()
}

#[derive(Clone)]
struct GenAi(Client);

impl Chat for GenAi {
    fn connect(base_url: &str) -> Self {
        let endpoint = Endpoint::from_owned(format!("{base_url}/"));
        let resolver = ServiceTargetResolver::from_resolver_fn(
            move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
                Ok(ServiceTarget {
                    endpoint: endpoint.clone(),
                    auth: AuthData::from_single(KEY),
                    model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
                })
            },
        );
        Self(Client::builder().with_service_target_resolver(resolver).build().unwrap())
    }

    async fn complete(&self, conversation: &'static [Turn]) -> Result<Answer> {
        let options = ChatOptions::default().with_temperature(0.2);
        let response = self.0.exec_chat(MODEL, request(conversation), Some(&options)).await?;
        let total_tokens = response.usage.total_tokens.unwrap_or_default();
        Ok(Answer {
            total_tokens: u64::try_from(total_tokens)?,
            text: response.into_first_text().unwrap_or_default(),
        })
    }

    async fn stream(&self, conversation: &'static [Turn], seen: &mut Seen) -> Result<()> {
        let options = ChatOptions::default().with_temperature(0.2).with_capture_usage(true);
        let response =
            self.0.exec_chat_stream(MODEL, request(conversation), Some(&options)).await?;
        let mut stream = response.stream;
        while let Some(event) = stream.next().await {
            match event? {
                ChatStreamEvent::Chunk(chunk) => {
                    // Its chunk is that string and cannot be copied.
                    seen.weigh(&chunk.content);
                    seen.text(&chunk.content);
                }
                ChatStreamEvent::End(end) => {
                    let usage = end.captured_usage.and_then(|usage| usage.total_tokens);
                    seen.total_tokens(u64::try_from(usage.unwrap_or_default())?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn request(conversation: &[Turn]) -> ChatRequest {
    let messages = conversation.iter().map(|turn| match turn.role {
        Role::System => ChatMessage::system(turn.text),
        Role::User => ChatMessage::user(turn.text),
        Role::Assistant => ChatMessage::assistant(turn.text),
    });
    ChatRequest::new(messages.collect())
}
