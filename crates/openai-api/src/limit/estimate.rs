//! How many tokens a request may take, before anyone has counted them.

use std::io;

use crate::chat::{ChatCompletion, ChatRequest};
use crate::chunk::ChatChunk;
use crate::message::{Content, ContentPart, KnownPart, Message};

/// Tokens of a request's messages and tools.
pub(super) fn prompt(request: &ChatRequest) -> u64 {
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
pub(super) fn answer(request: &ChatRequest) -> u64 {
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
}
