//! Questions and answers in fields of their own: [Stanford Alpaca](https://github.com/tatsu-lab/stanford_alpaca)'s
//! and their like.

use openai_api::Message;
use serde_json::Value;

use super::{Object, example, optional, take, take_label, text, unknown_shape, with_extra};
use crate::dataset::{Example, Label, Preference};
use crate::messages::Fault;

/// `{"instruction":…,"input":…,"output":…,"system":…,"history":[[…,…],…]}`.
pub(super) fn conversation(mut object: Object, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let mut list = prompt(&mut object)?;
    list.push(Message::assistant(text(&mut object, "output")?));
    example(list, label, object)
}

/// `{"instruction":…,"input":…,"chosen":…,"rejected":…}`, as LLaMA-Factory has them.
pub(super) fn preference(mut object: Object) -> Result<Preference, Fault> {
    let prompt = prompt(&mut object)?;
    let mut answer = |field| text(&mut object, field).map(Message::assistant);
    let (chosen, rejected) = (answer("chosen")?, answer("rejected")?);
    Ok(with_extra(Preference::new(prompt, chosen, rejected), object))
}

/// A question and its answer under other names; the fault says which are known.
pub(super) fn flat(mut object: Object, label: Label) -> Result<Example, Fault> {
    let names = PAIRS
        .iter()
        .find(|(question, answer)| object.contains_key(*question) && object.contains_key(*answer));
    let Some((question, answer)) = names else {
        return Err(unknown_shape(&object));
    };
    let label = take_label(&mut object, label)?;
    let before = if *question == "question" { optional(&mut object, "context")? } else { None };
    let asked: Vec<String> = before.into_iter().chain([text(&mut object, question)?]).collect();
    let mut list: Vec<Message> =
        optional(&mut object, "system")?.map(Message::system).into_iter().collect();
    list.push(Message::user(asked.join("\n\n")));
    list.push(Message::assistant(text(&mut object, answer)?));
    example(list, label, object)
}

/// The instructions, earlier turns, and the question.
fn prompt(object: &mut Object) -> Result<Vec<Message>, Fault> {
    let mut list: Vec<Message> =
        optional(object, "system")?.map(Message::system).into_iter().collect();
    match take(object, "history") {
        Value::Null => {}
        Value::Array(turns) => {
            for (at, turn) in turns.iter().enumerate() {
                let texts = turn.as_array().map(|turn| turn.iter().map(Value::as_str));
                let texts: Option<Vec<&str>> = texts.and_then(Iterator::collect);
                let Some([question, answer]) = texts.as_deref() else {
                    let words = "must be a question and an answer, both strings";
                    return Err(Fault::new(format!("history[{at}]"), words));
                };
                list.push(Message::user(*question));
                list.push(Message::assistant(*answer));
            }
        }
        _ => return Err(Fault::new("history", "must be an array")),
    }
    let asked = text(object, "instruction")?;
    let asked = match optional(object, "input")? {
        Some(input) => format!("{asked}\n\n{input}"),
        None => asked,
    };
    list.push(Message::user(asked));
    Ok(list)
}

/// Which fields hold a question and its answer.
const PAIRS: [(&str, &str); 3] =
    [("question", "answer"), ("instruction", "response"), ("input", "output")];
