//! The model that learns from its own conversations.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dialogue_store::{DialogueId, DialogueStore, DialogueStoreExt, Feedback, NewDialogue, Turn};
use futures_util::StreamExt;
use openai_api::{
    AssistantObject, ChatAccumulator, ChatBackend, ChatCompletion, ChatRequest, ChatStream,
    Message, ModelId, Retry,
};
use sentiment::{Sentiment, SentimentAnalyzer};
use trainer::{
    EventStream, JobId, JobRecord, JobRegistry, JobStatus, Trainer, TrainerExt, TrainingJob,
};

use crate::ask::{Ask, Reply, ReplyPart, ReplyStream};
use crate::assistants::Assistants;
use crate::blocking;
use crate::builder::Builder;
use crate::convert;
use crate::error::{Error, Result};
use crate::image::{self, DescribeImage, ImageDescription};
use crate::learn::{self, Learn};
use crate::near::near_names;
use crate::session::Session;
use crate::train::{ReadyData, Submitted, Train};

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

#[derive(Debug)]
pub(crate) struct Inner {
    parts: Parts,
    state: Mutex<State>,
    dialogue: DialogueId,
    dialogue_created: AtomicBool,
}

/// What a builder puts together.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) backend: Arc<dyn ChatBackend>,
    pub(crate) trainer: Option<Arc<dyn Trainer>>,
    pub(crate) store: Arc<dyn DialogueStore>,
    pub(crate) analyzer: Arc<dyn SentimentAnalyzer>,
    #[cfg(feature = "hosted")]
    pub(crate) client: Option<openai_api::Client>,
    pub(crate) model: ModelId,
    pub(crate) system_instruction: Option<String>,
    pub(crate) assistants_file: Option<PathBuf>,
    pub(crate) job_registry: PathBuf,
    pub(crate) training_dir: Option<PathBuf>,
    pub(crate) log_dir: Option<PathBuf>,
    pub(crate) settings: Settings,
}

/// How questions are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) attempts: u32,
    pub(crate) temperature: f32,
    pub(crate) max_tokens: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: 3, temperature: 0.0, max_tokens: 8000 }
    }
}

#[derive(Debug)]
struct State {
    model: ModelId,
    assistant: Option<AssistantObject>,
    current_job: Option<JobId>,
}

impl OpenAiModel {
    /// Begins to put one together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_parts(parts: Parts) -> Self {
        let state = State { model: parts.model.clone(), assistant: None, current_job: None };
        let dialogue = convert::dialogue_id(&parts.model);
        Self {
            inner: Arc::new(Inner {
                parts,
                state: Mutex::new(state),
                dialogue,
                dialogue_created: AtomicBool::new(false),
            }),
        }
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
        let mut state = self.state();
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
    pub async fn ask_stream(&self, ask: impl Into<Ask>) -> Result<ReplyStream> {
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
        let retry = self.inner.retry(None);
        match image::describe(&retry, model.clone(), ask.into()).await {
            Err(Error::Backend(error)) => Err(self.inner.explain(model, error).await),
            answer => answer,
        }
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
    /// # Errors
    ///
    /// [`Error::NothingToLearn`] if no exchange is fit to learn from, and those of
    /// [`train`](Self::train).
    pub async fn dynamic_train(&self, learn: Learn) -> Result<Submitted> {
        let ready = learn::collect(&*self.inner.parts.store, learn).await?;
        self.submit(ready).await
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
        self.state().model = model.into();
    }

    /// The model in use.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.state().model.clone()
    }

    /// The assistant's id, if one was set.
    #[must_use]
    pub fn assistant_id(&self) -> Option<String> {
        self.state().assistant.as_ref().map(|assistant| assistant.id.clone())
    }

    /// The assistant, if one was set.
    #[must_use]
    pub fn assistant(&self) -> Option<AssistantObject> {
        self.state().assistant.clone()
    }

    /// The instructions in force: the assistant's, else those that were built in.
    #[must_use]
    pub fn system_instruction(&self) -> Option<String> {
        let of_assistant = self.state().assistant.as_ref().and_then(|a| a.instructions.clone());
        of_assistant.or_else(|| self.inner.parts.system_instruction.clone())
    }

