//! What came back, on one line.
//!
//! It is always whole, so that nothing a row does not mention can change unseen:
//!
//! - `"Hello" -> stop (3+2)` is an answer, why it ended, and its tokens; a call of a tool stands
//!   before the arrow as `id:name(arguments)`, a refusal as `refused "…"`, what the model thought as
//!   `thought "…"`; further answers follow an `&`;
//! - `429 rate_limit_exceeded/requests "slow down" after 20s, again` is the server's error with
//!   code, kind and the field at fault, what else it is known to mean (`too long`, `no such model`), and whether
//!   asking again may help;
//! - `"Hel" then …` is an error that came after a part of the answer;
//! - anything else is the error as people read it, with its causes.

use std::error::Error as StdError;
use std::time::Duration;

use openai_api::{
    ApiError, Batch, BatchAnswer, ChatCompletion, Choice, Embeddings, Error, File, FineTuningJob,
    Model, Moderation, Response,
};
pub(crate) fn completion(answer: &ChatCompletion) -> String {
    let mut line = answer.choices.iter().map(choice).collect::<Vec<_>>().join(" & ");
    if let Some(usage) = &answer.usage {
        line.push_str(&format!(" ({}+{})", usage.prompt_tokens, usage.completion_tokens));
    }
    line
}

fn choice(choice: &Choice) -> String {
    let message = &choice.message;
    let mut line = format!("{:?}", message.text());
    if let Some(refusal) = &message.refusal {
        line.push_str(&format!(" refused {refusal:?}"));
    }
    if let Some(thought) = &message.reasoning_content {
        line.push_str(&format!(" thought {thought:?}"));
    }
    for call in &message.tool_calls {
        let function = &call.function;
        line.push_str(&format!(" {}:{}({})", call.id, function.name, function.arguments));
    }
    let reason = choice.finish_reason.as_ref().map_or("nothing", |reason| reason.as_str());
    format!("{line} -> {reason}")
}

pub(crate) fn response(answer: &Response) -> String {
    let mut line = format!("{:?}", answer.text());
    if let Some(refusal) = answer.refusal() {
        line.push_str(&format!(" refused {refusal:?}"));
    }
    for call in answer.function_calls() {
        line.push_str(&format!(" {}:{}({})", call.call_id, call.name, call.arguments));
    }
    let status = answer.status.as_ref().map_or("nothing", |status| status.as_str());
    line.push_str(&format!(" -> {status}"));
    if let Some(reason) = answer.incomplete_details.as_ref().and_then(|it| it.reason.as_ref()) {
        line.push_str(&format!(" for {reason}"));
    }
    if let Some(usage) = &answer.usage {
        line.push_str(&format!(" ({}+{})", usage.input_tokens, usage.output_tokens));
    }
    line
}

pub(crate) fn model(model: &Model) -> String {
    let mut line = model.id.to_string();
    if let Some(window) = model.context_window() {
        line.push_str(&format!(" ({window})"));
    }
    if let Some(warning) = model.warning() {
        line.push_str(&format!(": {warning}"));
    }
    line
}

pub(crate) fn embeddings(answer: &Embeddings) -> String {
    let mut line =
        list(&answer.data, |vector| format!("{}: {:?}", vector.index, &*vector.embedding));
    if let Some(usage) = &answer.usage {
        line.push_str(&format!(" ({})", usage.prompt_tokens));
    }
    line
}

pub(crate) fn moderation(answer: &Moderation) -> String {
    let found = list(&answer.results, |result| {
        result.flagged_categories().collect::<Vec<_>>().join(" and ")
    });
    format!("{}: {found}", if answer.is_flagged() { "harmful" } else { "harmless" })
}

