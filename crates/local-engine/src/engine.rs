//! The engine: local models behind the chat seam.

mod work;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use openai_api::{
    ChatBackend, ChatChunk, ChatCompletion, ChatRequest, ChatStream, Delta, FinishReason, Message,
    Model, ModelId, ToolCall, Usage,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::engine::work::work;
use crate::error::{Error, Result};
use crate::export::{Export, Exporting};
use crate::info::ModelInfo;
use crate::models::Models;
use crate::request::{self, Task};
use crate::serve::Keep;
use crate::template::ChatMarks;
#[cfg(feature = "train")]
use crate::train::LocalTrainer;

/// Answers chats with models that run in this process, on the CPU.
///
/// An engine is a handle: clones share their models, and are cheap. Its home folder holds the
/// models (`models/`) and the training jobs (`jobs/`); several engines and processes may share
/// one home. `attune-tiny`, the base model, is part of the program.
///
/// Work goes on threads of its own, so it runs under any async executor. Dropping a returned
/// future or stream stops the generation after the token that it is at.
///
/// # Requests at once
///
/// Up to 16 requests are answered side by side, and more wait in the order in which they came.
/// Those for the same model, and for adapters on it, go through it together, so that eight take
/// far less time than one after another; so do the answers to a request for several. Prompts are
/// read in pieces between the tokens of others. Whom a request shares the model with changes
/// nothing of its answer.
///
/// What was computed of a conversation is kept for its next turn, in pages of 64 tokens, and found
/// again by the model and all tokens before: `usage.prompt_tokens_details.cached_tokens` tells how
/// many of the prompt's were not read anew. What is kept and what is in use take up to 2 GiB
/// together ([`with_kept_bytes`](Self::with_kept_bytes) sets it); what was used longest ago goes
/// first, and what is in use never. Tokens of an answer were computed one by one, which makes
/// other last bits, and where weights are quantised other roundings, than when they are read as part
/// of a prompt; a next turn may see either.
///
/// # What a request may ask for
///
/// `temperature`, `top_p`, `seed`, `stop`, `max_tokens`, `n`, `presence_penalty`,
/// `frequency_penalty`, `logit_bias`, `logprobs` and `top_logprobs` are honoured, and so are
/// `top_k`, `min_p` and `repetition_penalty`, which other local servers know. Without a temperature
/// the model's own habit goes, which for `attune-tiny` is to be greedy. Log-probabilities are those
/// of the model itself, before penalties and temperature. What would change the answer and is not
/// offered is refused with its name.
///
/// With the feature `json`, `response_format` is kept to: the answer is a JSON object, or JSON that
/// fits the schema, whatever the model makes of it; only a limit on tokens cuts it short. A schema
/// that cannot be kept to is refused with what it asks for.
///
/// `tools` are offered to models whose chat template tells of tools and writes calls as Hermes and
/// Qwen, Mistral or Llama 3 do; it is the template that shows which. What the model writes in that
/// form, with the name of a tool on offer, comes as `tool_calls`; all else is text. A
/// `tool_choice` of `required`, or of one tool, holds the answer to such calls, and their arguments
/// to the schemas of the tools (feature `json`); left to itself, the model may get both wrong. With
/// `parallel_tool_calls` off, an answer ends with its first call. Tokens of calls count among those
/// whose log-probabilities are told.
///
/// When the last message holds an image, the answer is what can be told from its pixels, as JSON
/// with `"vision_model": false`: format, size, orientation, colours, brightness, transparency and
/// date. It is always whole, whatever the limit on tokens.
///
/// # Examples
///
/// ```
/// use local_engine::Engine;
/// use openai_api::ChatBackendExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let home = tempfile::tempdir()?;
/// let engine = Engine::open(home.path())?;
/// let answer = engine.ask("attune-tiny", "Hello!").await?;
/// assert!(!answer.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    models: Arc<Models>,
    /// What was computed of conversations.
    keep: Arc<Keep>,
    /// How many requests may be answered side by side.
    places: Arc<Semaphore>,
    #[cfg(feature = "train")]
    trainer: LocalTrainer,
}

