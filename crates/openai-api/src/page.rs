//! One page of a list.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::serde_util::null_as_default;

/// One page of a list endpoint, newest or first entry first as the server orders it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
#[non_exhaustive]
pub struct Page<T> {
    /// The entries of this page; `null` counts as none, but an object without `data` is no page.
    #[serde(deserialize_with = "null_as_default")]
    pub data: Vec<T>,
    /// Whether a further page follows the last entry.
    #[serde(default, deserialize_with = "null_as_default")]
    pub has_more: bool,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl<T> Page<T> {
    /// A page that is the whole list.
    #[must_use]
    pub fn whole(data: Vec<T>) -> Self {
        let object = ("object".to_owned(), Value::from("list"));
        Self { data, has_more: false, extra: Map::from_iter([object]) }
    }
}
