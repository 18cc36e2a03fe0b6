//! What most servers send, for rows that are about something else.

use serde_json::{Value, json};

/// An answer of the usual form.
pub(crate) fn hello() -> Value {
    json!({
        "id": "c1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    })
}

/// An answer of the usual form, with this message.
pub(crate) fn message(message: Value) -> Value {
    let mut body = hello();
    body["choices"][0]["message"] = message;
    body
}

/// An answer of the usual form, with one top-level field set to this.
pub(crate) fn hello_with(field: &str, value: Value) -> Value {
    let mut body = hello();
    body[field] = value;
    body
}

/// An event of a stream.
#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` in place")]
pub(crate) fn data(json: Value) -> String {
    format!("data: {json}\n\n")
}

/// An event of a stream, in which the only answer grows by this.
#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` in place")]
pub(crate) fn delta(delta: Value) -> String {
    data(json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

/// An event of a stream, in which the only answer ends for this reason.
pub(crate) fn end(reason: &str) -> String {
    data(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

/// The first half of an answer.
pub(crate) const HEL: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
/// The second half.
pub(crate) const LO: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n";
/// Its end.
pub(crate) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
/// What it took.
pub(crate) const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
/// The end of the stream.
pub(crate) const DONE: &str = "data: [DONE]\n\n";