impl Engine {
    /// Opens the engine whose models and jobs are in `home`, which is made if it is not there.
    ///
    /// Nothing is loaded before it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder cannot be made or read.
    pub fn open(home: impl AsRef<Path>) -> Result<Self> {
        let home = home.as_ref();
        let models = Arc::new(Models::open(home)?);
        Ok(Self {
            #[cfg(feature = "train")]
            trainer: LocalTrainer::open(home, Arc::clone(&models))?,
            models,
            keep: Arc::new(Keep::new(KEPT)),
            places: Arc::new(Semaphore::new(PLACES)),
        })
    }

    /// Sets how many bytes of what was computed of conversations are kept; 2 GiB unless it is set.
    ///
    /// Holds for all clones. With 0 nothing is kept, and each request is read anew.
    #[must_use]
    pub fn with_kept_bytes(self, bytes: u64) -> Self {
        self.keep.set_budget(bytes);
        self
    }

    /// The trainer whose models this engine serves; all clones share it.
    #[cfg(feature = "train")]
    #[must_use]
    pub fn trainer(&self) -> LocalTrainer {
        self.trainer.clone()
    }

    /// Adds a model that lies in a folder or in a GGUF file, which stays where it is.
    ///
    /// The whole model is checked first, but for the values of its weights; whatever would keep it
    /// from being loaded is an error here, and then nothing is added. That takes as long as reading
    /// the tokenizer.
    ///
    /// # Errors
    ///
    /// [`Error::ModelName`] and [`Error::ModelExists`] for the id, [`Error::NotAModel`] for the
    /// path, and what is wrong with a file of the model, by its name.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = local_engine::Engine::open("home")?;
    /// let model = engine.add_model("SmolLM2-135M-Instruct".as_ref(), &"smol".into())?;
    /// println!("{} parameters", model.parameters);
    /// # Ok(())
    /// # }
    /// ```
    pub fn add_model(&self, path: &Path, id: &ModelId) -> Result<ModelInfo> {
        self.models.add(path, id)
    }

    /// Describes a model, and checks it as [`add_model`](Self::add_model) does.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if there is none of this id, and what is wrong with its files.
    pub fn model_info(&self, id: &ModelId) -> Result<ModelInfo> {
        self.models.info(id)
    }

    /// What stands around the messages of conversations with a model, for programs that cannot run
    /// its chat template; `None` if there is more to it than that.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if there is no such model, and what is wrong with its template.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// let engine = local_engine::Engine::open(home.path())?;
    /// let marks = engine.chat_marks(&"attune-tiny".into())?.expect("its messages are plain");
    /// assert_eq!(marks.user, ["<|user|>", "<|end|>"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn chat_marks(&self, id: &ModelId) -> Result<Option<ChatMarks>> {
        self.models.chat_marks(id)
    }

    /// Removes a model: the link to it, or its files if they lie in the engine's home folder.
    ///
    /// Answers that are under way go on.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if there is none of this id, [`Error::BuiltIn`] if it is part of the
    /// program, [`Error::BaseInUse`] if adapters in the home folder stand on it, [`Error::Io`] if its
    /// files cannot be removed.
    pub fn remove_model(&self, id: &ModelId) -> Result<()> {
        self.models.remove(id)
    }

    /// Removes a model like [`remove_model`](Self::remove_model), even from under its adapters.
    ///
    /// Those stay, and can be asked again once there is a model with the id of their base.
    ///
    /// # Errors
    ///
    /// As [`remove_model`](Self::remove_model), but for [`Error::BaseInUse`].
    pub fn remove_model_anyway(&self, id: &ModelId) -> Result<()> {
        self.models.remove_anyway(id)
    }

    /// Writes a whole model to a folder or a file, an adapter as part of the weights of its base.
    ///
    /// Other programs can serve that: a folder is as `transformers` and vLLM read it, a file as
    /// llama.cpp and Ollama do. What a model was trained on does not go with it. `progress` is told
    /// how far it is, every few megabytes, and says whether to go on; what is written has no name
    /// before it is whole. The answer describes what was written.
    ///
    /// A GGUF file takes as many tokens as its model's sliding window, where it has one, since
    /// llama.cpp lets these models see them all.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if there is no such model, [`Error::Exists`] and [`Error::NoRoom`] for the
    /// place, [`Error::Export`] for the type of weights, [`Error::Stopped`], and [`Error::Config`] with the field of
    /// `config.json` or `tokenizer.json` that llama.cpp has no way to follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use local_engine::{Engine, Export, WeightType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// let engine = Engine::open(home.path())?;
    /// let export = Export::new(home.path().join("tiny.gguf")).with_weights(WeightType::Q8_0);
    /// let written = engine.export_model(&"attune-tiny".into(), &export, &mut |now| {
    ///     println!("{} of {} bytes", now.done, now.total);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert!(written.types.contains_key("Q8_0"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn export_model(
        &self,
        id: &ModelId,
        export: &Export,
        progress: &mut dyn FnMut(Exporting) -> ControlFlow<()>,
    ) -> Result<ModelInfo> {
        self.models.export(id, export, progress)
    }

    /// Starts on an answer; returns once it is clear that there will be one.
    async fn start(&self, request: ChatRequest) -> openai_api::Result<Answer> {
        let task = request::read(&request)?;
        let answers = match &task {
            Task::Answer(settings) => settings.answers,
            // Whatever is asked, there is one thing to tell of an image.
            Task::Image { .. } => 1,
        };
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|source| {
            openai_api::Error::Backend { backend: "local", source: source.into() }
        })?;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let (models, keep) = (Arc::clone(&self.models), Arc::clone(&self.keep));
        let model = request.model.clone();
        std::thread::Builder::new()
            .name("local-engine".to_owned())
            .spawn(move || {
                if let Err(error) = work(&models, &keep, &request, &task, &tell) {
                    // Nobody may be listening any more, and then nobody minds.
                    let _ = tell.send(Err(error));
                }
                drop(place);
            })
            .map_err(|source| Error::Thread { source })?;
        match heard.recv().await {
            Some(Ok(Said::Begun)) => Ok(Answer::new(model, answers, heard)),
            Some(Err(error)) => Err(error.into()),
            _ => Err(openai_api::Error::Truncated),
        }
    }
}

