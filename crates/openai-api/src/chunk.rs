//! Chat completions that come in chunks.

mod calls;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::calls::Calls;
use crate::chat::{ChatCompletion, Choice, FinishReason, Usage};
use crate::error::{Error, Result};
use crate::message::{Content, Message, Role};
use crate::meta::Meta;
use crate::model::ModelId;
use crate::tool::{FunctionCall, ToolKind};
use crate::wire::{Field as _, OBJECT, wire};

wire! {
    /// One chunk of a streamed answer.
    pub struct ChatChunk = "chat.completion.chunk" {
        /// The server's id for the answer, the same in each chunk.
        pub id: String = stated,
        /// When it was made, in seconds since the Unix epoch.
        pub created: u64 = stated,
        /// The model that answers.
        pub model: ModelId = stated,
        /// Which tier of service answers, such as `default` or `flex`.
        pub service_tier: Option<String>,
        /// Which configuration of the server answers; with another, the same seed may give another
        /// answer.
        pub system_fingerprint: Option<String>,
        /// What is new; empty in a chunk that only tells the usage.
        pub choices: Vec<ChunkChoice> = stated,
        /// How many tokens it took, in the last chunk where asked for.
        pub usage: Option<Usage>,
        /// Padding, so that the length of a chunk does not tell the length of its text.
        pub obfuscation: Option<String>,
    }
    own {
        /// Status and headers of the HTTP exchange, where there was one; shared by all chunks.
        pub meta: Option<Arc<Meta>>,
    }
}

impl ChatChunk {
    /// A chunk of one answer, as a backend in process makes it.
    pub fn new(
        id: impl Into<String>,
        model: impl Into<ModelId>,
        delta: Delta,
        finish_reason: Option<FinishReason>,
    ) -> Self {
        let choice = ChunkChoice { delta, finish_reason, ..ChunkChoice::blank() };
        Self { id: id.into(), model: model.into(), choices: vec![choice], ..Self::blank() }
    }

    /// The text that the first answer grows by; empty when it does not.
    #[must_use]
    pub fn text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
    }
}

wire! {
    /// What is new in one of the answers.
    pub struct ChunkChoice {
        /// Its place among the answers.
        pub index: u32 = stated,
        /// What to append.
        pub delta: Delta = stated,
        /// How likely the tokens were, where asked for.
        pub logprobs: Option<Value>,
        /// Why it ended, in its last chunk.
        pub finish_reason: Option<FinishReason> = stated,
    }
}

wire! {
    /// What an answer grows by.
    #[derive(Default)]
    pub struct Delta {
        /// The role, in the first chunk.
        pub role: Option<Role>,
        /// Text to append; of parts, their text, while their thoughts go into `reasoning_content`.
        pub content by TextOfParts(reasoning_content): Option<String>,
        /// Text to append to the refusal.
        pub refusal: Option<String>,
        /// Text to append to what the model thought, where a server tells it.
        pub reasoning_content: Option<String>,
        /// Pieces of tool calls.
        pub tool_calls: Vec<ToolCallDelta>,
    }
}

impl Delta {
    /// The first chunk's: the assistant begins to speak.
    #[must_use]
    pub fn begin() -> Self {
        Self { role: Some(Role::Assistant), content: Some(String::new()), ..Self::default() }
    }

    /// Text to append.
    pub fn text(content: impl Into<String>) -> Self {
        Self { content: Some(content.into()), ..Self::default() }
    }

    /// A piece of a tool call.
    #[must_use]
    pub fn call(piece: ToolCallDelta) -> Self {
        Self { tool_calls: vec![piece], ..Self::default() }
    }
}

wire! {
    /// A piece of a tool call.
    #[derive(Eq)]
    pub struct ToolCallDelta {
        /// Which of the calls it belongs to; not every server says.
        pub index: Option<u32>,
        /// The call's id, in its first piece.
        pub id: Option<String>,
        /// The kind of call, in its first piece.
        pub kind as "type": Option<ToolKind>,
        /// A piece of the name and of the arguments; empty for a call of another kind.
        pub function: FunctionCall,
    }
}

