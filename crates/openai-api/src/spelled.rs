//! A known value that remembers how a server spelled it.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::{Field, any_word};

/// A value with the spelling it came in, which is the one it is written in again.
///
/// Servers have spellings of their own for what means the same: Mistral's `SUCCESS` is OpenAI's
/// `succeeded`. It is used, compared and shown as the value; a value set here is spelled as OpenAI
/// does.
///
/// ```
/// use openai_api::{FineTuningJob, FineTuningStatus};
///
/// let job: FineTuningJob = serde_json::from_str(r#"{"id":"1","status":"SUCCESS"}"#).unwrap();
/// assert_eq!(job.status, FineTuningStatus::Succeeded);
/// assert_eq!((job.status.as_str(), job.status.as_told()), ("succeeded", "SUCCESS"));
/// assert_eq!(serde_json::to_string(&job).unwrap(), r#"{"id":"1","status":"SUCCESS"}"#);
/// ```
#[derive(Clone, Eq)]
pub struct Spelled<T> {
    value: T,
    /// The spelling, where it is not the value's own.
    told: Option<Box<str>>,
}

impl<T> Spelled<T> {
    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: AsRef<str>> Spelled<T> {
    /// The value as the server spelled it.
    #[must_use]
    pub fn as_told(&self) -> &str {
        self.told.as_deref().unwrap_or_else(|| self.value.as_ref())
    }
}

impl<T> Deref for Spelled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Spelled<T> {
    fn from(value: T) -> Self {
        Self { value, told: None }
    }
}

impl<T: PartialEq> PartialEq for Spelled<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: PartialEq> PartialEq<T> for Spelled<T> {
    fn eq(&self, other: &T) -> bool {
        self.value == *other
    }
}

impl<T: fmt::Display> fmt::Display for Spelled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for Spelled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: AsRef<str>> Serialize for Spelled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_told())
    }
}

impl<'de, T: AsRef<str> + for<'a> From<&'a str>> Deserialize<'de> for Spelled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = any_word(deserializer)?;
        let value = T::from(&text);
        let told = (value.as_ref() != text).then(|| text.into());
        Ok(Self { value, told })
    }
}

impl<T: Field + AsRef<str> + for<'a> From<&'a str>> Field for Spelled<T> {
    fn blank() -> Self {
        T::blank().into()
    }

    fn is_blank(&self) -> bool {
        self.value.is_blank()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FineTuningStatus;

    #[test]
    fn a_spelling_is_kept_until_the_value_is_set() {
        for (told, value) in [
            ("QUEUED", FineTuningStatus::Queued),
            ("queued", FineTuningStatus::Queued),
            ("Resting", FineTuningStatus::Other("Resting".to_owned())),
        ] {
            let json = serde_json::Value::from(told);
            let mut status: Spelled<FineTuningStatus> =
                serde_json::from_value(json.clone()).unwrap();
            assert_eq!(status, value);
            assert_eq!(serde_json::to_value(&status).unwrap(), json);
            status = FineTuningStatus::Failed.into();
            assert_eq!(serde_json::to_value(&status).unwrap(), "failed");
        }
    }
}
