//! A conversation that remembers.

use std::sync::Arc;

use dialogue_store::{Dialogue, DialogueId, Speaker};
use futures_core::future::BoxFuture;
use openai_api::{ChatCompletion, ChatRequest, Message, ModelId};

use crate::ask::{Ask, Reply, ReplyStream};
use crate::convert;
use crate::error::{Error, Result};
use crate::exchange::{Inner, reply_stream};
use crate::openai_model::OpenAiModel;

/// A conversation: each question is asked with what was said before it.
///
/// What no longer fits the model's context window is left out from the oldest exchange on; the
/// instructions always stay, and the store keeps everything.
#[derive(Debug)]
pub struct Session {
    model: OpenAiModel,
    dialogue: DialogueId,
    /// The instructions that were stored last.
    kept_instruction: Option<String>,
    /// Questions and answers, oldest first; instructions are not among them.
    history: Vec<Message>,
    left_out: usize,
    tokens_per_byte: f64,
    window: Option<(ModelId, Option<u32>)>,
}

impl Session {
    pub(crate) fn new(model: OpenAiModel) -> Self {
        let dialogue = convert::dialogue_id(&model.model());
        Self {
            model,
            dialogue,
            kept_instruction: None,
            history: Vec::new(),
            left_out: 0,
            tokens_per_byte: CAUTIOUS_TOKENS_PER_BYTE,
            window: None,
        }
    }

    pub(crate) fn resumed(model: OpenAiModel, dialogue: &Dialogue) -> Self {
        let last_instruction =
            dialogue.turns.iter().rev().find(|turn| turn.speaker == Speaker::System);
        Self {
            dialogue: dialogue.id.clone(),
            kept_instruction: last_instruction.map(|turn| turn.text.clone()),
            history: convert::messages(&dialogue.turns),
            ..Self::new(model)
        }
    }

    /// The dialogue that the conversation is kept in.
    #[must_use]
    pub fn dialogue(&self) -> &DialogueId {
        &self.dialogue
    }

    /// What was said, oldest first, without instructions.
    #[must_use]
    pub fn history(&self) -> &[Message] {
        &self.history
    }

    /// How many messages were left out of the last request because they did not fit.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Asks with what was said before; judges and keeps question and answer.
    ///
    /// Dropping the future gives the question up; it is then no part of the conversation.
    ///
    /// # Errors
    ///
    /// Those of [`OpenAiModel::ask`]; a question that does not fit the context window even alone
    /// is [`Error::Backend`] with code `context_length_exceeded`.
    pub async fn ask(&mut self, ask: impl Into<Ask>) -> Result<Reply> {
        let ask = ask.into();
        let system = self.model.instruction_for(&ask);
        let (completion, sent) = self
            .send(&ask, system.as_deref(), |inner, request, attempts| {
                Box::pin(inner.complete(request, attempts))
            })
            .await?;
        self.keep(&ask, system, sent, completion).await
    }