impl ToolCallDelta {
    /// The first piece of the call with this index: a function is called.
    pub fn begin(index: u32, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            index: Some(index),
            id: Some(id.into()),
            kind: Some(ToolKind::Function),
            function: FunctionCall::new(name, ""),
            ..Self::blank()
        }
    }

    /// A later piece of it: arguments to append.
    pub fn arguments(index: u32, arguments: impl Into<String>) -> Self {
        let function = FunctionCall::new("", arguments);
        Self { index: Some(index), function, ..Self::blank() }
    }
}

/// Puts the chunks of a stream together into the whole answer.
///
/// ```
/// use openai_api::{ChatAccumulator, ChatChunk, Delta, FinishReason};
///
/// let mut answer = ChatAccumulator::default();
/// answer.push(ChatChunk::new("c1", "m", Delta::text("Hel"), None));
/// answer.push(ChatChunk::new("c1", "m", Delta::text("lo"), Some(FinishReason::Stop)));
/// assert_eq!(answer.finish().unwrap().text(), "Hello");
/// ```
#[derive(Debug, Default)]
pub struct ChatAccumulator {
    completion: Option<ChatCompletion>,
    /// For each of its choices, where the calls of tools are.
    calls: Vec<Calls>,
}

impl ChatAccumulator {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: ChatChunk) {
        let completion = self.completion.get_or_insert_with(|| {
            let mut empty = ChatCompletion::new(
                chunk.model.clone(),
                Message::assistant(""),
                FinishReason::Stop,
            );
            empty.choices.clear();
            empty
        });
        if completion.id.is_empty() {
            completion.id = chunk.id;
        }
        if completion.created == 0 {
            completion.created = chunk.created;
        }
        if completion.model.as_str().is_empty() {
            completion.model = chunk.model;
        }
        completion.service_tier = chunk.service_tier.or(completion.service_tier.take());
        completion.system_fingerprint =
            chunk.system_fingerprint.or(completion.system_fingerprint.take());
        completion.usage = chunk.usage.or(completion.usage.take());
        completion.meta = chunk.meta.or(completion.meta.take());
        let mut extra = chunk.extra;
        // What a chunk is called is not what the whole is.
        extra.remove(OBJECT);
        replace(&mut completion.extra, extra);
        for piece in chunk.choices {
            let index = piece.index;
            let place = completion.choices.binary_search_by_key(&index, |choice| choice.index);
            let place = place.unwrap_or_else(|place| {
                let message = Message::assistant("");
                completion.choices.insert(place, Choice { index, message, ..Choice::blank() });
                self.calls.insert(place, Calls::default());
                place
            });
            let choice = &mut completion.choices[place];
            choice.finish_reason = piece.finish_reason.or(choice.finish_reason.take());
            add_logprobs(&mut choice.logprobs, piece.logprobs);
            let mut extra = piece.extra;
            // Some servers tell the whole so far beside what is new, and one that does not stream
            // tells nothing else, or a role at most.
            let whole = extra.remove("message").filter(|_| !adds(&piece.delta));
            replace(&mut choice.extra, extra);
            let whole = whole.and_then(|whole| serde_json::from_value(whole).ok());
            match whole.filter(|whole| says(whole) || !says(&choice.message)) {
                Some(whole) => {
                    let before = std::mem::replace(&mut choice.message, whole);
                    // What was said is not unsaid by a whole that has calls alone.
                    if has_no_text(&choice.message) && !has_no_text(&before) {
                        choice.message.content = before.content;
                    }
                    self.calls[place] = Calls::default();
                }
                None => append(&mut choice.message, &mut self.calls[place], piece.delta),
            }
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if no chunk came, or an answer has no finish reason: the stream was
    /// cut short.
    pub fn finish(self) -> Result<ChatCompletion> {
        let completion = self.completion.ok_or(Error::Truncated)?;
        let cut = completion.choices.iter().any(|choice| choice.finish_reason.is_none());
        if cut || completion.choices.is_empty() { Err(Error::Truncated) } else { Ok(completion) }
    }
}

/// Whether an answer grows by this; a role and empty texts are nothing that it grows by.
fn adds(delta: &Delta) -> bool {
    let texts = [&delta.content, &delta.refusal, &delta.reasoning_content];
    has_text(texts) || !delta.tool_calls.is_empty() || has_any(&delta.extra)
}

/// Whether a message tells more than whom it is from.
fn says(message: &Message) -> bool {
    !has_no_text(message)
        || has_text([&message.refusal, &message.reasoning_content])
        || !message.tool_calls.is_empty()
        || message.audio.is_some()
        || has_any(&message.extra)
}

fn has_no_text(message: &Message) -> bool {
    match &message.content {
        None => true,
        Some(Content::Text(text)) => text.is_empty(),
        Some(Content::Parts(parts)) => parts.is_empty(),
    }
}

fn has_text<'a>(texts: impl IntoIterator<Item = &'a Option<String>>) -> bool {
    texts.into_iter().flatten().any(|text| !text.is_empty())
}

