//! One exchange: the request, the attempts, the judgement, the record.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dialogue_store::{DialogueId, DialogueStore, DialogueStoreExt, NewDialogue, Turn};
use futures_core::future::BoxFuture;
use futures_util::StreamExt;
use openai_api::{
    AssistantObject, ChatAccumulator, ChatBackend, ChatCompletion, ChatRequest, ChatStream,
    Message, ModelId, Retry, RetryPolicy,
};
use sentiment::SentimentAnalyzer;
use trainer::{JobId, Trainer};

use crate::ask::{Ask, Reply, ReplyPart, ReplyStream};
use crate::convert;
use crate::error::{Error, Hidden, Result};
use crate::near::near_names;

/// What the clones of a model share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) dialogue: DialogueId,
    state: Mutex<State>,
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
    pub(crate) temperature: Option<f32>,
    pub(crate) max_tokens: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: 3, temperature: Some(0.0), max_tokens: Some(8000) }
    }
}

/// What changes in the life of a model.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) model: ModelId,
    pub(crate) assistant: Option<AssistantObject>,
    pub(crate) current_job: Option<JobId>,
}

impl Inner {
    pub(crate) fn new(parts: Parts) -> Self {
        let state = State { model: parts.model.clone(), assistant: None, current_job: None };
        let dialogue = convert::dialogue_id(&parts.model);
        Self { parts, dialogue, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Each write is a single assignment, so a panic elsewhere leaves nothing half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request(&self, ask: &Ask, model: ModelId, messages: Vec<Message>) -> ChatRequest {
        let settings = self.parts.settings;
        let mut request = ChatRequest::new(ask.model.clone().unwrap_or(model), messages);
        request.temperature = ask.temperature.or(settings.temperature);
        request.max_tokens = ask.max_tokens.or(settings.max_tokens);
        request
    }

    pub(crate) async fn complete(
        &self,
        request: ChatRequest,
        attempts: Option<u32>,
    ) -> Result<ChatCompletion> {
        let call = |backend: Backend, request| -> BoxFuture<'static, _> {
            Box::pin(async move { backend.complete(request).await })
        };
        self.send(request, attempts, call).await
    }

    pub(crate) async fn stream(
        &self,
        request: ChatRequest,
        attempts: Option<u32>,
    ) -> Result<ChatStream> {
        let call = |backend: Backend, request| -> BoxFuture<'static, _> {
            Box::pin(async move { backend.stream(request).await })
        };
        self.send(request, attempts, call).await
    }

    /// Judges an answer and appends it, with what was asked, to the dialogue `new`, which it
    /// begins if it is not there.
    pub(crate) async fn keep(
        &self,
        new: NewDialogue,
        dialogue: &DialogueId,
        mut turns: Vec<Turn>,
        completion: ChatCompletion,
    ) -> Result<Reply> {
        let judged = self.parts.analyzer.analyze(completion.text().trim()).await;
        turns.push(convert::answered(&completion, judged.as_ref().ok()));
        let stored = self.append(new, dialogue, turns).await;
        let sentiment = match judged {
            Ok(sentiment) => sentiment,
            Err(source) => {
                return Err(Error::NotJudged { completion: Hidden(Box::new(completion)), source });
            }
        };
        let reply = Reply::new(completion, sentiment, dialogue.clone());
        match stored {
            Ok(count) => Ok(Reply { turn: count.saturating_sub(1), ..reply }),
            Err(source) => Err(Error::NotKept { reply: Hidden(Box::new(reply)), source }),
        }
    }

    /// The model's context window in tokens, where the backend tells it.
    pub(crate) async fn context_window(&self, model: &ModelId) -> openai_api::Result<Option<u32>> {
        let models = self.parts.backend.models().await?;
        let known = models.iter().find(|known| known.id == *model);
        Ok(known.and_then(openai_api::Model::context_window))
    }

