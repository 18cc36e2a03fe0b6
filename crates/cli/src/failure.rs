//! How a failure is told: once, with what to do, and for programs as JSON.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::commands::ask;
use crate::render::{Closed, Output};

/// Tells why a command failed, and returns the exit code that goes with it.
pub(crate) fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    if error.is::<Closed>() {
        return ExitCode::SUCCESS;
    }
    tell(error, output);
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// Tells why something failed, and lets the command go on.
pub(crate) fn tell(error: &anyhow::Error, output: Output) {
    if output.is_json() {
        // If this cannot be written either, standard error still says it.
        let _ = output.json(&body(error));
    }
    output.note(format_args!("attune: {}", chain(error)));
    if let Some(hint) = hint(error) {
        output.note(format_args!("hint: {hint}"));
    }
}

/// Tells what is wrong with the command line, or shows the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        let message = error.render().to_string();
        let message = message.trim_start_matches("error: ").lines().next().unwrap_or_default();
        let body = json!({"error": {
            "message": message, "code": "usage", "kind": "usage", "retryable": false,
        }});
        let _ = Output::new(true).json(&body);
    }
    // Standard output may be closed, as in `attune --help | head -1`.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A command line that parses and yet makes no sense.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Usage {}

/// Each level of the chain once: a level that says what its neighbour says already adds nothing.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if told.iter().any(|earlier| earlier.contains(&text)) {
            continue;
        }
        if told.last().is_some_and(|last| text.contains(last)) {
            told.pop();
        }
        told.push(text);
        // What the server says of it is the same in other words.
        if matches!(cause.downcast_ref(), Some(facade::Error::UnknownModel { .. })) {
            break;
        }
    }
    told.join(": ")
}

/// The error as a JSON object.
pub(crate) fn body(error: &anyhow::Error) -> Value {
    let (kind, code) = classify(error);
    let mut body = Map::from_iter([
        ("message".to_owned(), Value::from(chain(error))),
        ("code".to_owned(), Value::from(code)),
        ("kind".to_owned(), Value::from(kind)),
        ("retryable".to_owned(), Value::from(is_retryable(error))),
    ]);
    if let Some(backend) = find::<openai_api::Error>(error) {
        if let Some(api) = backend.as_api() {
            body["code"] = Value::from(api.code.clone().unwrap_or_else(|| code.to_owned()));
            body.insert("status".to_owned(), api.status.into());
            body.insert("type".to_owned(), api.kind.clone().into());
            body.insert("param".to_owned(), api.param.clone().into());
            body.insert("request_id".to_owned(), api.request_id.clone().into());
        }
        body.insert("attempts".to_owned(), backend.attempts().into());
    }
    // The answer was given and paid for; that it could not be kept does not take it back.
    match find::<facade::Error>(error) {
        Some(facade::Error::NotKept { reply, .. }) => {
            body.insert("reply".to_owned(), ask::to_json(reply));
        }
        Some(facade::Error::NotJudged { completion, .. }) => {
            body.insert("text".to_owned(), completion.text().into());
        }
        _ => {}
    }
    if let Some(trainer::Error::InvalidData(problems)) = find(error) {
        body.insert("problems".to_owned(), problems.iter().map(problem).collect());
    }
    json!({"error": body})
}

/// A fault in training data as a JSON object.
pub(crate) fn problem(problem: &trainer::Problem) -> Value {
    let origin = &problem.origin;
    json!({
        "file": origin.file.as_ref().map(|file| file.display().to_string()),
        "line": (origin.line > 0).then_some(origin.line),
        "column": origin.column,
        "message": problem.message,
    })
}