#[async_trait]
impl ChatBackend for Engine {
    async fn complete(&self, request: ChatRequest) -> openai_api::Result<ChatCompletion> {
        let tells_tokens = request.logprobs == Some(true);
        let mut answer = self.start(request).await?;
        let mut parts = vec![Part::default(); answer.answers as usize];
        loop {
            match answer.next().await? {
                Said::Begun => {}
                Said::More { place, delta, tokens } => {
                    parts[place as usize].add(delta);
                    parts[place as usize].tokens.extend(tokens);
                }
                Said::Ended { place, reason } => parts[place as usize].reason = Some(reason),
                Said::Done(usage) => {
                    let mut choices = Vec::with_capacity(parts.len());
                    let mut completion = None;
                    for (index, part) in (0..).zip(parts) {
                        let reason = part.reason.unwrap_or(FinishReason::Stop);
                        let mut message = Message::assistant(part.text);
                        if !part.calls.is_empty() {
                            message.content.take_if(|content| content.text().is_empty());
                            message.tool_calls = part.calls;
                        }
                        let mut one = ChatCompletion::new(answer.model.clone(), message, reason);
                        for mut choice in one.choices.drain(..) {
                            choice.index = index;
                            choice.logprobs = tells_tokens.then(|| logprobs(part.tokens.clone()));
                            choices.push(choice);
                        }
                        completion.get_or_insert(one);
                    }
                    let Some(mut completion) = completion else {
                        return Err(openai_api::Error::Truncated);
                    };
                    completion.choices = choices;
                    completion.id = answer.id;
                    completion.created = answer.created;
                    completion.usage = Some(usage);
                    return Ok(completion);
                }
            }
        }
    }

