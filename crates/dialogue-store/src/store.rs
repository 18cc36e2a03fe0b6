//! The seam: whatever can keep dialogues.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::array_format;
use crate::dialogue::{Dialogue, DialogueSummary, NewDialogue};
use crate::error::{Error, Result};
use crate::id::DialogueId;
use crate::query::Query;
use crate::turn::{Feedback, Turn};

/// Dialogues, one after the other.
pub type DialogueStream = BoxStream<'static, Result<DialogueSummary>>;

/// Keeps dialogues and the turns in them.
///
/// A store is a handle: wrap it in an `Arc` and clone that. Every method is atomic, so a reader
/// never sees half an append. Appends to one dialogue have one order, which all readers see. A
/// change that has begun is made wholly or not at all, also when its future is dropped.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait DialogueStore: Debug + Send + Sync + 'static {
    /// Creates a dialogue and returns its id.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if a dialogue has the id asked for.
    async fn create(&self, dialogue: NewDialogue) -> Result<DialogueId>;

    /// Appends `turns` to a dialogue, in order and next to each other, and returns how many turns
    /// it has then.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`.
    async fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64>;

    /// Sets the feedback on a turn, counted from 0, in place of what it had.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`, [`Error::NoSuchTurn`] if it has no such
    /// turn.
    async fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()>;

    /// Returns a dialogue, whole.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`, [`Error::Corrupt`] if it can no longer be
    /// read.
    async fn get(&self, id: &DialogueId) -> Result<Dialogue>;

    /// Lists the dialogues that fit `query`, in its order.
    ///
    /// A dialogue that can no longer be read is an item with an error; the others still come.
    fn list(&self, query: Query) -> DialogueStream;

    /// Deletes a dialogue.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`.
    async fn delete(&self, id: &DialogueId) -> Result<()>;
}

/// Conveniences over any [`DialogueStore`].
pub trait DialogueStoreExt: DialogueStore {
    /// Returns the dialogue with the id in `dialogue`, and creates it first if there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from creating or reading it.
    fn get_or_create(
        &self,
        dialogue: NewDialogue,
    ) -> impl Future<Output = Result<Dialogue>> + Send {
        async {
            if let Some(id) = &dialogue.id {
                match self.get(id).await {
                    Err(Error::NotFound(_)) => {}
                    found => return found,
                }
            }
            match self.create(dialogue).await {
                // Somebody else was faster.
                Err(Error::AlreadyExists(id)) => self.get(&id).await,
                created => self.get(&created?).await,
            }
        }
    }

    /// Returns the last `n` turns of a dialogue, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`.
    fn tail(&self, id: &DialogueId, n: usize) -> impl Future<Output = Result<Vec<Turn>>> + Send {
        async move {
            let mut turns = self.get(id).await?.turns;
            Ok(turns.split_off(turns.len().saturating_sub(n)))
        }
    }

    /// Writes a dialogue as a JSON array of `{"role", "content", "sentiment"?}`.
    ///
    /// The writer is not asynchronous: hand in a buffer, or a file from a thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no dialogue has this `id`, [`Error::Stream`] if `writer` fails.
    fn export(
        &self,
        id: &DialogueId,
        writer: impl io::Write + Send,
    ) -> impl Future<Output = Result<()>> + Send {
        async {
            let turns = self.get(id).await?.turns;
            array_format::write(&turns, writer)
                .map_err(|source| Error::Stream { action: "export", source })
        }
    }

    /// Creates `dialogue` with the turns that `reader` has as a JSON array of
    /// `{"role", "content", "sentiment"?}` after its own, and returns its id.
    ///
    /// The array does not tell whether its questions knew of each other. Where they did not, as in
    /// the logs of programs that send each question alone, give `dialogue` the tag
    /// [`SINGLE_TURN`](crate::SINGLE_TURN); its tags are kept as they are.
    ///
    /// A system turn whose content is `null` is left out; other fields become attributes of the
    /// turn. The reader is not asynchronous: hand in a buffer, or a file from a thread that may
    /// block. Nothing is created unless all of it can be read.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] with line and column if it is no JSON array, [`Error::Entry`] with index
    /// and field if an entry is not as it should be, [`Error::Stream`] if `reader` fails.
    fn import(
        &self,
        mut dialogue: NewDialogue,
        reader: impl io::Read + Send,
    ) -> impl Future<Output = Result<DialogueId>> + Send {
        let read = array_format::read(reader);
        async {
            dialogue.turns.extend(read?);
            self.create(dialogue).await
        }
    }
}

impl<S: DialogueStore + ?Sized> DialogueStoreExt for S {}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: DialogueStore + ?Sized> DialogueStore for $pointer<S> {
            async fn create(&self, dialogue: NewDialogue) -> Result<DialogueId> {
                (**self).create(dialogue).await
            }

            async fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64> {
                (**self).append(id, turns).await
            }

            async fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()> {
                (**self).rate(id, turn, feedback).await
            }

            async fn get(&self, id: &DialogueId) -> Result<Dialogue> {
                (**self).get(id).await
            }

            fn list(&self, query: Query) -> DialogueStream {
                (**self).list(query)
            }

            async fn delete(&self, id: &DialogueId) -> Result<()> {
                (**self).delete(id).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