/// Which part failed, and a word for how.
fn classify(error: &anyhow::Error) -> (&'static str, &'static str) {
    if error.is::<Usage>() {
        return ("usage", "usage");
    }
    if let Some(error) = find::<facade::Error>(error) {
        match error {
            facade::Error::UnknownModel { .. } => return ("backend", "model_not_found"),
            facade::Error::UnknownAssistant { .. } => return ("assistants", "assistant_not_found"),
            facade::Error::Catalogue { .. } => return ("assistants", "invalid_catalogue"),
            facade::Error::NotConfigured { .. } => return ("setup", "not_configured"),
            facade::Error::InvalidInput { .. } => return ("input", "invalid_input"),
            facade::Error::NothingToLearn { .. } => return ("training", "nothing_to_learn"),
            facade::Error::File { .. } => return ("file", "file"),
            facade::Error::NotKept { .. } => return ("store", "not_kept"),
            _ => {}
        }
    }
    if let Some(error) = find::<trainer::Error>(error) {
        return (
            "training",
            match error {
                trainer::Error::InvalidData(_) => "invalid_data",
                trainer::Error::NothingToTrain { .. } => "nothing_to_train",
                trainer::Error::InvalidJob { .. } => "invalid_job",
                trainer::Error::JobNotFound(_) => "job_not_found",
                trainer::Error::UntrainableModel { .. } => "untrainable_model",
                trainer::Error::FineTuningClosed { .. } => "fine_tuning_closed",
                trainer::Error::JobEnded { .. } => "job_ended",
                trainer::Error::Io { .. } => "file",
                _ => "trainer",
            },
        );
    }
    if let Some(error) = find::<dialogue_store::Error>(error) {
        return (
            "store",
            match error {
                dialogue_store::Error::NotFound(_) => "dialogue_not_found",
                dialogue_store::Error::InvalidId { .. } => "invalid_id",
                dialogue_store::Error::NoSuchTurn { .. } => "no_such_turn",
                dialogue_store::Error::Corrupt { .. } => "corrupt",
                dialogue_store::Error::NewerFormat { .. } => "newer_format",
                dialogue_store::Error::Syntax { .. } | dialogue_store::Error::Entry { .. } => {
                    "invalid_dialogue"
                }
                dialogue_store::Error::Busy { .. } => "busy",
                _ => "store",
            },
        );
    }
    if let Some(error) = error.downcast_ref::<local_engine::Error>() {
        return (
            "models",
            match error {
                local_engine::Error::ModelExists { .. } => "model_exists",
                local_engine::Error::NotAModel { .. } => "not_a_model",
                local_engine::Error::BuiltIn { .. } => "built_in",
                local_engine::Error::BaseInUse { .. } => "base_in_use",
                local_engine::Error::Hub { .. } => "hub",
                local_engine::Error::Exists { .. } => "exists",
                local_engine::Error::NoRoom { .. } => "no_room",
                local_engine::Error::Export { .. } => "invalid_export",
                local_engine::Error::Io { .. } => "file",
                _ => "invalid_model",
            },
        );
    }
    if let Some(error) = find::<openai_api::Error>(error) {
        return (
            "backend",
            match error {
                openai_api::Error::Connect { .. } => "connect",
                openai_api::Error::Timeout { .. } => "timeout",
                openai_api::Error::Transport { .. } => "transport",
                openai_api::Error::Truncated => "truncated",
                openai_api::Error::Decode { .. } => "decode",
                openai_api::Error::InvalidRequest { .. } => "invalid_request",
                openai_api::Error::File { .. } => "file",
                openai_api::Error::Exhausted { .. } => "exhausted",
                _ => "backend",
            },
        );
    }
    ("attune", "failed")
}

/// What to type or look at next.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let (_, code) = classify(error);
    let api = find::<openai_api::Error>(error).and_then(openai_api::Error::as_api);
    Some(match (code, api.map(|api| api.status)) {
        ("model_not_found", _) => "`attune models` lists the models",
        ("assistant_not_found", _) => "`attune assistants` lists the assistants",
        ("dialogue_not_found", _) => "`attune dialogues list` lists the dialogues",
        ("no_such_turn", _) => "`attune dialogues show ID` numbers the turns",
        ("base_in_use", _) => "`--force` removes it all the same",
        ("job_not_found", _) => "`attune jobs list` lists the jobs",
        ("nothing_to_learn", _) => {
            "rate an answer with `attune dialogues rate ID TURN up`, or /good and /bad in \
             `attune chat`; `--unrated not-negative` takes more"
        }
        ("invalid_data", _) => "`attune data check PATH` lists every fault",
        (_, Some(401)) => "set OPENAI_API_KEY, or `--backend embedded` needs no key",
        ("connect", _) => "is the server up? `--base-url URL` (`--url` of deploy) names it",
        _ => return None,
    })
}

fn is_retryable(error: &anyhow::Error) -> bool {
    find::<facade::Error>(error).is_some_and(facade::Error::is_retryable)
        || find::<openai_api::Error>(error).is_some_and(openai_api::Error::is_retryable)
        || find::<trainer::Error>(error).is_some_and(trainer::Error::is_retryable)
        || find::<dialogue_store::Error>(error).is_some_and(dialogue_store::Error::is_retryable)
}

/// The first error of this type, wherever in the chain.
///
/// A transparent variant hides the error it wraps from the chain, so those are opened by hand.
fn find<E: StdError + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| {
        let cause = inside(cause);
        cause.iter().find_map(|cause| cause.downcast_ref())
    })
}

fn inside<'a>(cause: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut found = vec![cause];
    if let Some(error) = cause.downcast_ref::<facade::Error>() {
        match error {
            facade::Error::Backend(inner) => found.push(inner),
            facade::Error::Store(inner) => found.push(inner),
            facade::Error::Training(inner) => found.push(inner),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
