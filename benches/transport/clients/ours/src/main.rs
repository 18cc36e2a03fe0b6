//! `openai-api`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt as _;
use harness::{Answer, Chat, KEY, MODEL, Role, Seen, Turn};
use openai_api::{
    ChatBackend as _, ChatCompletion, ChatRequest, Client, ContentPart, FilePurpose, ImageUrl,
    Message,
};

fn main() -> ExitCode {
    harness::main::<Ours>()
}

#[derive(Clone)]
struct Ours(Client);

impl Chat for Ours {
    fn connect(base_url: &str) -> Self {
        Self(Client::builder().base_url(base_url).key(KEY).build().unwrap())
    }

    async fn complete(&self, conversation: &'static [Turn]) -> Result<Answer> {
        answer(self.0.complete(request(conversation)).await?)
    }

    async fn stream(&self, conversation: &'static [Turn], seen: &mut Seen) -> Result<()> {
        let mut stream = self.0.stream(request(conversation)).await?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            seen.weigh(&chunk);
            seen.text(chunk.text());
            if let Some(usage) = &chunk.usage {
                seen.total_tokens(usage.total_tokens);
            }
        }
        Ok(())
    }

    async fn ask_about(&self, png: Vec<u8>) -> Result<Answer> {
        let image = ContentPart::from_image(ImageUrl::from_bytes(&png)?);
        drop(png);
        let parts = vec![ContentPart::from_text("What is this?"), image];
        let request = ChatRequest::new(MODEL, vec![Message::user(parts)]);
        answer(self.0.complete(request).await?)
    }

    async fn upload(&self, path: &Path) -> Result<()> {
        self.0.upload_file(path, FilePurpose::Batch).await?;
        Ok(())
    }
}

fn answer(completion: ChatCompletion) -> Result<Answer> {
    let total_tokens = completion.usage.as_ref().map_or(0, |usage| usage.total_tokens);
    Ok(Answer { text: completion.into_text(), total_tokens })
}

fn request(conversation: &[Turn]) -> ChatRequest {
    let messages = conversation.iter().map(|turn| match turn.role {
        Role::System => Message::system(turn.text),
        Role::User => Message::user(turn.text),
        Role::Assistant => Message::assistant(turn.text),
    });
    ChatRequest::new(MODEL, messages.collect()).with_temperature(0.2)
}
