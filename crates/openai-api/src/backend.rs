//! The seam: whatever can complete a chat.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;
use futures_core::stream::BoxStream;

use crate::chat::{ChatCompletion, ChatRequest};
use crate::chunk::{ChatAccumulator, ChatChunk};
use crate::error::Result;
use crate::message::Message;
use crate::model::{Model, ModelId};

/// An answer that comes in chunks; dropping it stops the model.
pub type ChatStream = BoxStream<'static, Result<ChatChunk>>;

/// Completes chats: a server far away, an engine in process, or a wrapper around another backend.
///
/// A backend is a handle: wrap it in an `Arc` and clone that. One backend serves many models; the
/// request names the one to ask. Dropping a returned future, or stream, gives the request up.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ChatBackend: Debug + Send + Sync + 'static {
    /// Completes a chat and returns the whole answer.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with code `model_not_found` if the model is not known,
    /// and with `context_length_exceeded` if the messages do not fit its context window.
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion>;

    /// Completes a chat and returns the answer as it grows.
    ///
    /// The last chunk of an answer carries its finish reason. The texts of all chunks add up to
    /// what [`complete`](Self::complete) would have returned.
    ///
    /// # Errors
    ///
    /// Those of [`complete`](Self::complete); once the stream has begun they come as an item,
    /// after which it ends. A stream cut short yields [`Error::Truncated`](crate::Error::Truncated).
    async fn stream(&self, request: ChatRequest) -> Result<ChatStream>;

    /// Lists the models, in any order.
    ///
    /// # Errors
    ///
    /// Whatever keeps the backend from telling.
    async fn models(&self) -> Result<Vec<Model>>;
}

/// Conveniences over any [`ChatBackend`].
pub trait ChatBackendExt: ChatBackend {
    /// Asks one question and returns the answer's text.
    ///
    /// How it samples is left to the server: models that reason refuse a temperature.
    fn ask(
        &self,
        model: impl Into<ModelId>,
        prompt: &str,
    ) -> impl Future<Output = Result<String>> + Send {
        let request = ChatRequest::new(model, vec![Message::user(prompt)]);
        async { Ok(self.complete(request).await?.text()) }
    }

    /// Completes a chat with an answer of a Rust type.
    ///
    /// A request without a [response format](ChatRequest::response_format) gets
    /// [the type's](crate::ResponseFormat::of).
    ///
    /// # Errors
    ///
    /// [`Error::NotParsed`](crate::Error::NotParsed) if the model refused, was cut short or wrote
    /// something else; [`Error::InvalidRequest`](crate::Error::InvalidRequest) if no strict schema
    /// tells the type; those of [`complete`](ChatBackend::complete).
    ///
    /// # Examples
    ///
    /// ```
    /// use openai_api::{ChatBackend, ChatBackendExt as _, ChatRequest, Message};
    /// # use openai_api::schemars;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Mood {
    ///     reasoning: String,
    ///     /// From -1, bad, to 1, good.
    ///     score: f32,
    /// }
    ///
    /// # async fn run(backend: impl ChatBackend) -> openai_api::Result<()> {
    /// let question = Message::user("What a lovely day!");
    /// let mood: Mood = backend.complete_as(ChatRequest::new("m", vec![question])).await?.value;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "schema")]
    fn complete_as<T: schemars::JsonSchema + serde::de::DeserializeOwned>(
        &self,
        request: ChatRequest,
    ) -> impl Future<Output = Result<crate::structured::Parsed<T>>> + Send {
        crate::structured::complete_as(self, request)
    }

    /// Completes a chat by streaming it, for backends that stream better than they complete.
    fn complete_via_stream(
        &self,
        request: ChatRequest,
    ) -> impl Future<Output = Result<ChatCompletion>> + Send {
        async {
            let mut stream = self.stream(request).await?;
            let mut answer = ChatAccumulator::default();
            while let Some(chunk) = next(&mut stream).await {
                answer.push(chunk?);
            }
            answer.finish()
        }
    }
}

impl<B: ChatBackend + ?Sized> ChatBackendExt for B {}

async fn next(stream: &mut ChatStream) -> Option<Result<ChatChunk>> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<B: ChatBackend + ?Sized> ChatBackend for $pointer<B> {
            async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
                (**self).complete(request).await
            }

            async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
                (**self).stream(request).await
            }

            async fn models(&self) -> Result<Vec<Model>> {
                (**self).models().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
