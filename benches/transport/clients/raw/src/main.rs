//! reqwest and serde_json, as one writes it by hand for one program.

use std::process::ExitCode;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Chat, KEY, MODEL, Role, Seen, Turn};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    harness::main::<Raw>()
}

#[derive(Clone)]
struct Raw {
    http: reqwest::Client,
    url: String,
}

impl Chat for Raw {
    fn connect(base_url: &str) -> Self {
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new(), url: format!("{base_url}/chat/completions") }
    }

    async fn complete(&self, conversation: &'static [Turn]) -> Result<Answer> {
        self.ask(&Request::new(conversation, false)).await
    }

    async fn stream(&self, conversation: &'static [Turn], seen: &mut Seen) -> Result<()> {
        let request = Request::new(conversation, true);
        let response = self.http.post(&self.url).bearer_auth(KEY).json(&request).send().await?;
        let mut response = response.error_for_status()?;
        let mut buffer = Vec::new();
        while let Some(bytes) = response.chunk().await? {
            buffer.extend_from_slice(&bytes);
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = buffer.drain(..end + 2).collect();
                let event = std::str::from_utf8(&event)?;
                let Some(data) = event.trim_end().strip_prefix("data: ") else { continue };
                if data == "[DONE]" {
                    // To the end of the body, so that the connection can be used again.
                    while response.chunk().await?.is_some() {}
                    return Ok(());
                }
                let chunk: Chunk = serde_json::from_str(data)?;
                seen.weigh(&chunk);
                if let Some(choice) = chunk.choices.first() {
                    seen.text(choice.delta.content.as_deref().unwrap_or_default());
                }
                if let Some(usage) = chunk.usage {
                    seen.total_tokens(usage.total_tokens);
                }
            }
        }
        anyhow::bail!("the stream was cut short")
    }

    async fn ask_about(&self, png: Vec<u8>) -> Result<Answer> {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(&png));
        drop(png);
        let part = ImagePart { kind: "image_url", image_url: ImageUrl { url } };
        let message = ImageMessage { role: "user", content: vec![part] };
        self.ask(&ImageRequest { model: MODEL, messages: vec![message] }).await
    }
}

impl Raw {
    async fn ask<T: Serialize>(&self, request: &T) -> Result<Answer> {
        let response = self.http.post(&self.url).bearer_auth(KEY).json(request).send().await?;
        let completion: Completion = response.error_for_status()?.json().await?;
        let choice = completion.choices.into_iter().next();
        Ok(Answer {
            text: choice.and_then(|choice| choice.message.content).unwrap_or_default(),
            total_tokens: completion.usage.map_or(0, |usage| usage.total_tokens),
        })
    }
}

#[derive(Serialize)]
struct Request {
    model: &'static str,
    messages: Vec<RequestMessage>,
    temperature: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct RequestMessage {
    role: &'static str,
    content: &'static str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl Request {
    fn new(conversation: &'static [Turn], stream: bool) -> Self {
        let messages = conversation.iter().map(|turn| RequestMessage {
            role: match turn.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: turn.text,
        });
        Self {
            model: MODEL,
            messages: messages.collect(),
            temperature: 0.2,
            stream: stream.then_some(true),
            stream_options: stream.then_some(StreamOptions { include_usage: true }),
        }
    }
}

#[derive(Serialize)]
struct ImageRequest {
    model: &'static str,
    messages: Vec<ImageMessage>,
}

#[derive(Serialize)]
struct ImageMessage {
    role: &'static str,
    content: Vec<ImagePart>,
}

#[derive(Serialize)]
struct ImagePart {
    #[serde(rename = "type")]
    kind: &'static str,
    image_url: ImageUrl,
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Completion {
    id: String,
    created: u64,
    model: String,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Choice {
    index: u32,
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Message {
    role: String,
    content: Option<String>,
}

#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Chunk {
    id: String,
    created: u64,
    model: String,
    choices: Vec<ChunkChoice>,
    usage: Option<Usage>,
}

#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct ChunkChoice {
    index: u32,
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "typed as documented, whether used here or not")]
struct Delta {
    role: Option<String>,
    content: Option<String>,
}