    /// Asks like [`ask`](Self::ask), and gives the answer as it grows.
    ///
    /// A stream that is dropped before its end gives the question up.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Self::ask); once the answer has begun, they come as the last part.
    pub async fn ask_stream(&mut self, ask: impl Into<Ask>) -> Result<ReplyStream<'_>> {
        let ask = ask.into();
        let system = self.model.instruction_for(&ask);
        let (chunks, sent) = self
            .send(&ask, system.as_deref(), |inner, request, attempts| {
                Box::pin(inner.stream(request, attempts))
            })
            .await?;
        let keep = async move |completion| self.keep(&ask, system, sent, completion).await;
        Ok(reply_stream(chunks, keep))
    }

    /// Sends as much of the conversation as fits; tells how many bytes that were.
    async fn send<T>(
        &mut self,
        ask: &Ask,
        system: Option<&str>,
        call: impl for<'a> Fn(&'a Inner, ChatRequest, Option<u32>) -> BoxFuture<'a, Result<T>>,
    ) -> Result<(T, usize)> {
        let inner = Arc::clone(self.model.inner());
        let mut first = self.first_that_fits(ask, system).await;
        loop {
            let request = self.request(ask, system, first);
            let sent = text_bytes(&request.messages);
            match call(&inner, request, ask.attempts).await {
                Ok(answer) => {
                    self.left_out = first;
                    return Ok((answer, sent));
                }
                // The estimate was too low, or the window is not known: leave out half of it.
                Err(Error::Backend(error))
                    if error.is_context_length_exceeded() && first < self.history.len() =>
                {
                    let half = (self.history.len() - first) / 2;
                    first = self.next_exchange(first + half.saturating_sub(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn keep(
        &mut self,
        ask: &Ask,
        system: Option<String>,
        sent_bytes: usize,
        completion: ChatCompletion,
    ) -> Result<Reply> {
        self.learn_ratio(&completion, sent_bytes);
        let inner = Arc::clone(self.model.inner());
        let new = convert::new_session_dialogue(&self.dialogue, &completion.model);
        let answer = Message::assistant(completion.text().trim());
        let new_instruction = system.filter(|text| self.kept_instruction.as_ref() != Some(text));
        let asked = convert::asked(new_instruction.as_deref(), &ask.message);
        let kept = inner.keep(new, &self.dialogue, asked, completion).await;
        // An answer that could not be judged or stored was given all the same: it is remembered.
        if matches!(kept, Ok(_) | Err(Error::NotKept { .. } | Error::NotJudged { .. })) {
            self.history.extend([Message::user(ask.message.as_str()), answer]);
        }
        if kept.is_ok() {
            self.kept_instruction = new_instruction.or(self.kept_instruction.take());
        }
        kept
    }

    fn request(&self, ask: &Ask, system: Option<&str>, first: usize) -> ChatRequest {
        let messages = system
            .map(Message::system)
            .into_iter()
            .chain(self.history[first..].iter().cloned())
            .chain([Message::user(ask.message.as_str())])
            .collect();
        self.model.inner().request(ask, self.model.model(), messages)
    }

    /// The place in the history from which on it should fit, by estimate.
    async fn first_that_fits(&mut self, ask: &Ask, system: Option<&str>) -> usize {
        let model = ask.model.clone().unwrap_or_else(|| self.model.model());
        let window = match &self.window {
            Some((known, window)) if *known == model => *window,
            _ => match self.model.inner().context_window(&model).await {
                Ok(window) => {
                    self.window = Some((model, window));
                    window
                }
                // Not known this time; the next question asks again.
                Err(_) => None,
            },
        };
        // What was too long for the last question is too long for this one.
        let Some(window) = window else { return self.left_out };
        let room = f64::from(window) * (1.0 - SHARE_FOR_THE_ANSWER);
        let mut first = 0;
        while first < self.history.len() {
            let request = self.request(ask, system, first);
            if self.estimate(&request.messages) <= room {
                break;
            }
            first = self.next_exchange(first);
        }
        first
    }

    /// The place of the first question after `first`.
    fn next_exchange(&self, first: usize) -> usize {
        let later = self.history.iter().enumerate().skip(first + 1);
        later
            .filter(|(_, message)| message.role == openai_api::Role::User)
            .map(|(place, _)| place)
            .next()
            .unwrap_or(self.history.len())
    }

    fn estimate(&self, messages: &[Message]) -> f64 {
        text_bytes(messages) as f64 * self.tokens_per_byte
    }

    /// The server's own count corrects the estimate.
    fn learn_ratio(&mut self, completion: &ChatCompletion, sent_bytes: usize) {
        let counted = completion.usage.as_ref().map_or(0, |usage| usage.prompt_tokens);
        if counted > 0 && sent_bytes > 0 {
            self.tokens_per_byte = counted as f64 / sent_bytes as f64;
        }
    }
}

/// Bytes of text, with what the template puts around each message.
fn text_bytes(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.text().len() + BYTES_AROUND_A_MESSAGE).sum()
}

/// Before the server has counted: high for English (about 0.25), right for Russian.
const CAUTIOUS_TOKENS_PER_BYTE: f64 = 0.5;
const BYTES_AROUND_A_MESSAGE: usize = 12;
/// This part of the context window is left for the answer.
const SHARE_FOR_THE_ANSWER: f64 = 0.25;
