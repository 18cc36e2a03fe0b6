//! What a dialogue is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The id of a dialogue, safe as the name of a file.
///
/// One to 128 of the characters `A–Z a–z 0–9 . _ -`, the first of which is no dot.
///
/// ```
/// use dialogue_store::DialogueId;
///
/// let id: DialogueId = "support-2026.08".parse()?;
/// assert_eq!(id.as_str(), "support-2026.08");
/// assert!("../secrets".parse::<DialogueId>().is_err());
/// # Ok::<(), dialogue_store::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DialogueId(String);

impl DialogueId {
    /// A new id: a version 7 UUID as 32 hexadecimal digits, so later ids sort after earlier ones.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn problem(id: &str) -> Option<&'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if id.is_empty() {
            Some("it is empty")
        } else if id.len() > MAX_LENGTH {
            Some("it is longer than 128 characters")
        } else if id.starts_with('.') {
            Some("it starts with a dot")
        } else if !id.bytes().all(allowed) {
            Some("only A-Z, a-z, 0-9, dot, underscore and hyphen may occur in it")
        } else {
            None
        }
    }
}

impl FromStr for DialogueId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self, Error> {
        Self::try_from(id.to_owned())
    }
}

impl TryFrom<String> for DialogueId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self, Error> {
        match Self::problem(&id) {
            None => Ok(Self(id)),
            Some(problem) => Err(Error::InvalidId { id: shortened(&id), problem }),
        }
    }
}

impl From<DialogueId> for String {
    fn from(id: DialogueId) -> Self {
        id.0
    }
}

impl AsRef<str> for DialogueId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DialogueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn shortened(id: &str) -> String {
    if id.chars().count() <= MAX_LENGTH {
        return id.to_owned();
    }
    id.chars().take(MAX_LENGTH).chain(['…']).collect()
}

const MAX_LENGTH: usize = 128;

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(id: &str, expected: Expect) {
        let shown = match id.parse::<DialogueId>() {
            Ok(id) => id.to_string(),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn only_names_that_are_safe_as_files_are_ids() {
        check("a", expect!["a"]);
        check("Support-2026_08.v1", expect!["Support-2026_08.v1"]);
        check("", expect![[r#""" is no dialogue id: it is empty"#]]);
        check(".lock", expect![[r#"".lock" is no dialogue id: it starts with a dot"#]]);
        check(
            "a/b",
            expect![[
                r#""a/b" is no dialogue id: only A-Z, a-z, 0-9, dot, underscore and hyphen may occur in it"#
            ]],
        );
        check(
            "беседа",
            expect![[
                r#""беседа" is no dialogue id: only A-Z, a-z, 0-9, dot, underscore and hyphen may occur in it"#
            ]],
        );
        assert!("x".repeat(128).parse::<DialogueId>().is_ok());
        assert!("x".repeat(129).parse::<DialogueId>().is_err());
    }

    #[test]
    fn random_ids_are_valid_and_differ() {
        let (one, other) = (DialogueId::random(), DialogueId::random());
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse::<DialogueId>().unwrap(), one);
    }
}