    /// The job that was submitted last.
    #[must_use]
    pub fn current_job_id(&self) -> Option<JobId> {
        self.state().current_job.clone()
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

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn instruction_for(&self, ask: &Ask) -> Option<String> {
        ask.system_instruction.clone().or_else(|| self.system_instruction())
    }

    async fn submit(&self, ready: ReadyData) -> Result<Submitted> {
        let (job, mut submitted) = ready.into_job(self.model());
        submitted.id = self.submit_job(job).await?;
        Ok(submitted)
    }

    async fn submit_job(&self, job: TrainingJob) -> Result<JobId> {
        let id = self.trainer()?.submit(job).await?;
        self.state().current_job = Some(id.clone());
        Ok(id)
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Each write is a single assignment, so a panic elsewhere leaves nothing half-changed.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn request(&self, ask: &Ask, model: ModelId, messages: Vec<Message>) -> ChatRequest {
        let settings = self.parts.settings;
        ChatRequest::new(ask.model.clone().unwrap_or(model), messages)
            .with_temperature(ask.temperature.unwrap_or(settings.temperature))
            .with_max_tokens(ask.max_tokens.unwrap_or(settings.max_tokens))
    }

    pub(crate) async fn complete(
        &self,
        request: ChatRequest,
        attempts: Option<u32>,
    ) -> Result<ChatCompletion> {
        let model = request.model.clone();
        match self.retry(attempts).complete(request).await {
            Ok(completion) => Ok(completion),
            Err(error) => Err(self.explain(model, error).await),
        }
    }

    pub(crate) async fn stream(
        &self,
        request: ChatRequest,
        attempts: Option<u32>,
    ) -> Result<ChatStream> {
        let model = request.model.clone();
        match self.retry(attempts).stream(request).await {
            Ok(stream) => Ok(stream),
            Err(error) => Err(self.explain(model, error).await),
        }
    }

    /// Judges an answer and appends it, with what was asked, to a dialogue; begins the dialogue
    /// first if it is `new`.
    pub(crate) async fn keep(
        &self,
        dialogue: &DialogueId,
        new: Option<NewDialogue>,
        mut turns: Vec<Turn>,
        completion: ChatCompletion,
    ) -> Result<Reply> {
        let sentiment = self.parts.analyzer.analyze(completion.text().trim()).await?;
        turns.push(convert::answered(&completion, &sentiment));
        let mut reply = Reply::new(completion, sentiment, dialogue.clone(), 0);
        let stored = async {
            if let Some(new) = new {
                self.parts.store.get_or_create(new).await?;
            }
            self.parts.store.append(dialogue, turns).await
        };
        match stored.await {
            Ok(count) => {
                reply.turn = count.saturating_sub(1);
                Ok(reply)
            }
            Err(source) => Err(Error::NotKept { reply: Box::new(reply), source }),
        }
    }

    /// The model's context window in tokens, where the backend tells it.
    pub(crate) async fn context_window(&self, model: &ModelId) -> Option<u32> {
        let models = self.parts.backend.models().await.ok()?;
        models.iter().find(|known| known.id == *model)?.context_window()
    }

    async fn keep_single(&self, asked: Vec<Turn>, completion: ChatCompletion) -> Result<Reply> {
        let created = self.dialogue_created.load(Ordering::Acquire);
        let new = (!created)
            .then(|| convert::new_single_turn_dialogue(&self.dialogue, &self.parts.model));
        let kept = self.keep(&self.dialogue, new, asked, completion).await;
        if kept.is_ok() {
            self.dialogue_created.store(true, Ordering::Release);
        }
        kept
    }

    fn retry(&self, attempts: Option<u32>) -> Retry<Arc<dyn ChatBackend>> {
        let attempts = attempts.unwrap_or(self.parts.settings.attempts).max(1);
        Retry::new(Arc::clone(&self.parts.backend)).with_attempts(attempts)
    }

    /// Adds near names to a complaint about an unknown model.
    async fn explain(&self, model: ModelId, error: openai_api::Error) -> Error {
        if !error.is_model_not_found() {
            return error.into();
        }
        let models = self.parts.backend.models().await.unwrap_or_default();
        Error::UnknownModel { near: near_names(&model, &models), model, source: error }
    }
}

fn messages(system: Option<&str>, ask: &Ask) -> Vec<Message> {
    let system = system.map(Message::system);
    system.into_iter().chain([Message::user(ask.message.as_str())]).collect()
}

/// Hands on the text of `chunks`, then the reply that `keep` makes of the whole.
pub(crate) fn reply_stream<K, F>(chunks: ChatStream, keep: K) -> ReplyStream
where
    K: FnOnce(ChatCompletion) -> F + Send + 'static,
    F: Future<Output = Result<Reply>> + Send + 'static,
{
    enum Stage<K> {
        Growing(ChatStream, ChatAccumulator, K),
        Over,
    }
    let start = Stage::Growing(chunks, ChatAccumulator::default(), keep);
    let parts = futures_util::stream::try_unfold(start, async |stage| {
        let Stage::Growing(mut chunks, mut answer, keep) = stage else {
            return Ok(None);
        };
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let text = chunk.text().to_owned();
            answer.push(chunk);
            if !text.is_empty() {
                return Ok(Some((ReplyPart::Text(text), Stage::Growing(chunks, answer, keep))));
            }
        }
        let reply = keep(answer.finish()?).await?;
        Ok(Some((ReplyPart::Done(Box::new(reply)), Stage::Over)))
    });
    ReplyStream::new(parts.boxed())
}
