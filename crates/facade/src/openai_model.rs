//! The model that learns from its own conversations.

mod accessors;

use std::sync::Arc;

use dialogue_store::{DialogueId, Feedback};
use openai_api::{AssistantObject, Message, ModelId};
use sentiment::Sentiment;
use trainer::{EventStream, JobId, JobRecord, JobRegistry, JobStatus, TrainerExt};

use crate::ask::{Ask, Reply, ReplyStream};
use crate::assistants::Assistants;
use crate::blocking;
use crate::builder::Builder;
use crate::convert;
use crate::error::{Error, Result};
use crate::exchange::{Inner, Parts, reply_stream};
use crate::image::{self, DescribeImage, ImageDescription};
use crate::learn::{self, Learn};
use crate::session::Session;
use crate::train::{ReadyData, Submitted, Train, validation_examples};

/// A model to ask, whose dialogues are kept and judged, and which learns from them.
///
/// It is a handle: cloning it is cheap, and clones share the dialogue, the assistant and the model
/// in use. Two built separately share nothing.
///
/// ```
/// # use std::sync::Arc;
/// # use openai_api::{ChatCompletion, FinishReason, Message, MockChatBackend};
/// # let mut backend = MockChatBackend::new();
/// # backend.expect_complete().returning(|request| {
/// #     Ok(ChatCompletion::new(request.model, Message::assistant("Great, thank you!"), FinishReason::Stop))
/// # });
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use facade::OpenAiModel;
///
/// let model = OpenAiModel::builder().backend(Arc::new(backend)).build()?;
/// let reply = model.ask("How are you?").await?;
/// assert_eq!(reply.text, "Great, thank you!");
/// assert_eq!(reply.sentiment.label, sentiment::Label::Positive);
/// assert_eq!(model.dialogue().await?.len(), 2);
/// # Ok::<(), facade::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenAiModel {
    inner: Arc<Inner>,
}

