//! Names that may be shown, and a list of faults that does not grow without bound.

use crate::error::{Error, Problem, Result};

/// Names of columns or fields, cut short: what stands in the place of a name may be data.
pub(crate) fn shown<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len() > MAX_SHOWN;
    let mut shown: Vec<&str> = names.take(MAX_SHOWN).map(shown_name).collect();
    if more {
        shown.push("…");
    }
    shown.join(", ")
}

fn shown_name(name: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    match name {
        "" => "(empty)",
        name if name.chars().count() <= MAX_NAME && name.chars().all(plain) => name,
        _ => "(text)",
    }
}

/// The faults found so far; full after [`Problems::MOST`].
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// After so many faults, the file as a whole is the fault.
    pub(crate) const MOST: usize = 20;

    /// Adds a fault; one too many is dropped.
    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    /// Whether looking for more is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Whether there is no fault.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` if there is no fault.
    pub(crate) fn or_ok<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::InvalidData(self.0)) }
    }
}

const MAX_SHOWN: usize = 12;
const MAX_NAME: usize = 32;
