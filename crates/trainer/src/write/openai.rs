//! OpenAI's lines, in the shapes that its guides show.

use openai_api::Message;
use serde::Serialize;

use super::{PairForm, Riders, push};
use crate::dataset::{Example, Preference};
use crate::messages::Fault;

pub(super) const PAIR: PairForm = PairForm {
    open: r#"{"messages":["#,
    system: r#"{"role":"system","content":""#,
    next: r#""},"#,
    user: r#"{"role":"user","content":""#,
    assistant: r#""},{"role":"assistant","content":""#,
    close: r#""}]"#,
    label: "label",
};

pub(super) fn example(example: &Example, extra: &Riders, out: &mut Vec<u8>) -> Result<(), Fault> {
    push(out, &Chat { messages: &example.messages, extra })
}

pub(super) fn preference(
    pair: &Preference,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let line = Pair {
        input: Chat { messages: &pair.prompt, extra },
        preferred_output: [&pair.preferred],
        non_preferred_output: [&pair.rejected],
    };
    push(out, &line)
}

#[derive(Serialize)]
struct Chat<'a> {
    messages: &'a [Message],
    #[serde(flatten)]
    extra: &'a Riders,
}

#[derive(Serialize)]
struct Pair<'a> {
    input: Chat<'a>,
    preferred_output: [&'a Message; 1],
    non_preferred_output: [&'a Message; 1],
}