impl OpenAiModel {
    /// Begins to put one together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_parts(parts: Parts) -> Self {
        Self { inner: Arc::new(Inner::new(parts)) }
    }

    /// The ids of the backend's models, sorted.
    ///
    /// The original gave an empty list on an error: `unwrap_or_default` does that.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] if the backend does not tell.
    pub async fn models(&self) -> Result<Vec<ModelId>> {
        let mut ids: Vec<ModelId> =
            self.inner.parts.backend.models().await?.into_iter().map(|model| model.id).collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Reads the catalogue of assistants; without a catalogue file there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] names file, line and field of a malformed entry.
    pub fn assistants(&self) -> Result<Assistants> {
        self.inner
            .parts
            .assistants_file
            .as_deref()
            .map_or(Ok(Assistants::default()), Assistants::load)
    }

    /// Takes an assistant: its instructions and its model go with the questions to come.
    ///
    /// Looks in the catalogue first, then on a hosted server that still has assistants. On failure
    /// the old assistant stays.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownAssistant`] if no one knows the id.
    pub async fn set_assistant(&self, id: &str) -> Result<AssistantObject> {
        let catalogue = self.assistants()?;
        let assistant = match catalogue.get(id) {
            Some(assistant) => assistant.clone(),
            None => self.fetch_assistant(id).await?.ok_or_else(|| Error::UnknownAssistant {
                id: id.to_owned(),
                known: catalogue.entries().iter().map(|entry| entry.id.clone()).collect(),
            })?,
        };
        let mut state = self.inner.state();
        if let Some(model) = &assistant.model {
            state.model = model.clone();
        }
        state.assistant = Some(assistant.clone());
        Ok(assistant)
    }

    /// Determines the sentiment of a text.
    ///
    /// # Errors
    ///
    /// [`Error::Sentiment`] if the analyser fails; [`Lexicon`](sentiment::Lexicon) never does.
    pub async fn determine_sentiment(&self, message: &str) -> Result<Sentiment> {
        Ok(self.inner.parts.analyzer.analyze(message).await?)
    }

    /// Asks one question, with no memory of earlier ones; judges and keeps question and answer.
    ///
    /// Tries again only when that can help, for as many attempts as were set, and as late as the
    /// server asks. Dropping the future gives the question up and keeps nothing of it.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] once no attempt is left, or at once if trying again cannot help;
    /// [`Error::UnknownModel`] with near names; [`Error::NotKept`], which carries the reply, if it
    /// could not be stored.
    pub async fn ask(&self, ask: impl Into<Ask>) -> Result<Reply> {
        let ask = ask.into();
        let system = self.instruction_for(&ask);
        let attempts = ask.attempts;
        let request = self.inner.request(&ask, self.model(), messages(system.as_deref(), &ask));
        let completion = self.inner.complete(request, attempts).await?;
        let asked = convert::asked(system.as_deref(), &ask.message);
        self.inner.keep_single(asked, completion).await
    }

    /// Asks like [`ask`](Self::ask), and gives the answer as it grows.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Self::ask); once the answer has begun, they come as the last part.
    pub async fn ask_stream(&self, ask: impl Into<Ask>) -> Result<ReplyStream<'static>> {
        let ask = ask.into();
        let system = self.instruction_for(&ask);
        let request = self.inner.request(&ask, self.model(), messages(system.as_deref(), &ask));
        let chunks = self.inner.stream(request, ask.attempts).await?;
        let asked = convert::asked(system.as_deref(), &ask.message);
        let inner = Arc::clone(&self.inner);
        let keep = move |completion| async move { inner.keep_single(asked, completion).await };
        Ok(reply_stream(chunks, keep))
    }

    /// Begins a conversation that remembers, within the model's context window.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// Goes on with a stored dialogue.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if no dialogue has this id.
    pub async fn resume(&self, id: &DialogueId) -> Result<Session> {
        let dialogue = self.inner.parts.store.get(id).await?;
        Ok(Session::resumed(self.clone(), &dialogue))
    }

    /// Asks what is in an image: a file, bytes or a URL of JPEG, PNG, WebP or GIF.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read, and [`Error::Backend`] if it is no such image
    /// (before any request) or the backend cannot answer.
    pub async fn describe_image(&self, ask: impl Into<DescribeImage>) -> Result<ImageDescription> {
        let model = self.model();
        let request = image::request(model, ask.into()).await?;
        Ok(image::description(self.inner.complete(request, None).await?))
    }

    /// Submits a training job on data, and remembers it as the current one.
    ///
    /// # Errors
    ///
    /// [`Error::Training`]: the data's faults by file, line and column, a setting out of range, or
    /// what the trainer says; nothing was submitted then.
    pub async fn train(&self, train: Train) -> Result<Submitted> {
        let default_dir = self.inner.parts.training_dir.clone();
        let ready = blocking::run(move || train.read(default_dir.as_deref())).await?;
        self.submit(ready).await
    }

    /// Submits a training job on what was good in the stored dialogues.
    ///
    /// Examples that the trainer refuses, such as one longer than the context window, are left
    /// out and told in [`Submitted::left_out`].
    ///
    /// # Errors
    ///
    /// [`Error::NothingToLearn`] if no exchange is fit to learn from, and those of
    /// [`train`](Self::train).
    pub async fn dynamic_train(&self, learn: Learn) -> Result<Submitted> {
        let Learn { query, unrated, validation, options } = learn;
        let base = options.base_model.clone().unwrap_or_else(|| self.model());
        // A backend that does not tell keeps nobody from learning.
        let window = self.inner.context_window(&base).await.unwrap_or_default();
        let mut lessons = learn::collect(&*self.inner.parts.store, query, unrated, window).await?;
        let validation = match validation {
            Some(path) => blocking::run(move || validation_examples(&path)).await?,
            None => Vec::new(),
        };
        loop {
            let training = lessons.training_set()?;
            let ready =
                ReadyData { training, validation: validation.clone(), options: options.clone() };
            match self.submit(ready).await {
                Err(Error::Training(trainer::Error::InvalidData(refused))) => {
                    if !lessons.leave_out(refused.clone()) {
                        return Err(trainer::Error::InvalidData(refused).into());
                    }
                }
                submitted => {
                    return Ok(Submitted { left_out: lessons.into_left_out(), ..submitted? });
                }
            }
        }
    }

    /// Waits until a job has ended, well or not.
    ///
    /// # Errors
    ///
    /// [`Error::Training`] if the job is not known or the trainer cannot be reached.
    pub async fn wait(&self, id: &JobId) -> Result<JobStatus> {
        Ok(self.trainer()?.wait(id).await?)
    }

    /// Tells what happens to a job, from its beginning to its end.
    ///
    /// # Errors
    ///
    /// [`Error::Training`] if the job is not known or the trainer cannot be reached.
    pub async fn events(&self, id: &JobId) -> Result<EventStream> {
        Ok(self.trainer()?.events(id).await?)
    }

    /// Notes a job's id with a description in the job registry, now.
    ///
    /// # Errors
    ///
    /// [`Error::Training`] if the registry file is damaged or cannot be written.
    pub async fn save_job_id(&self, id: &JobId, description: &str) -> Result<JobRecord> {
        let path = self.inner.parts.job_registry.clone();
        let (id, description) = (id.clone(), description.to_owned());
        blocking::run(move || Ok(JobRegistry::open(path)?.save(id, description)?)).await
    }

    /// Says whether an answer was good, and what it should have been; learning goes by it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the dialogue or the turn is gone.
    pub async fn rate(&self, reply: &Reply, feedback: Feedback) -> Result<()> {
        Ok(self.inner.parts.store.rate(&reply.dialogue, reply.turn, feedback).await?)
    }

    /// Puts another model in the place of the one in use.
    pub fn use_model(&self, model: impl Into<ModelId>) {
        self.inner.state().model = model.into();
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn instruction_for(&self, ask: &Ask) -> Option<String> {
        ask.system_instruction.clone().or_else(|| self.system_instruction())
    }

    async fn submit(&self, ready: ReadyData) -> Result<Submitted> {
        let (job, mut submitted) = ready.into_job(self.model());
        submitted.id = self.trainer()?.submit(job).await?;
        self.inner.state().current_job = Some(submitted.id.clone());
        Ok(submitted)
    }

    #[cfg(feature = "hosted")]
    async fn fetch_assistant(&self, id: &str) -> Result<Option<AssistantObject>> {
        let Some(client) = &self.inner.parts.client else {
            return Ok(None);
        };
        match client.assistant(id).await {
            Ok(assistant) => Ok(Some(assistant)),
            // 404 for an id that is not known; 404 or 410 where the endpoint is gone.
            Err(error) if error.as_api().is_some_and(|e| matches!(e.status, 404 | 410)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(feature = "hosted"))]
    async fn fetch_assistant(&self, _id: &str) -> Result<Option<AssistantObject>> {
        Ok(None)
    }
}

fn messages(system: Option<&str>, ask: &Ask) -> Vec<Message> {
    let system = system.map(Message::system);
    system.into_iter().chain([Message::user(ask.message.as_str())]).collect()
}
