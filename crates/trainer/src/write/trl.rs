//! TRL's lines: [conversational](https://huggingface.co/docs/trl/dataset_formats#conversational)
//! prompt-completion, preference and unpaired preference.

use openai_api::Message;
use serde::Serialize;

use super::{Kind, PairForm, Riders, push};
use crate::dataset::{Example, Label, Preference};
use crate::messages::Fault;

pub(super) const PAIR: PairForm = PairForm {
    open: r#"{"prompt":["#,
    system: r#"{"role":"system","content":""#,
    next: r#""},"#,
    user: r#"{"role":"user","content":""#,
    assistant: r#""}],"completion":[{"role":"assistant","content":""#,
    close: r#""}]"#,
    label: "label",
};

/// The messages before the answer, and the answer, on which alone TRL then learns.
pub(super) fn example(
    kind: Kind,
    example: &Example,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let (prompt, completion) = example.messages.split_at(example.messages.len().saturating_sub(1));
    let label = (kind == Kind::Unpaired).then_some(example.label == Label::Positive);
    push(out, &Line { prompt, completion, label, extra })
}

pub(super) fn preference(
    pair: &Preference,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let line =
        Pair { prompt: &pair.prompt, chosen: [&pair.preferred], rejected: [&pair.rejected], extra };
    push(out, &line)
}

/// The same with one message for each answer, as axolotl has it.
pub(super) fn preference_of_messages(
    pair: &Preference,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let line = MessagePair {
        messages: &pair.prompt,
        chosen: &pair.preferred,
        rejected: &pair.rejected,
        extra,
    };
    push(out, &line)
}

#[derive(Serialize)]
struct Line<'a> {
    prompt: &'a [Message],
    completion: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<bool>,
    #[serde(flatten)]
    extra: &'a Riders,
}

#[derive(Serialize)]
struct Pair<'a> {
    prompt: &'a [Message],
    chosen: [&'a Message; 1],
    rejected: [&'a Message; 1],
    #[serde(flatten)]
    extra: &'a Riders,
}

#[derive(Serialize)]
struct MessagePair<'a> {
    messages: &'a [Message],
    chosen: &'a Message,
    rejected: &'a Message,
    #[serde(flatten)]
    extra: &'a Riders,
}
