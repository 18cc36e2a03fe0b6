#![doc = include_str!("../README.md")]

mod array_format;
#[cfg(any(test, feature = "conformance"))]
#[expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a suite tells its result by these"
)]
pub mod conformance;
mod dialogue;
mod error;
mod id;
#[cfg(feature = "json")]
mod json;
mod memory;
mod query;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod stream;
mod time;
mod turn;
#[cfg(any(feature = "json", feature = "sqlite"))]
mod worker;

pub use crate::dialogue::{Dialogue, DialogueSummary, NewDialogue, SINGLE_TURN};
pub use crate::error::{BoxError, Error, Result};
pub use crate::id::DialogueId;
#[cfg(feature = "json")]
pub use crate::json::JsonFileStore;
pub use crate::memory::MemoryStore;
pub use crate::query::Query;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::SqliteStore;
#[cfg(any(test, feature = "mock"))]
pub use crate::store::MockDialogueStore;
pub use crate::store::{DialogueStore, DialogueStoreExt, DialogueStream};
pub use crate::time::Timestamp;
pub use crate::turn::{Feedback, Rating, Speaker, Turn, TurnSentiment};
