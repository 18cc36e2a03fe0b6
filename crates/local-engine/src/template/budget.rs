//! What a template may use up, and what it can fail with.

use crate::template::value::Value;

/// What is left of the steps and the memory of one rendering.
///
/// All text and all lists of a rendering are made through it, and nothing is given back: a value
/// that is dropped stays paid for. So what a template makes in its whole run is bounded.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    bytes: usize,
    depth: usize,
}

/// Why a template cannot be compiled or rendered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the template is longer than {SOURCE} bytes")]
    Long,
    #[error("the template is not Jinja that can be read")]
    Syntax(#[from] minijinja::Error),
    #[error("the template takes more than {STEPS} steps")]
    Steps,
    #[error("the template makes more than {BYTES} bytes")]
    Bytes,
    #[error("the template nests deeper than {0} levels")]
    Depth(usize),
    #[error("one {what} of the template has more than {most} parts")]
    Crowded { what: &'static str, most: usize },
    #[error("the template uses the {what} {name}, which is not offered")]
    Unknown { what: &'static str, name: String },
    #[error("the template {0}")]
    Misuse(String),
    /// The template's own words: it called `raise_exception`.
    #[error("the template refuses the conversation")]
    Refused(String),
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl Budget {
    pub(super) fn new() -> Self {
        Self { steps: STEPS, bytes: BYTES, depth: 0 }
    }

    /// Pays for work: one step stands for a node of the template, or 64 bytes looked at.
    pub(super) fn work(&mut self, steps: usize) -> Outcome<()> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or(Fault::Steps)?;
        Ok(())
    }

    /// Pays for looking at text.
    pub(super) fn look(&mut self, text: &str) -> Outcome<()> {
        self.work(1 + text.len() / 64)
    }

    /// Pays for memory, before it is allocated.
    pub(super) fn make(&mut self, bytes: usize) -> Outcome<()> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Fault::Bytes)?;
        self.work(1 + bytes / 64)
    }

    /// Pays for `count` values in a list.
    pub(super) fn make_items(&mut self, count: usize) -> Outcome<()> {
        self.make(count.saturating_mul(size_of::<Value>()).saturating_add(64))
    }

    pub(super) fn push(&mut self, out: &mut String, text: &str) -> Outcome<()> {
        self.make(text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// Pays for text that is there already, and makes a value of it.
    pub(super) fn text(&mut self, text: &str) -> Outcome<Value> {
        self.make(text.len() + 32)?;
        Ok(Value::Text(text.into()))
    }

    /// Goes one level deeper into the template; [`leave`](Self::leave) comes back.
    pub(super) fn enter(&mut self) -> Outcome<()> {
        self.work(1)?;
        self.depth += 1;
        if self.depth > DEPTH { Err(Fault::Depth(DEPTH)) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

pub(super) fn misuse<T>(problem: impl Into<String>) -> Outcome<T> {
    Err(Fault::Misuse(problem.into()))
}

/// The longest template of a well-known model takes 20 KB.
pub(super) const SOURCE: usize = 256 << 10;
/// A second or so; a conversation of thousands of messages takes a tenth of it.
const STEPS: u64 = 5_000_000;
/// Much more than any context window holds.
const BYTES: usize = 64 << 20;
/// Nested nodes of the template, calls of macros included. They fit a thread's usual 2 MiB.
const DEPTH: usize = 160;
