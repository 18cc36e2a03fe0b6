//! How many tokens an answer says that it took.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

/// The tokens of a request, and of its answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) tokens_in: Option<u64>,
    pub(crate) tokens_out: Option<u64>,
}

impl Spent {
    /// What the JSON of an answer, or of an event of it, tells of it, if it does.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        memmem::find(json, br#""usage""#)?;
        let told: Told = serde_json::from_slice(json).ok()?;
        let usage = told.usage.or_else(|| told.response?.usage);
        let usage = usage.as_ref()?.as_object()?;
        let count = |names: [&str; 2]| names.iter().find_map(|name| usage.get(*name)?.as_u64());
        Some(Self {
            tokens_in: count(["prompt_tokens", "input_tokens"]),
            tokens_out: count(["completion_tokens", "output_tokens"]),
        })
    }
}

/// Where servers tell how many tokens there were.
#[derive(Deserialize)]
struct Told {
    usage: Option<Value>,
    response: Option<Box<Told>>,
}
