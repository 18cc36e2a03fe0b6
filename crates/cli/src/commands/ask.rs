//! `attune ask`: one question.

use anyhow::Result;
use facade::{Ask, OpenAiModel, Reply, ReplyPart, ReplyStream};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::{self, Asking};
use crate::commands::stdin;
use crate::context::Context;
use crate::failure::Usage;
use crate::render::Output;

pub(crate) async fn run(context: &Context, args: args::Ask) -> Result<Outcome> {
    let question = question(&args.question).await?;
    let model = context.model().await?;
    let ask = with(context, Ask::new(question), &args.how);
    let answered = async || answer(context.output, &model, ask.clone(), args.stream).await;
    context.answer(&model, answered).await?;
    Ok(Outcome::Done)
}

/// The question with how it is to be asked.
pub(crate) fn with(context: &Context, mut ask: Ask, how: &Asking) -> Ask {
    // The command line goes before the assistant's own instructions.
    if let Some(instruction) = &context.global.system {
        ask = ask.with_system_instruction(instruction);
    }
    if let Some(attempts) = how.attempts {
        ask = ask.with_attempts(attempts.get());
    }
    if let Some(max_tokens) = how.max_tokens {
        ask = ask.with_max_tokens(max_tokens.get());
    }
    if let Some(temperature) = how.temperature {
        ask = ask.with_temperature(temperature);
    }
    ask
}

/// A reply for programs.
pub(crate) fn to_json(reply: &Reply) -> Value {
    json!({
        "text": reply.text,
        "sentiment": reply.sentiment,
        "usage": reply.usage,
        "model": reply.model,
        "finish_reason": reply.finish_reason,
        "request_id": reply.request_id,
        "dialogue": reply.dialogue.as_str(),
        "turn": reply.turn,
    })
}

/// Says that an answer is not whole, if it is not.
pub(crate) fn note_cut(output: Output, reply: &Reply) {
    if reply.finish_reason == Some(openai_api::FinishReason::Length) {
        output.note("note: the answer was cut at its limit of tokens; --max-tokens sets it");
    }
}

async fn question(words: &[String]) -> Result<String> {
    let question = match words {
        [] if stdin::is_terminal() => {
            return Err(Usage("there is no question; write it after `ask`".to_owned()).into());
        }
        [] => stdin::all().await?.trim_end().to_owned(),
        [dash] if dash == "-" => stdin::all().await?.trim_end().to_owned(),
        words => words.join(" "),
    };
    if question.trim().is_empty() {
        return Err(Usage("the question is empty".to_owned()).into());
    }
    Ok(question)
}

async fn answer(output: Output, model: &OpenAiModel, ask: Ask, stream: bool) -> Result<()> {
    let reply = match (stream, output.is_json()) {
        (true, false) => grow(output, model.ask_stream(ask).await?).await?,
        (true, true) => last_of(model, ask).await?,
        (false, _) => {
            let reply = match model.ask(ask).await {
                // It was given, so it is shown; that it could not be kept is the failure.
                Err(facade::Error::NotKept { reply, source }) => {
                    if !output.is_json() {
                        output.line(&reply.text)?;
                    }
                    return Err(facade::Error::NotKept { reply, source }.into());
                }
                reply => reply?,
            };
            if !output.is_json() {
                output.line(&reply.text)?;
            }
            reply
        }
    };
    if output.is_json() {
        output.json(&to_json(&reply))?;
    } else {
        note_cut(output, &reply);
    }
    Ok(())
}

/// Writes an answer as it grows.
pub(crate) async fn grow(output: Output, mut parts: ReplyStream<'_>) -> Result<Reply> {
    let mut begun = false;
    while let Some(part) = parts.next().await {
        match part {
            Ok(ReplyPart::Text(text)) => {
                // A reply has no white space around it.
                let text = if begun { text.as_str() } else { text.trim_start() };
                begun |= !text.is_empty();
                output.text(text)?;
            }
            Ok(ReplyPart::Done(reply)) => {
                output.line("")?;
                return Ok(*reply);
            }
            Ok(_) => {}
            Err(error) => {
                if begun {
                    output.line("")?;
                }
                return Err(error.into());
            }
        }
    }
    Err(openai_api::Error::Truncated.into())
}

async fn last_of(model: &OpenAiModel, ask: Ask) -> Result<Reply> {
    let mut parts = model.ask_stream(ask).await?;
    while let Some(part) = parts.next().await {
        if let ReplyPart::Done(reply) = part? {
            return Ok(*reply);
        }
    }
    Err(openai_api::Error::Truncated.into())
}
