#![doc = include_str!("../README.md")]

mod array_format;
mod dialogue;
mod error;
mod id;
mod memory;
mod query;
mod store;
mod stream;
mod time;

pub use crate::dialogue::{
    Dialogue, DialogueSummary, Feedback, NewDialogue, Rating, Speaker, Turn, TurnSentiment,
};
pub use crate::error::{BoxError, Error, Result};
pub use crate::id::DialogueId;
pub use crate::memory::MemoryStore;
pub use crate::query::Query;
#[cfg(any(test, feature = "mock"))]
pub use crate::store::MockDialogueStore;
pub use crate::store::{DialogueStore, DialogueStoreExt, DialogueStream};
pub use crate::time::Timestamp;
