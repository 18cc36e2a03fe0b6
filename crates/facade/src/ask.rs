//! One question and its answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use dialogue_store::DialogueId;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use openai_api::{ChatCompletion, FinishReason, ModelId, Usage};
use sentiment::Sentiment;

use crate::error::Result;

/// A question, and how to ask it. What is not set is as the [`OpenAiModel`](crate::OpenAiModel) has it.
///
/// ```
/// use facade::Ask;
///
/// let plain: Ask = "Who are you?".into();
/// let with_more = Ask::new("Who are you?").with_system_instruction("Be brief.").with_attempts(5);
/// # let _ = (plain, with_more);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask {
    /// The question; it is sent and kept as it is.
    pub message: String,
    /// Instructions above the question, in place of the assistant's or the model's own.
    pub system_instruction: Option<String>,
    /// How often to try in all, at least 1.
    pub attempts: Option<u32>,
    /// Which model to ask.
    pub model: Option<ModelId>,
    /// Sampling temperature, `0.0..=2.0`; 0 is greedy.
    pub temperature: Option<f32>,
    /// At most this many tokens in the answer.
    pub max_tokens: Option<u32>,
}

impl Ask {
    /// Asks `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            system_instruction: None,
            attempts: None,
            model: None,
            temperature: None,
            max_tokens: None,
        }
    }

    /// Sets instructions above the question.
    #[must_use]
    pub fn with_system_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.system_instruction = Some(instruction.into());
        self
    }

    /// Sets how often to try in all; 0 counts as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets which model to ask.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelId>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the sampling temperature, `0.0..=2.0`.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets how many tokens the answer may have.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: u32) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }
}

impl<T: Into<String>> From<T> for Ask {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}

/// An answer, judged and kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// What the model says, without white space around it.
    pub text: String,
    /// How it sounds.
    pub sentiment: Sentiment,
    /// How many tokens it took, where the server counts them.
    pub usage: Option<Usage>,
    /// The model that answered.
    pub model: ModelId,
    /// Why the answer ended.
    pub finish_reason: Option<FinishReason>,
    /// The server's id for the HTTP exchange.
    pub request_id: Option<String>,
    /// The dialogue that the answer was kept in.
    pub dialogue: DialogueId,
    /// The answer's place among the turns of the dialogue, from 0; feedback goes by it.
    pub turn: u64,
}

impl Reply {
    pub(crate) fn new(
        completion: ChatCompletion,
        sentiment: Sentiment,
        dialogue: DialogueId,
    ) -> Self {
        Self {
            text: completion.text().trim().to_owned(),
            sentiment,
            finish_reason: completion.finish_reason().cloned(),
            request_id: completion.request_id().map(str::to_owned),
            usage: completion.usage,
            model: completion.model,
            dialogue,
            turn: 0,
        }
    }
}

/// A part of an answer that comes as it grows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReplyPart {
    /// Text to append.
    Text(String),
    /// The whole answer, judged and kept; the last part.
    Done(Box<Reply>),
}

/// An answer as it grows; dropping it stops the model, and keeps nothing of the exchange.
pub struct ReplyStream<'a> {
    parts: BoxStream<'a, Result<ReplyPart>>,
}

impl<'a> ReplyStream<'a> {
    pub(crate) fn new(parts: BoxStream<'a, Result<ReplyPart>>) -> Self {
        Self { parts }
    }
}

impl Stream for ReplyStream<'_> {
    type Item = Result<ReplyPart>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.parts.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for ReplyStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyStream").finish_non_exhaustive()
    }
}
