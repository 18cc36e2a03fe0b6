//! What is known of the model: the original's attributes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialogue_store::{DialogueId, DialogueStore, Turn};
use openai_api::{AssistantObject, ModelId};
use trainer::{JobId, Trainer};

use crate::error::{Error, Result};
use crate::openai_model::OpenAiModel;

impl OpenAiModel {
    /// The model in use.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.inner.state().model.clone()
    }

    /// The assistant's id, if one was set.
    #[must_use]
    pub fn assistant_id(&self) -> Option<String> {
        self.inner.state().assistant.as_ref().map(|assistant| assistant.id.clone())
    }

    /// The assistant, if one was set.
    #[must_use]
    pub fn assistant(&self) -> Option<AssistantObject> {
        self.inner.state().assistant.clone()
    }

    /// The instructions in force: the assistant's, else those that were built in.
    #[must_use]
    pub fn system_instruction(&self) -> Option<String> {
        let of_assistant =
            self.inner.state().assistant.as_ref().and_then(|a| a.instructions.clone());
        of_assistant.or_else(|| self.inner.parts.system_instruction.clone())
    }

    /// The job that was submitted last.
    #[must_use]
    pub fn current_job_id(&self) -> Option<JobId> {
        self.inner.state().current_job.clone()
    }

    /// The id under which this model's questions and answers are kept: the original's thread.
    #[must_use]
    pub fn thread(&self) -> &DialogueId {
        &self.inner.dialogue
    }

    /// The file that the dialogue is written to, where dialogues are kept as JSON files.
    #[must_use]
    pub fn dialogue_log_path(&self) -> Option<PathBuf> {
        let dir = self.inner.parts.log_dir.as_deref()?;
        Some(dir.join(format!("{}.json", self.inner.dialogue)))
    }

    /// What was asked and answered so far, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store fails.
    pub async fn dialogue(&self) -> Result<Vec<Turn>> {
        match self.inner.parts.store.get(&self.inner.dialogue).await {
            Ok(dialogue) => Ok(dialogue.turns),
            Err(dialogue_store::Error::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The store that keeps the dialogues.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn DialogueStore> {
        &self.inner.parts.store
    }

    /// The file that job ids are noted in.
    #[must_use]
    pub fn job_registry(&self) -> &Path {
        &self.inner.parts.job_registry
    }

    /// The trainer.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfigured`] if none was built in.
    pub fn trainer(&self) -> Result<&Arc<dyn Trainer>> {
        self.inner.parts.trainer.as_ref().ok_or(Error::NotConfigured {
            what: "a trainer",
            remedy: "call `embedded`, `hosted` or `trainer` on the builder",
        })
    }
}
