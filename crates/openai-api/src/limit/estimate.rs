//! How many tokens a request may take, before anyone has counted them.

use std::io;

#[cfg(feature = "http")]
use memchr::memmem;
#[cfg(feature = "http")]
use serde_json::Value;

use crate::chat::{ChatCompletion, ChatRequest};
use crate::chunk::ChatChunk;
use crate::message::{Content, ContentPart, KnownPart, Message};
use crate::model::ModelId;

/// What a request asks for, as far as can be told before it is sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Demand {
    pub(super) model: ModelId,
    /// Tokens of what is asked.
    pub(super) prompt: u64,
    /// Tokens of the answer.
    pub(super) answer: u64,
}

impl Demand {
    pub(super) fn of(request: &ChatRequest) -> Self {
        let (prompt, answer) = (prompt(request), answer(request));
        Self { model: request.model.clone(), prompt, answer }
    }

    /// What a body asks for, if it names a model.
    ///
    /// Images have been taken out of it as often as `lifted` says. An answer of numbers has no
    /// tokens.
    #[cfg(feature = "http")]
    pub(crate) fn of_json(json: &[u8], lifted: usize, has_answer: bool) -> Option<Self> {
        let told: Told = serde_json::from_slice(json).ok()?;
        let limits = [told.max_completion_tokens, told.max_output_tokens, told.max_tokens];
        let limit = limits.into_iter().flatten().find_map(|limit| limit.as_u64());
        let answer = if has_answer { limit.unwrap_or(OF_AN_ANSWER) } else { 0 };
        let (inline, bytes) = data_urls(json);
        let texts = of_bytes((json.len() - bytes) as u64);
        let prompt = texts + (lifted + inline) as u64 * OF_A_PART;
        Some(Self { model: told.model?, prompt, answer })
    }
}

/// What a body tells of its demand, whatever the endpoint.
#[cfg(feature = "http")]
#[derive(serde::Deserialize)]
struct Told {
    model: Option<ModelId>,
    max_tokens: Option<Value>,
    max_completion_tokens: Option<Value>,
    max_output_tokens: Option<Value>,
}

/// How many `data:` URLs there are, and how many bytes they take.
#[cfg(feature = "http")]
fn data_urls(json: &[u8]) -> (usize, usize) {
    let (mut count, mut bytes, mut rest) = (0, 0, json);
    while let Some(start) = memmem::find(rest, br#""data:"#) {
        rest = &rest[start + 1..];
        let length = memchr::memchr(b'"', rest).unwrap_or(rest.len());
        rest = &rest[length..];
        count += 1;
        bytes += length;
    }
    (count, bytes)
}

/// Bytes of text in an answer, or an event of it: what goes beyond the fields around it.
#[cfg(feature = "http")]
pub(super) fn bytes_in(json: &[u8]) -> u64 {
    (json.len() as u64).saturating_sub(OF_FIELDS).max(BYTES_PER_TOKEN)
}

/// Tokens of a request's messages and tools.
fn prompt(request: &ChatRequest) -> u64 {
    let mut tools = Length(0);
    if !request.tools.is_empty() {
        // Counting cannot fail; what cannot be written fails when it is sent.
        let _ = serde_json::to_writer(&mut tools, &request.tools);
    }
    let (texts, others) =
        request.messages.iter().map(message).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    of_bytes(texts + tools.0) + others * OF_A_PART
}

/// Tokens of the answer at most, as far as the request says.
fn answer(request: &ChatRequest) -> u64 {
    request.token_limit().map_or(OF_AN_ANSWER, u64::from)
}

/// Tokens of a whole answer, by its texts.
pub(super) fn completed(completion: &ChatCompletion) -> u64 {
    let messages = completion.choices.iter().map(|choice| message(&choice.message).0);
    of_bytes(messages.sum())
}

