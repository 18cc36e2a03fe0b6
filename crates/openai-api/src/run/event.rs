//! Runs that come in events.

use std::fmt;

use serde_json::Value;

use crate::run::{Run, RunStatus, RunStep, RunStepDelta};
use crate::thread::{Thread, ThreadMessage, ThreadMessageDelta};

/// One event of a run that is streamed.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEvent {
    /// A thread was begun.
    Thread(Thread),
    /// The run has come a step further; its status says how far.
    Run(Box<Run>),
    /// A step has begun or come further; its status says how far.
    Step(Box<RunStep>),
    /// A step grows.
    StepDelta(RunStepDelta),
    /// A message has begun or is whole; its status says which.
    Message(Box<ThreadMessage>),
    /// A message grows.
    MessageDelta(ThreadMessageDelta),
    /// An event that this version does not know, with its name.
    Other(String, Value),
}

impl RunEvent {
    /// The text that the answer grows by; empty when it does not.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::MessageDelta(delta) => delta.text(),
            _ => String::new(),
        }
    }

    /// Whether the run goes no further by itself: it has ended, or waits for what tools answer.
    #[must_use]
    pub fn is_last(&self) -> bool {
        match self {
            Self::Run(run) => run.status.is_terminal() || run.status == RunStatus::RequiresAction,
            _ => false,
        }
    }

    /// Reads an event by its name, or where it has none, by what its data says it is.
    #[cfg(feature = "http")]
    pub(crate) fn read(name: &str, data: Value) -> serde_json::Result<Self> {
        let object = data.get("object").and_then(Value::as_str).unwrap_or(name);
        let is = |what: &str| object == what;
        Ok(if is("thread.message.delta") {
            Self::MessageDelta(serde_json::from_value(data)?)
        } else if is("thread.run.step.delta") {
            Self::StepDelta(serde_json::from_value(data)?)
        } else if is("thread.run.step") || object.starts_with("thread.run.step.") {
            Self::Step(serde_json::from_value(data)?)
        } else if is("thread.run") || object.starts_with("thread.run.") {
            Self::Run(serde_json::from_value(data)?)
        } else if is("thread.message") || object.starts_with("thread.message.") {
            Self::Message(serde_json::from_value(data)?)
        } else if is("thread") || is("thread.created") {
            Self::Thread(serde_json::from_value(data)?)
        } else {
            Self::Other(name.to_owned(), data)
        })
    }
}

impl fmt::Debug for RunEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(thread) => thread.fmt(f),
            Self::Run(run) => run.fmt(f),
            Self::Step(step) => step.fmt(f),
            Self::StepDelta(delta) => delta.fmt(f),
            Self::Message(message) => message.fmt(f),
            Self::MessageDelta(delta) => delta.fmt(f),
            // What it holds may be what someone wrote.
            Self::Other(name, _) => f.debug_tuple("Other").field(name).finish_non_exhaustive(),
        }
    }
}