/// Whether an answer, a thought or a call is in fields that are not those of every message.
fn has_any(extra: &Map<String, Value>) -> bool {
    let fields = ["reasoning", "audio", "function_call"].map(|name| extra.get(name));
    fields.into_iter().flatten().any(|field| match field {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    })
}

fn append(message: &mut Message, calls: &mut Calls, delta: Delta) {
    if let (Some(more), Some(Content::Text(text))) = (delta.content, &mut message.content) {
        text.push_str(&more);
    }
    if let Some(more) = delta.refusal {
        message.refusal.get_or_insert_default().push_str(&more);
    }
    if let Some(more) = delta.reasoning_content {
        message.reasoning_content.get_or_insert_default().push_str(&more);
    }
    for piece in delta.tool_calls {
        calls.append(&mut message.tool_calls, piece);
    }
    let mut extra = delta.extra;
    // These are fields of a whole message, and seldom ones of what it grows by.
    if let Some(Value::Array(more)) = extra.remove("annotations") {
        message.annotations.extend(more);
    }
    if let Some(Value::Object(more)) = extra.remove("audio") {
        add_audio(&mut message.audio, more);
    }
    for (name, field) in [("name", &mut message.name), ("tool_call_id", &mut message.tool_call_id)]
    {
        if let Some(Value::String(told)) = extra.remove(name) {
            *field = Some(told);
        }
    }
    // `reasoning` and the like grow too.
    grow(&mut message.extra, extra);
}

