//! What is wrong with JSON, told without showing any of it.

use std::fmt;

use serde_json::error::Category;

/// Where JSON is not what was expected, without the text that stands there.
///
/// What a model or a server wrote may hold what people told it, and errors end up in logs, so
/// serde's own message, which quotes values, is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonFault {
    problem: &'static str,
    line: usize,
    column: usize,
}

impl JsonFault {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in that line, in bytes and counted from 1; 0 at the very start.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        let problem = match error.classify() {
            Category::Data => "the JSON has another shape than expected",
            Category::Eof => "the JSON ends too early",
            Category::Syntax | Category::Io => "the text is not JSON",
        };
        Self { problem, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, line, column } = self;
        write!(f, "{problem} at line {line}, column {column}")
    }
}

impl std::error::Error for JsonFault {}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let fault = JsonFault::from(serde_json::from_str::<Vec<u32>>(text).unwrap_err());
        expected.assert_eq(&fault.to_string());
        assert!(!format!("{fault:?}").contains("secret"));
    }

    #[test]
    fn a_fault_tells_its_kind_and_place_and_not_the_text() {
        check(
            "[1,\n\"secret\"]",
            expect!["the JSON has another shape than expected at line 2, column 8"],
        );
        check("[1, 2", expect!["the JSON ends too early at line 1, column 5"]);
        check("[1, secret]", expect!["the text is not JSON at line 1, column 5"]);
        check("", expect!["the JSON ends too early at line 1, column 0"]);
    }
}