    /// Keeps a question that stands alone.
    pub(crate) async fn keep_single(
        &self,
        asked: Vec<Turn>,
        completion: ChatCompletion,
    ) -> Result<Reply> {
        let new = convert::new_single_turn_dialogue(&self.dialogue, &self.parts.model);
        self.keep(new, &self.dialogue, asked, completion).await
    }

    /// Sends a request, and again without what the server turns out not to take.
    async fn send<T>(
        &self,
        mut request: ChatRequest,
        attempts: Option<u32>,
        call: impl Fn(Backend, ChatRequest) -> BoxFuture<'static, openai_api::Result<T>>,
    ) -> Result<T> {
        let attempts = attempts.unwrap_or(self.parts.settings.attempts).max(1);
        loop {
            let backend = Retry::new(Arc::clone(&self.parts.backend))
                .with_policy(RetryPolicy::default().with_attempts(attempts));
            let error = match call(backend, request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match without_what_is_refused(&request, &error) {
                Some(simpler) => request = simpler,
                None => return Err(self.explain(request.model, error).await),
            }
        }
    }

    async fn append(
        &self,
        new: NewDialogue,
        dialogue: &DialogueId,
        turns: Vec<Turn>,
    ) -> dialogue_store::Result<u64> {
        match self.parts.store.append(dialogue, turns.clone()).await {
            // It was not begun yet, or somebody has deleted it since.
            Err(dialogue_store::Error::NotFound(_)) => {
                self.parts.store.get_or_create(new).await?;
                self.parts.store.append(dialogue, turns).await
            }
            appended => appended,
        }
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

type Backend = Retry<Arc<dyn ChatBackend>>;

/// The request without the setting that `error` refuses; `None` if there is nothing to leave out.
fn without_what_is_refused(
    request: &ChatRequest,
    error: &openai_api::Error,
) -> Option<ChatRequest> {
    let mut simpler = request.clone();
    if error.is_context_length_exceeded() {
        // Some servers count the limit on the answer in; left to them, it is what there is room for.
        return simpler.max_tokens.take().map(|_| simpler);
    }
    match error.unsupported_param().or_else(|| complains_of_format(error))? {
        // What OpenAI's reasoning models call it.
        "max_tokens" => simpler.max_completion_tokens = simpler.max_tokens.take(),
        "max_completion_tokens" => simpler.max_completion_tokens = None,
        "temperature" => simpler.temperature = None,
        RESPONSE_FORMAT => simpler.response_format = None,
        _ => return None,
    }
    (simpler != *request).then_some(simpler)
}

/// Servers without structured output complain of it in many words.
fn complains_of_format(error: &openai_api::Error) -> Option<&'static str> {
    let error = error.as_api().filter(|error| matches!(error.status, 400 | 422))?;
    let named =
        error.param.as_deref() == Some(RESPONSE_FORMAT) || error.message.contains(RESPONSE_FORMAT);
    named.then_some(RESPONSE_FORMAT)
}

const RESPONSE_FORMAT: &str = "response_format";

/// Hands on the text of `chunks`, then the reply that `keep` makes of the whole.
pub(crate) fn reply_stream<'a, K, F>(chunks: ChatStream, keep: K) -> ReplyStream<'a>
where
    K: FnOnce(ChatCompletion) -> F + Send + 'a,
    F: Future<Output = Result<Reply>> + Send + 'a,
{
    // `None` once the reply was handed on.
    let start = Some((chunks, ChatAccumulator::default(), keep));
    let parts = futures_util::stream::try_unfold(start, async |growing| {
        let Some((mut chunks, mut answer, keep)) = growing else {
            return Ok(None);
        };
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let text = chunk.text().to_owned();
            answer.push(chunk);
            if !text.is_empty() {
                return Ok(Some((ReplyPart::Text(text), Some((chunks, answer, keep)))));
            }
        }
        let reply = keep(answer.finish()?).await?;
        Ok(Some((ReplyPart::Done(Box::new(reply)), None)))
    });
    ReplyStream::new(parts.boxed())
}