/// Bytes of a piece of an answer.
pub(super) fn bytes_of(chunk: &ChatChunk) -> u64 {
    let deltas = chunk.choices.iter().map(|choice| &choice.delta);
    let bytes = deltas.map(|delta| {
        let calls = delta.tool_calls.iter().map(|call| call.function.arguments.len());
        delta.content.as_ref().map_or(0, String::len) + calls.sum::<usize>()
    });
    bytes.sum::<usize>() as u64
}

/// Tokens of a text of so many bytes.
pub(super) fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// A message's bytes of text, and how many parts are something else.
fn message(message: &Message) -> (u64, u64) {
    let calls = message.tool_calls.iter();
    let calls: usize =
        calls.map(|call| call.function.name.len() + call.function.arguments.len()).sum();
    let (texts, others) = match &message.content {
        None => (0, 0),
        Some(Content::Text(text)) => (text.len(), 0),
        Some(Content::Parts(parts)) => {
            let texts = parts.iter().filter_map(ContentPart::text).map(str::len).sum();
            let is_text =
                |part: &&ContentPart| matches!(part, ContentPart::Known(KnownPart::Text { .. }));
            (texts, parts.len() - parts.iter().filter(is_text).count())
        }
    };
    ((calls + texts) as u64, others as u64)
}

struct Length(u64);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// OpenAI's rule of thumb for English; other languages take fewer bytes, and are counted low.
const BYTES_PER_TOKEN: u64 = 4;
/// An image takes from 85 tokens to about 1100.
const OF_A_PART: u64 = 1000;
const OF_AN_ANSWER: u64 = 500;
/// Bytes of the fields around the text of an event, in round numbers.
#[cfg(feature = "http")]
const OF_FIELDS: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FunctionCall, ImageUrl, Tool, ToolCall};

    #[test]
    fn a_request_is_estimated_by_its_texts_its_images_and_its_limit() {
        let mut calling = Message::assistant("");
        let arguments = "x".repeat(37);
        let function = FunctionCall { name: "f_x".into(), arguments, ..FunctionCall::default() };
        calling.tool_calls.push(ToolCall::new("1", function));
        let image = ImageUrl::new(format!("data:image/png;base64,{}", "A".repeat(1 << 20)));
        let parts = vec![ContentPart::from_text("12345"), ContentPart::from_image(image)];
        let mut request = ChatRequest::new("m", vec![calling, Message::user(parts)]);
        assert_eq!((prompt(&request), answer(&request)), (1012, 500));
        request.tools = vec![Tool::function("f", "d", serde_json::json!({}))];
        let tools = serde_json::to_string(&request.tools).unwrap().len() as u64;
        assert_eq!(prompt(&request), 1000 + (45 + tools).div_ceil(4));
        assert_eq!(answer(&request.with_max_completion_tokens(7)), 7);
        assert_eq!(prompt(&ChatRequest::new("m", Vec::new())), 0);
    }
    #[cfg(feature = "http")]
    #[test]
    fn a_body_is_estimated_by_its_length_its_images_and_its_limit() {
        let of = |json: &str, has_answer| Demand::of_json(json.as_bytes(), 1, has_answer);
        let demand = |prompt, answer| Some(Demand { model: "m".into(), prompt, answer });
        let plain = r#"{"model":"m","input":"12345678"}"#;
        assert_eq!(of(plain, true), demand(1000 + 8, 500));
        assert_eq!(of(plain, false), demand(1000 + 8, 0));
        let limited = r#"{"max_tokens":null,"max_output_tokens":7,"model":"m"}"#;
        assert_eq!(of(limited, true), demand(1000 + 14, 7));
        let image = format!(r#"{{"model":"m","x":["data:{}"]}}"#, "A".repeat(4000));
        assert_eq!(of(&image, true), demand(2000 + 6, 500));
        for other in ["", "[]", "{}", "--boundary", r#"{"model":"m""#] {
            assert_eq!(of(other, true), None, "{other}");
        }
    }
}