pub(crate) fn batch(batch: &Batch) -> String {
    let mut line = format!("{} {}", batch.id, batch.status);
    if let Some(counts) = &batch.request_counts {
        let (done, failed, all) = (counts.completed, counts.failed, counts.total);
        line.push_str(&format!(" {done}+{failed} of {all}"));
    }
    for file in batch.output_file_id.iter().chain(&batch.error_file_id) {
        line.push_str(&format!(" -> {file}"));
    }
    for fault in batch.errors.iter().flat_map(|errors| &errors.data) {
        line.push_str(&format!(" failed {:?}", fault.message.as_deref().unwrap_or("-")));
    }
    line
}

pub(crate) fn batch_answer(answer: &BatchAnswer) -> String {
    let of = &answer.custom_id;
    match answer.answer::<ChatCompletion>() {
        Ok(answer) => format!("{of} {}", completion(&answer)),
        Err(error) => format!("{of} {}", failure(&error)),
    }
}

pub(crate) fn file_line(file: &File) -> String {
    let purpose = file.purpose.as_ref().map_or("-", |purpose| purpose.as_str());
    format!("{} {:?} {} {purpose}", file.id, file.filename, file.bytes)
}

pub(crate) fn job_line(job: &FineTuningJob) -> String {
    let mut line = format!("{} {}", job.id, job.status);
    for file in job.training_file.iter().chain(&job.training_files) {
        line.push_str(&format!(" of {file}"));
    }
    if let Some(epochs) = job.hyperparameters.as_ref().and_then(|it| it.n_epochs) {
        line.push_str(&format!(" x{epochs}"));
    }
    if let Some(model) = &job.fine_tuned_model {
        line.push_str(&format!(" -> {model}"));
    }
    if let Some(failure) = job.failure() {
        line.push_str(&format!(" failed {:?}", failure.message.as_deref().unwrap_or("-")));
    }
    line
}

pub(crate) fn list<T>(entries: &[T], line: impl Fn(&T) -> String) -> String {
    if entries.is_empty() {
        return "nothing".to_owned();
    }
    entries.iter().map(line).collect::<Vec<_>>().join(", ")
}

pub(crate) fn failure(error: &Error) -> String {
    let again = if error.is_retryable() { "again" } else { "final" };
    match error {
        Error::Api(answer) => {
            let mut line = api(answer);
            for (holds, word) in [
                (error.is_context_length_exceeded(), "too long"),
                (error.is_model_not_found(), "no such model"),
            ] {
                if holds {
                    line.push_str(&format!(", {word}"));
                }
            }
            format!("{line}, {again}")
        }
        // How a connection breaks is told differently by each system.
        Error::Transport { .. } | Error::Connect { .. } => {
            let shown = error.to_string();
            format!("{}, {again}", shown.split(" to ").next().unwrap_or_default())
        }
        Error::Exhausted { attempts, source } => {
            format!("after {attempts} attempts: {}", failure(source))
        }
        error => {
            let first: Option<&dyn StdError> = Some(error);
            let causes = std::iter::successors(first, |&error| error.source());
            // Where exactly JSON stops making sense is not what a row is about.
            let causes = causes.map(|cause| {
                let text = cause.to_string();
                text.split(" at line ").next().unwrap_or_default().to_owned()
            });
            format!("{}, {again}", causes.collect::<Vec<_>>().join(": "))
        }
    }
}

fn api(error: &ApiError) -> String {
    let mut line = error.status.to_string();
    if let Some(code) = &error.code {
        line.push_str(&format!(" {code}"));
    }
    if let Some(kind) = &error.kind {
        let before = if error.code.is_some() { "" } else { " " };
        line.push_str(&format!("{before}/{kind}"));
    }
    if let Some(param) = &error.param {
        line.push_str(&format!(" of {param}"));
    }
    line.push_str(&format!(" {:?}", error.message));
    match error.retry_after {
        // Until a date, and so never twice the same.
        Some(wait) if wait > YEAR => line.push_str(" after years"),
        Some(wait) => line.push_str(&format!(" after {wait:?}")),
        None => {}
    }
    line
}

const YEAR: Duration = Duration::from_hours(365 * 24);