    async fn stream(&self, request: ChatRequest) -> openai_api::Result<ChatStream> {
        let options = request.stream_options.as_ref();
        let wants_usage = options.and_then(|options| options.include_usage).unwrap_or(false);
        let answer = self.start(request).await?;
        let begin = |place| Ok(answer.chunk(place, Delta::begin(), None));
        let first: Vec<_> = (0..answer.answers).map(begin).collect();
        let rest = stream::unfold(Some(answer), move |answer| async move {
            let mut answer = answer?;
            match answer.next().await {
                Ok(Said::Begun) => Some((Vec::new(), Some(answer))),
                Ok(Said::More { place, delta, tokens }) => {
                    let mut chunk = answer.chunk(place, delta, None);
                    if let (false, Some(choice)) = (tokens.is_empty(), chunk.choices.first_mut()) {
                        choice.logprobs = Some(logprobs(tokens));
                    }
                    Some((vec![Ok(chunk)], Some(answer)))
                }
                Ok(Said::Ended { place, reason }) => {
                    let chunk = answer.chunk(place, Delta::default(), Some(reason));
                    Some((vec![Ok(chunk)], Some(answer)))
                }
                Ok(Said::Done(usage)) => {
                    let chunk = wants_usage.then(|| Ok(answer.usage_chunk(usage)));
                    Some((Vec::from_iter(chunk), None))
                }
                Err(error) => Some((vec![Err(error)], None)),
            }
        });
        Ok(stream::iter(first).chain(rest.map(stream::iter).flatten()).boxed())
    }

    async fn models(&self) -> openai_api::Result<Vec<Model>> {
        Ok(self.models.list()?)
    }
}

/// What the working thread says.
#[derive(Debug)]
enum Said {
    /// The request is fine, and an answer will come.
    Begun,
    /// One of the answers goes on; how likely its tokens were, where that was asked.
    More { place: u32, delta: Delta, tokens: Vec<Value> },
    /// One of the answers has come to its end.
    Ended { place: u32, reason: FinishReason },
    /// All of them have.
    Done(Usage),
}

/// One of the answers, as far as it has come.
#[derive(Clone, Debug, Default)]
struct Part {
    text: String,
    calls: Vec<ToolCall>,
    tokens: Vec<Value>,
    reason: Option<FinishReason>,
}

impl Part {
    fn add(&mut self, delta: Delta) {
        self.text.push_str(&delta.content.unwrap_or_default());
        for piece in delta.tool_calls {
            match (piece.id, self.calls.last_mut()) {
                (Some(id), _) => self.calls.push(ToolCall::new(id, piece.function)),
                (None, Some(call)) => call.function.arguments.push_str(&piece.function.arguments),
                (None, None) => {}
            }
        }
    }
}

type Teller = mpsc::UnboundedSender<Result<Said>>;

/// An answer on its way.
#[derive(Debug)]
struct Answer {
    id: String,
    created: u64,
    model: ModelId,
    /// How many there will be.
    answers: u32,
    heard: mpsc::UnboundedReceiver<Result<Said>>,
}

impl Answer {
    fn new(model: ModelId, answers: u32, heard: mpsc::UnboundedReceiver<Result<Said>>) -> Self {
        let id = format!("chatcmpl-{}", random_id());
        Self { id, created: now(), model, answers, heard }
    }

    async fn next(&mut self) -> openai_api::Result<Said> {
        match self.heard.recv().await {
            Some(said) => Ok(said?),
            // The thread broke down.
            None => Err(openai_api::Error::Truncated),
        }
    }

    fn chunk(&self, place: u32, delta: Delta, reason: Option<FinishReason>) -> ChatChunk {
        let mut chunk = ChatChunk::new(self.id.clone(), self.model.clone(), delta, reason);
        if let Some(choice) = chunk.choices.first_mut() {
            choice.index = place;
        }
        chunk.created = self.created;
        chunk
    }

    fn usage_chunk(&self, usage: Usage) -> ChatChunk {
        let mut chunk = self.chunk(0, Delta::default(), None);
        chunk.choices.clear();
        chunk.usage = Some(usage);
        chunk
    }
}

fn logprobs(tokens: Vec<Value>) -> Value {
    json!({"content": tokens, "refusal": null})
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// An id that sorts by when it was made, to the millisecond.
#[cfg(feature = "train")]
pub(crate) fn timed_id() -> String {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Eleven hexadecimal digits of milliseconds last until the year 2500.
    format!("{:011x}{}", elapsed.as_millis(), &random_id()[..5])
}

/// Letters and digits that no other id has.
pub(crate) fn random_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(12).collect::<String>().to_lowercase()
}

/// How many requests are answered side by side.
const PLACES: usize = 16;
/// How many bytes of keys and values are kept, unless it is said otherwise: 2 GiB.
const KEPT: u64 = 2 << 30;
