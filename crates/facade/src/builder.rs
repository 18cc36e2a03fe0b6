//! Putting an [`OpenAiModel`] together.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dialogue_store::{DialogueStore, MemoryStore};
use openai_api::{ChatBackend, ModelId};
use sentiment::{Lexicon, SentimentAnalyzer};
use trainer::Trainer;

use crate::error::{Error, Result};
use crate::exchange::{Parts, Settings};
use crate::openai_model::OpenAiModel;

/// Puts an [`OpenAiModel`] together; nothing touches the network until something is asked.
///
/// # Defaults
///
/// | setting | unless set |
/// |---|---|
/// | backend, trainer | none; `embedded`, `hosted` or [`backend`](Self::backend) must be called |
/// | model | `attune-tiny` on the embedded engine, `gpt-4o-mini` elsewhere |
/// | store | in memory |
/// | sentiment | [`Lexicon`] |
/// | attempts, temperature, tokens | 3, 0 (greedy), 8000, as in the original |
/// | job registry | `job_ids.json` in the working folder |
pub struct Builder {
    backend: Option<Arc<dyn ChatBackend>>,
    trainer: Option<Arc<dyn Trainer>>,
    store: Option<Arc<dyn DialogueStore>>,
    analyzer: Arc<dyn SentimentAnalyzer>,
    #[cfg(feature = "hosted")]
    client: Option<openai_api::Client>,
    default_model: &'static str,
    model: Option<ModelId>,
    system_instruction: Option<String>,
    assistants_file: Option<PathBuf>,
    job_registry: PathBuf,
    training_dir: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    settings: Settings,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            backend: None,
            trainer: None,
            store: None,
            analyzer: Arc::new(Lexicon),
            #[cfg(feature = "hosted")]
            client: None,
            default_model: HOSTED_MODEL,
            model: None,
            system_instruction: None,
            assistants_file: None,
            job_registry: PathBuf::from("job_ids.json"),
            training_dir: None,
            log_dir: None,
            settings: Settings::default(),
        }
    }
}

impl Builder {
    /// Asks this backend.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn ChatBackend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Trains with this trainer.
    #[must_use]
    pub fn trainer(mut self, trainer: Arc<dyn Trainer>) -> Self {
        self.trainer = Some(trainer);
        self
    }

    /// Asks and trains over OpenAI's API; assistants are looked up there too.
    ///
    /// [`Client::builder`](openai_api::Client::builder) sets key, endpoint, organisation, project
    /// and time-outs; `ClientBuilder::from_env()?` begins with what the environment says, and what
    /// is set on it goes before. How often a question is sent, [`attempts`](Self::attempts) says and
    /// not the client's own policy.
    #[cfg(feature = "hosted")]
    #[must_use]
    pub fn hosted(mut self, client: openai_api::Client) -> Self {
        let asking_once = client.with_retry(openai_api::RetryPolicy::never());
        self.backend = Some(Arc::new(asking_once));
        self.trainer = Some(Arc::new(trainer::HostedTrainer::new(client.clone())));
        self.client = Some(client);
        self.default_model = HOSTED_MODEL;
        self
    }

    /// Asks and trains in process; `home` keeps the fine-tuned models and the jobs.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the folder cannot be made or read.
    #[cfg(feature = "local")]
    pub fn embedded(mut self, home: impl AsRef<std::path::Path>) -> Result<Self> {
        let engine = local_engine::Engine::open(home)?;
        self.trainer = Some(Arc::new(engine.trainer()));
        self.backend = Some(Arc::new(engine));
        #[cfg(feature = "hosted")]
        {
            self.client = None;
        }
        self.default_model = EMBEDDED_MODEL;
        Ok(self)
    }

    /// Keeps dialogues in this store.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn DialogueStore>) -> Self {
        self.store = Some(store);
        self.log_dir = None;
        self
    }

    /// Keeps dialogues as JSON files in a folder, one file a dialogue, as the original did.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the folder cannot be made.
    #[cfg(feature = "json")]
    pub fn json_log(mut self, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        self.store = Some(Arc::new(dialogue_store::JsonFileStore::open(&dir)?));
        self.log_dir = Some(dir);
        Ok(self)
    }

    /// Judges answers with this analyser.
    #[must_use]
    pub fn analyzer(mut self, analyzer: Arc<dyn SentimentAnalyzer>) -> Self {
        self.analyzer = analyzer;
        self
    }

    /// Asks this model until another is put in its place.
    #[must_use]
    pub fn model(mut self, model: impl Into<ModelId>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Puts instructions above each question.
    #[must_use]
    pub fn system_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.system_instruction = Some(instruction.into());
        self
    }

    /// Takes assistants from this catalogue file; it is read when assistants are asked for.
    #[must_use]
    pub fn assistants_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.assistants_file = Some(path.into());
        self
    }

    /// Notes job ids in this file.
    #[must_use]
    pub fn job_registry(mut self, path: impl Into<PathBuf>) -> Self {
        self.job_registry = path.into();
        self
    }

    /// Trains on the CSV files of this folder when no data is named.
    #[must_use]
    pub fn training_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.training_dir = Some(path.into());
        self
    }

    /// Tries a question this often in all; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts;
        self
    }

    /// Sets the sampling temperature, `0.0..=2.0`; 0 is greedy, `None` leaves it to the server.
    #[must_use]
    pub fn temperature(mut self, temperature: impl Into<Option<f32>>) -> Self {
        self.settings.temperature = temperature.into();
        self
    }

    /// Limits answers to this many tokens; `None` leaves it to the server.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: impl Into<Option<u32>>) -> Self {
        self.settings.max_tokens = max_tokens.into();
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfigured`] if there is no backend.
    pub fn build(self) -> Result<OpenAiModel> {
        let backend = self.backend.ok_or(Error::NotConfigured {
            what: "a backend",
            remedy: "call `embedded`, `hosted` or `backend` on the builder",
        })?;
        Ok(OpenAiModel::from_parts(Parts {
            backend,
            trainer: self.trainer,
            store: self.store.unwrap_or_else(|| Arc::new(MemoryStore::default())),
            analyzer: self.analyzer,
            #[cfg(feature = "hosted")]
            client: self.client,
            model: self.model.unwrap_or_else(|| ModelId::new(self.default_model)),
            system_instruction: self.system_instruction,
            assistants_file: self.assistants_file,
            job_registry: self.job_registry,
            training_dir: self.training_dir,
            log_dir: self.log_dir,
            settings: self.settings,
        }))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("model", &self.model).finish_non_exhaustive()
    }
}

/// The original's default; its fine-tunes and snapshots end on 2027-01-14, so it can be set.
const HOSTED_MODEL: &str = "gpt-4o-mini";
#[cfg(feature = "local")]
const EMBEDDED_MODEL: &str = "attune-tiny";
