//! A backend that says again what it was told, and goes wrong when the model's name says so.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use openai_api::{
    ApiError, ChatBackend, ChatChunk, ChatCompletion, ChatRequest, ChatStream, Delta, Error,
    FinishReason, Message, Model, Result, Usage,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Tells on its channel when a model that never ends has begun; the channel closes with the
/// backend and with what such models have begun.
#[derive(Debug)]
pub(crate) struct Echo {
    begun: std::sync::Mutex<Option<UnboundedSender<()>>>,
}

impl Echo {
    pub(crate) fn new() -> (Self, UnboundedReceiver<()>) {
        let (begun, told) = unbounded_channel();
        (Self { begun: Some(begun).into() }, told)
    }

    /// Takes the only sender, so that the channel closes when whoever has it now is dropped.
    fn guard(&self) -> Option<UnboundedSender<()>> {
        let guard = self.begun.lock().unwrap().take();
        guard.inspect(|guard| guard.send(()).unwrap())
    }
}

pub(crate) fn fault(model: &str) -> Option<Error> {
    let cause = || "the secret cause".into();
    Some(match model {
        "unreachable" => Error::Connect { url: "http://far/".into(), source: cause() },
        "late" => Error::Timeout { what: "response", limit: Duration::from_secs(3) },
        "broken" => Error::Backend { backend: "echo", source: cause() },
        "busy" => {
            let mut error = ApiError::new(429, "slow down").with_code("rate_limit_exceeded");
            error.retry_after = Some(Duration::from_millis(1500));
            error.into()
        }
        "tired" => {
            let source = Box::new(ApiError::new(503, "overloaded").into());
            Error::Exhausted { attempts: 3, source }
        }
        "invalid" => Error::invalid("temperature", "must lie in 0.0..=2.0"),
        "echo" | "bare" | "breaks" | "endless" | "panics" => return None,
        unknown => ApiError::model_not_found(unknown).into(),
    })
}

#[async_trait]
impl ChatBackend for Echo {
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
        assert_ne!(request.model, "panics", "as asked");
        fault(request.model.as_str()).map_or(Ok(()), Err)?;
        if request.model == "endless" {
            let _guard = self.guard();
            std::future::pending::<()>().await;
        }
        let text = request.messages.last().map(Message::text).unwrap_or_default();
        let answer = Message::assistant(text);
        let mut completion = ChatCompletion::new(request.model, answer, FinishReason::Stop);
        completion.usage = Some(Usage::new(3, 2));
        Ok(completion)
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        let model = request.model.clone();
        if model == "late" {
            // This one is late only once the stream has begun.
            return Ok(stream::iter(fault("late").map(Err)).boxed());
        }
        fault(model.as_str()).map_or(Ok(()), Err)?;
        assert_eq!(request.stream, None);
        let chunk = |delta, reason| ChatChunk::new("", model.clone(), delta, reason);
        let text = request.messages.last().map(Message::text).unwrap_or_default();
        let mut chunks = vec![Ok(chunk(Delta::begin(), None))];
        chunks.extend(text.split_inclusive(' ').map(|word| Ok(chunk(Delta::text(word), None))));
        match model.as_str() {
            "breaks" => chunks.push(Err(fault("broken").unwrap())),
            "endless" => {
                let guard = self.guard();
                let rest = stream::poll_fn(move |_| {
                    let _held = &guard;
                    std::task::Poll::Pending
                });
                return Ok(stream::iter(chunks).chain(rest).boxed());
            }
            _ => {
                let mut last = chunk(Delta::default(), Some(FinishReason::Stop));
                last.usage = Some(Usage::new(3, 2));
                chunks.push(Ok(last));
            }
        }
        Ok(stream::iter(chunks).boxed())
    }

    async fn models(&self) -> Result<Vec<Model>> {
        let ids = ["org/echo", "echo", "ft:echo:lake:1f3a"];
        Ok(ids.map(|id| Model::new(id).with_created(7)).into())
    }
}