/// Puts a piece of sound behind those before: what it is and what it says grow, as both come in
/// pieces; its id and when it expires are told once.
fn add_audio(all: &mut Option<Value>, more: Map<String, Value>) {
    let mut fields = match all.take() {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (pieces, told) =
        more.into_iter().partition(|(name, _)| matches!(&**name, "data" | "transcript"));
    grow(&mut fields, pieces);
    replace(&mut fields, told);
    *all = Some(Value::Object(fields));
}

/// Puts how likely the tokens were behind that of those before.
fn add_logprobs(all: &mut Option<Value>, more: Option<Value>) {
    let Some(more) = more else { return };
    let (Some(Value::Object(all)), Value::Object(more)) = (all.as_mut(), &more) else {
        *all = Some(more);
        return;
    };
    for (name, more) in more {
        match (all.get_mut(name), more) {
            (Some(Value::Array(all)), Value::Array(more)) => all.extend(more.iter().cloned()),
            (_, Value::Null) => {}
            (_, more) => {
                all.insert(name.clone(), more.clone());
            }
        }
    }
}

/// Puts unknown fields of what grows together: texts grow, objects merge, the rest is replaced.
fn grow(fields: &mut Map<String, Value>, pieces: Map<String, Value>) {
    merge(fields, pieces, |text, more| text.push_str(&more));
}

/// Puts unknown fields of what is told anew in each chunk together: objects merge, the rest is
/// replaced.
fn replace(fields: &mut Map<String, Value>, pieces: Map<String, Value>) {
    merge(fields, pieces, |text, other| *text = other);
}

fn merge(
    fields: &mut Map<String, Value>,
    pieces: Map<String, Value>,
    add: fn(&mut String, String),
) {
    for (name, piece) in pieces {
        match (fields.get_mut(&name), piece) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(piece)) => add(text, piece),
            (Some(Value::Object(fields)), Value::Object(pieces)) => merge(fields, pieces, add),
            (_, piece) => {
                fields.insert(name, piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(json: &str) -> ChatChunk {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn chunks_add_up_to_the_whole_answer() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
        ));
        answer.push(chunk(r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#));
        answer.push(chunk(r#"{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"#));
        answer.push(chunk(r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2}}"#));
        let answer = answer.finish().unwrap();
        assert_eq!((answer.id.as_str(), answer.text().as_str()), ("c", "Hello"));
        assert_eq!(answer.finish_reason(), Some(&FinishReason::Stop));
        assert_eq!(answer.usage.unwrap().prompt_tokens, 3);
    }

    /// The answer that chunks add up to, which is the same once it was written and read.
    fn whole(chunks: &[&str]) -> ChatCompletion {
        let mut answer = ChatAccumulator::default();
        for json in chunks {
            answer.push(chunk(json));
        }
        let answer = answer.finish().unwrap();
        let written = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<ChatCompletion>(&written).unwrap(), answer, "{written}");
        answer
    }

    #[test]
    fn an_answer_that_comes_whole_is_taken_whole() {
        let answer = whole(&[
            r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",
                "content":[{"type":"text","text":"a"}],"refusal":null,"tool_calls":[{"id":"t","type":"function",
                "function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"stop"}]}"#,
        ]);
        assert_eq!((answer.text().as_str(), answer.choices[0].message.tool_calls.len()), ("a", 1));
        let told = [
            r#"{"choices":[{"message":{"content":"Hel"}}]}"#,
            r#"{"choices":[{"message":{"content":"Hello"},"delta":null,"finish_reason":"stop"}]}"#,
        ];
        assert_eq!(whole(&told).text(), "Hello");
        let beside = [r#"{"choices":[{"delta":{"content":"Hel"},"message":{"content":"Hello"}}]}"#];
        let last = r#"{"choices":[{"delta":{"content":"lo"},"message":7,"finish_reason":"stop"}]}"#;
        assert_eq!(whole(&[beside[0], last]).text(), "Hello");
    }

    #[test]
    fn a_whole_beside_a_delta_that_adds_nothing_is_taken() {
        for delta in [
            r#"{"role":"assistant"}"#,
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":"","refusal":"","reasoning_content":"","reasoning":null,"tool_calls":[]}"#,
        ] {
            let json = format!(
                r#"{{"choices":[{{"delta":{delta},"message":{{"content":"Hello"}},"finish_reason":"stop"}}]}}"#
            );
            assert_eq!(whole(&[&json]).text(), "Hello", "{delta}");
        }
        let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f",
            "arguments":"{}"}}]},"message":{"content":"Hello"},"finish_reason":"tool_calls"}]}"#;
        assert_eq!(whole(&[call]).choices[0].message.tool_calls.len(), 1);
    }

    #[test]
    fn a_whole_that_is_blank_leaves_what_was_said() {
        let said = r#"{"choices":[{"delta":{"content":"Hello","reasoning_content":"Hm"}}]}"#;
        for blank in ["{}", r#"{"role":"assistant","content":""}"#, r#"{"content":null}"#, "null"] {
            let json = format!(
                r#"{{"choices":[{{"delta":{{"role":"assistant"}},"message":{blank},"finish_reason":"stop"}}]}}"#
            );
            let answer = whole(&[said, &json]);
            let thought = answer.choices[0].message.reasoning_content.as_deref();
            assert_eq!((answer.text().as_str(), thought), ("Hello", Some("Hm")), "{blank}");
        }
        let calls = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"t","type":"function",
            "function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
        let answer = whole(&[said, calls]);
        let calls = answer.choices[0].message.tool_calls.len();
        assert_eq!((answer.text().as_str(), calls), ("Hello", 1));
    }

    #[test]
    fn what_only_whole_messages_have_may_come_in_pieces_too() {
        let answer = whole(&[
            r#"{"choices":[{"delta":{"annotations":[{"url":"a"}],"audio":{"id":"s","data":"AA"}}}]}"#,
            r#"{"choices":[{"delta":{"annotations":[{"url":"b"}],"audio":{"transcript":"Hel"}}}]}"#,
            r#"{"choices":[{"delta":{"audio":{"id":"s","data":"BB","transcript":"lo","expires_at":9},
                "name":"n","tool_call_id":null},"finish_reason":"stop"}]}"#,
        ]);
        let message = &answer.choices[0].message;
        assert_eq!((message.annotations.len(), message.name.as_deref()), (2, Some("n")));
        let audio =
            serde_json::json!({"id": "s", "data": "AABB", "transcript": "Hello", "expires_at": 9});
        assert_eq!(message.audio.as_ref(), Some(&audio));
        assert!(message.extra.is_empty());
    }

    #[test]
    fn what_else_a_chunk_carries_adds_up_too() {
        let mut answer = ChatAccumulator::default();
        for json in [
            r#"{"system_fingerprint":"f","service_tier":"flex","choices":[{"delta":{"reasoning":"so ","reasoning_content":"so "},
                "logprobs":{"content":[{"token":"a"}],"refusal":null}}]}"#,
            r#"{"choices":[{"delta":{"content":"A","reasoning":"it is","reasoning_content":"it is"},"x":1,
                "logprobs":{"content":[{"token":"b"}]},"finish_reason":"stop"}]}"#,
        ] {
            answer.push(chunk(json));
        }
        let answer = answer.finish().unwrap();
        assert_eq!(answer.system_fingerprint.as_deref(), Some("f"));
        assert_eq!(answer.service_tier.as_deref(), Some("flex"));
        let choice = &answer.choices[0];
        assert_eq!(choice.message.reasoning_content.as_deref(), Some("so it is"));
        assert_eq!(choice.message.extra["reasoning"], "so it is");
        assert_eq!(choice.extra["x"], 1);
        let tokens = serde_json::json!([{"token": "a"}, {"token": "b"}]);
        assert_eq!(choice.logprobs.as_ref().unwrap()["content"], tokens);
    }

    #[test]
    fn what_is_told_anew_in_each_chunk_is_told_once_in_the_whole() {
        let mut answer = ChatAccumulator::default();
        for json in [
            r#"{"object":"","prompt_filter_results":[{"prompt_index":0}],"choices":[]}"#,
            r#"{"object":"chunk","provider":"p","citations":["a"],"x_groq":{"id":"r"},"choices":[{
                "text":"A","content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},
                "delta":{"tool_calls":[{"index":0,"id":"t","type":"custom","custom":{"name":"f","input":"a"},
                    "function":{"thought":"s"},"signature":"s"}]}}]}"#,
            r#"{"provider":"p","citations":["a","b"],"x_groq":{"usage":{}},"choices":[{
                "text":"B","content_filter_results":{"hate":{"severity":"low"},"self_harm":{}},
                "delta":{"tool_calls":[{"index":0,"custom":{"name":"f","input":"b"},
                    "function":{"thought":"s"},"signature":"s"}]},"finish_reason":"stop"}]}"#,
        ] {
            answer.push(chunk(json));
        }
        let answer = serde_json::to_value(answer.finish().unwrap()).unwrap();
        assert_eq!(
            answer,
            serde_json::json!({
                "id": "", "created": 0, "model": "", "object": "chat.completion", "usage": null,
                "prompt_filter_results": [{"prompt_index": 0}], "provider": "p",
                "citations": ["a", "b"], "x_groq": {"id": "r", "usage": {}},
                "choices": [{
                    "index": 0, "finish_reason": "stop", "text": "B",
                    "content_filter_results": {
                        "hate": {"filtered": false, "severity": "low"}, "self_harm": {},
                    },
                    "message": {"role": "assistant", "content": "", "tool_calls": [{
                        "id": "t", "type": "custom", "custom": {"name": "f", "input": "ab"},
                        "function": {"arguments": "", "thought": "s"}, "signature": "s",
                    }]},
                }],
            })
        );
    }

    #[test]
    fn thoughts_among_the_parts_of_a_text_are_told_beside_it() {
        let thought = r#"{"type":"thinking","thinking":[{"type":"text","text":"H"},{"text":"m"}]}"#;
        let plain = r#"{"type":"thinking","thinking":"."}"#;
        for (parts, text, thoughts) in [
            (thought.to_owned(), None, Some("Hm")),
            (format!(r#"{thought},{plain},{{"type":"text","text":"A"}}"#), Some("A"), Some("Hm.")),
            (r#"{"type":"text","text":"A"},{"type":"reference"}"#.to_owned(), Some("A"), None),
            (String::new(), Some(""), None),
        ] {
            let delta: Delta =
                serde_json::from_str(&format!(r#"{{"content":[{parts}]}}"#)).unwrap();
            let told = (delta.content.as_deref(), delta.reasoning_content.as_deref());
            assert_eq!(told, (text, thoughts), "{parts}");
        }
        for json in [
            format!(r#"{{"reasoning_content":"Hm","content":[{thought}]}}"#),
            format!(r#"{{"content":[{thought}],"reasoning_content":"Hm"}}"#),
            format!(r#"{{"content":[{thought}],"reasoning_content":null}}"#),
        ] {
            let delta: Delta = serde_json::from_str(&json).unwrap();
            assert_eq!(delta.reasoning_content.as_deref(), Some("Hm"), "{json}");
        }
    }

    #[test]
    fn tool_calls_are_put_together_from_their_pieces() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
        ));
        answer.push(chunk(
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}"#,
        ));
        let answer = answer.finish().unwrap();
        let call = &answer.choices[0].message.tool_calls[0];
        assert_eq!((call.id.as_str(), call.function.arguments.as_str()), ("t1", r#"{"a":1}"#));
    }

    #[test]
    fn a_call_of_another_kind_is_put_together_with_what_is_unknown() {
        let mut answer = ChatAccumulator::default();
        for piece in [
            r#"{"index":0,"id":"t","type":"custom","custom":{"name":"c","input":""},"x":1}"#,
            r#"{"index":0,"custom":{"input":"so "},"x":null}"#,
            r#"{"index":0,"custom":{"input":"be it"},"x":2}"#,
        ] {
            let delta: ToolCallDelta = serde_json::from_str(piece).unwrap();
            let written = serde_json::to_value(&delta).unwrap();
            assert_eq!(written, serde_json::from_str::<Value>(piece).unwrap());
            let delta = Delta { tool_calls: vec![delta], ..Delta::default() };
            answer.push(ChatChunk::new("c", "m", delta, None));
        }
        let reason = Some(FinishReason::ToolCalls);
        answer.push(ChatChunk::new("c", "m", Delta::default(), reason));
        let answer = answer.finish().unwrap();
        assert_eq!(
            serde_json::to_value(&answer.choices[0].message.tool_calls).unwrap(),
            serde_json::json!([
                {"id": "t", "type": "custom", "custom": {"name": "c", "input": "so be it"}, "x": 2}
            ])
        );
    }

    #[test]
    fn a_piece_of_a_call_survives_a_round_trip() {
        for piece in [
            r#"{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":1,"function":{"arguments":"{}","thought":"t"},"extra_content":{"a":[1]}}"#,
        ] {
            let delta: ToolCallDelta = serde_json::from_str(piece).unwrap();
            assert_eq!(
                serde_json::to_value(&delta).unwrap(),
                serde_json::from_str::<Value>(piece).unwrap()
            );
        }
    }

    #[test]
    fn a_stream_without_a_finish_reason_is_truncated() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(r#"{"choices":[{"delta":{"content":"Hel"}}]}"#));
        assert!(matches!(answer.finish(), Err(Error::Truncated)));
        assert!(matches!(ChatAccumulator::default().finish(), Err(Error::Truncated)));
    }
}
