//! The engine: local models behind the chat seam.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use openai_api::{
    ChatBackend, ChatChunk, ChatCompletion, ChatRequest, ChatStream, Delta, FinishReason, Message,
    Model, ModelId, Usage,
};
use tokio::sync::{Semaphore, mpsc};

use crate::error::{Error, Result};
use crate::generate::{self, Ending, check_fits};
use crate::image_facts;
use crate::models::Models;
use crate::request::{self, Task};
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
/// # What a request may ask for
///
/// `temperature`, `top_p`, `seed`, `stop` and `max_tokens` are honoured; without a temperature
/// the model's own habit goes, which for `attune-tiny` is to be greedy. What would change the
/// answer's form and is not offered (`tools`, `response_format`, `n` above 1, `logprobs`, …) is
/// refused with its name.
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
    /// How many generations may run side by side.
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
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            #[cfg(feature = "train")]
            trainer: LocalTrainer::open(home, Arc::clone(&models))?,
            models,
            places: Arc::new(Semaphore::new(cores.max(2))),
        })
    }

    /// The trainer whose models this engine serves; all clones share it.
    #[cfg(feature = "train")]
    #[must_use]
    pub fn trainer(&self) -> LocalTrainer {
        self.trainer.clone()
    }

    /// Starts on an answer; returns once it is clear that there will be one.
    async fn start(&self, request: ChatRequest) -> openai_api::Result<Answer> {
        let task = request::read(&request)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|source| {
            openai_api::Error::Backend { backend: "local", source: source.into() }
        })?;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let models = Arc::clone(&self.models);
        let model = request.model.clone();
        std::thread::Builder::new()
            .name("local-engine".to_owned())
            .spawn(move || {
                if let Err(error) = work(&models, &request, &task, &tell) {
                    // Nobody may be listening any more, and then nobody minds.
                    let _ = tell.send(Err(error));
                }
                drop(place);
            })
            .map_err(|source| Error::Thread { source })?;
        match heard.recv().await {
            Some(Ok(Said::Begun)) => Ok(Answer::new(model, heard)),
            Some(Err(error)) => Err(error.into()),
            _ => Err(openai_api::Error::Truncated),
        }
    }
}

#[async_trait]
impl ChatBackend for Engine {
    async fn complete(&self, request: ChatRequest) -> openai_api::Result<ChatCompletion> {
        let mut answer = self.start(request).await?;
        let mut text = String::new();
        loop {
            match answer.next().await? {
                Said::Begun => {}
                Said::Text(piece) => text.push_str(&piece),
                Said::Ended(Ending { reason, usage }) => {
                    let message = Message::assistant(text);
                    let mut completion = ChatCompletion::new(answer.model, message, reason);
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
        let first = answer.chunk(Delta::begin(), None);
        let rest = stream::unfold(Some(answer), move |answer| async move {
            let mut answer = answer?;
            match answer.next().await {
                Ok(Said::Begun) => Some((Vec::new(), Some(answer))),
                Ok(Said::Text(text)) => {
                    Some((vec![Ok(answer.chunk(Delta::text(text), None))], Some(answer)))
                }
                Ok(Said::Ended(Ending { reason, usage })) => {
                    let mut chunks = vec![Ok(answer.chunk(Delta::default(), Some(reason)))];
                    if wants_usage {
                        chunks.push(Ok(answer.usage_chunk(usage)));
                    }
                    Some((chunks, None))
                }
                Err(error) => Some((vec![Err(error)], None)),
            }
        });
        Ok(stream::iter([Ok(first)]).chain(rest.map(stream::iter).flatten()).boxed())
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
    Text(String),
    Ended(Ending),
}

type Teller = mpsc::UnboundedSender<Result<Said>>;

/// An answer on its way.
#[derive(Debug)]
struct Answer {
    id: String,
    created: u64,
    model: ModelId,
    heard: mpsc::UnboundedReceiver<Result<Said>>,
}

impl Answer {
    fn new(model: ModelId, heard: mpsc::UnboundedReceiver<Result<Said>>) -> Self {
        let id = format!("chatcmpl-{}", random_id());
        Self { id, created: now(), model, heard }
    }

    async fn next(&mut self) -> openai_api::Result<Said> {
        match self.heard.recv().await {
            Some(said) => Ok(said?),
            // The thread broke down.
            None => Err(openai_api::Error::Truncated),
        }
    }

    fn chunk(&self, delta: Delta, reason: Option<FinishReason>) -> ChatChunk {
        let mut chunk = ChatChunk::new(self.id.clone(), self.model.clone(), delta, reason);
        chunk.created = self.created;
        chunk
    }

    fn usage_chunk(&self, usage: Usage) -> ChatChunk {
        let mut chunk = self.chunk(Delta::default(), None);
        chunk.choices.clear();
        chunk.usage = Some(usage);
        chunk
    }
}

fn work(models: &Models, request: &ChatRequest, task: &Task, tell: &Teller) -> Result<()> {
    let model = models.load(&request.model)?;
    // A failed send means that nobody listens, which the next look at the channel finds out.
    let say = |said| drop(tell.send(Ok(said)));
    match task {
        Task::Image { param, url } => {
            let facts = image_facts::of_url(url, param)?;
            say(Said::Begun);
            let text = serde_json::to_string_pretty(&facts)
                .map_err(|source| Error::Json { file: "the image's facts".to_owned(), source })?;
            let asked: String = request.messages.iter().map(Message::text).collect();
            let count = |text: &str| Ok::<_, Error>(model.codec.encode(text)?.len() as u64);
            let usage = Usage::new(count(&asked)?, count(&text)?);
            say(Said::Text(text));
            say(Said::Ended(Ending { reason: FinishReason::Stop, usage }));
        }
        Task::Answer => {
            let prompt = model.prompt(&request::turns(&request.messages)?)?;
            check_fits(&model, &prompt)?;
            say(Said::Begun);
            let sampling = request::sampling(request, &model.habits);
            let ending = generate::generate(&model, &prompt, &sampling, |piece| {
                if tell.is_closed() {
                    return ControlFlow::Break(());
                }
                if !piece.is_empty() {
                    say(Said::Text(piece));
                }
                ControlFlow::Continue(())
            })?;
            if let Some(ending) = ending {
                say(Said::Ended(ending));
            }
        }
    }
    Ok(())
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
