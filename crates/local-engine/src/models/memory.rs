//! The models that are in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openai_api::ModelId;

use crate::error::Result;
use crate::model::LoadedModel;

/// Keeps the latest used models.
#[derive(Debug)]
pub(super) struct Memory {
    /// The latest used first.
    slots: Mutex<Vec<(ModelId, Arc<Slot>)>>,
    /// How many bytes of weights are kept, unless the latest used model alone has more.
    pub(super) budget: u64,
}

/// A place for a model; whoever comes while it is being loaded waits for this one only.
type Slot = Mutex<Option<Arc<LoadedModel>>>;

impl Default for Memory {
    fn default() -> Self {
        Self { slots: Mutex::default(), budget: BUDGET }
    }
}

impl Memory {
    /// Takes a model from memory, or puts it there.
    pub(super) fn take(
        &self,
        id: &ModelId,
        load: impl FnOnce() -> Result<LoadedModel>,
    ) -> Result<Arc<LoadedModel>> {
        let slot = {
            let mut slots = self.lock();
            let found = match slots.iter().position(|(other, _)| other == id) {
                Some(place) => slots.remove(place),
                None => (id.clone(), Arc::default()),
            };
            let slot = Arc::clone(&found.1);
            slots.insert(0, found);
            slot
        };
        let model = {
            let mut place = slot.lock().unwrap_or_else(PoisonError::into_inner);
            match &*place {
                Some(model) => Arc::clone(model),
                None => Arc::clone(place.insert(Arc::new(load()?))),
            }
        };
        self.forget_the_oldest();
        Ok(model)
    }

    /// Forgets a model; whoever works with it goes on.
    pub(super) fn forget(&self, id: &ModelId) {
        self.lock().retain(|(other, _)| other != id);
    }

    /// Keeps as many of the latest used models as the budget allows, and one at least.
    fn forget_the_oldest(&self) {
        let mut sum = 0;
        self.lock().retain(|(_, slot)| {
            // What is locked is being loaded.
            let Ok(place) = slot.try_lock() else { return true };
            let Some(model) = &*place else { return false };
            let is_first = sum == 0;
            sum += model.bytes;
            is_first || sum <= self.budget
        });
    }

    /// The ids of the models that are kept, the latest used first.
    #[cfg(test)]
    pub(super) fn kept(&self) -> Vec<String> {
        self.lock().iter().map(|(id, _)| id.to_string()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(ModelId, Arc<Slot>)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 8 GiB.
const BUDGET: u64 = 8 << 30;
