//! Dialogues in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::dialogue::{Dialogue, DialogueSummary, NewDialogue};
use crate::error::{Error, Result};
use crate::id::DialogueId;
use crate::query::Query;
use crate::store::{DialogueStore, DialogueStream};
use crate::stream::from_vec;
use crate::turn::{Feedback, Turn};

/// Keeps dialogues in memory, for as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    dialogues: Mutex<BTreeMap<DialogueId, Dialogue>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn dialogues(&self) -> MutexGuard<'_, BTreeMap<DialogueId, Dialogue>> {
        // No change leaves the map half made, so a panic elsewhere does no harm to it.
        self.dialogues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DialogueStore for MemoryStore {
    async fn create(&self, dialogue: NewDialogue) -> Result<DialogueId> {
        let dialogue = Dialogue::begin(dialogue);
        let id = dialogue.id.clone();
        match self.dialogues().entry(id.clone()) {
            Entry::Occupied(_) => Err(Error::AlreadyExists(id)),
            Entry::Vacant(place) => {
                place.insert(dialogue);
                Ok(id)
            }
        }
    }

    async fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64> {
        let mut dialogues = self.dialogues();
        let dialogue = dialogues.get_mut(id).ok_or_else(|| Error::NotFound(id.clone()))?;
        dialogue.turns.extend(turns);
        Ok(dialogue.turns.len() as u64)
    }

    async fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()> {
        let mut dialogues = self.dialogues();
        let dialogue = dialogues.get_mut(id).ok_or_else(|| Error::NotFound(id.clone()))?;
        dialogue.rate(turn, feedback)
    }

    async fn get(&self, id: &DialogueId) -> Result<Dialogue> {
        self.dialogues().get(id).cloned().ok_or_else(|| Error::NotFound(id.clone()))
    }

    fn list(&self, query: Query) -> DialogueStream {
        let dialogues = self.dialogues();
        let found = dialogues.values().filter(|it| query.matches(it));
        let mut found: Vec<DialogueSummary> = found.map(Dialogue::summary).collect();
        query.arrange(&mut found);
        from_vec(found.into_iter().map(Ok).collect())
    }

    async fn delete(&self, id: &DialogueId) -> Result<()> {
        match self.dialogues().remove(id) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(id.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;

    crate::dialogue_store_conformance!(memory, async { ((), MemoryStore::new()) });
}
