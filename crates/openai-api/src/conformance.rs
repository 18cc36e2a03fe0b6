//! The suite that every [`ChatBackend`] must pass, one function per behaviour.
//!
//! [`chat_backend_conformance!`](crate::chat_backend_conformance) makes a named test of each. What
//! a backend cannot do is declared in its [`Offer`] and printed, never skipped in silence.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    reason = "a suite tells its result by these"
)]

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt as _;

use crate::backend::ChatBackend;
use crate::chat::{ChatCompletion, ChatRequest, FinishReason, StreamOptions};
use crate::chunk::{ChatAccumulator, ChatChunk};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::model::ModelId;

/// What a backend under test offers: a model to ask, and what it cannot do.
#[derive(Clone, Debug)]
pub struct Offer {
    model: ModelId,
    prompt: String,
    echoes: bool,
    missing: Vec<(Ability, String)>,
}

/// Something that a backend may have to declare it cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// The same greedy request gives the same answer.
    SameAnswerTwice,
    /// A limit on tokens cuts the answer.
    TokenLimit,
    /// A stop text ends the answer.
    StopTexts,
    /// An answer tells its usage.
    Usage,
    /// A model that is not known is refused.
    RefusesUnknownModels,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameAnswerTwice => "the same answer twice",
            Self::TokenLimit => "a limit on tokens",
            Self::StopTexts => "stop texts",
            Self::Usage => "usage",
            Self::RefusesUnknownModels => "refusing unknown models",
        })
    }
}

impl Offer {
    /// Offers a model that the backend knows, and every ability.
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self {
            model: model.into(),
            prompt: "Hello, who are you?".to_owned(),
            echoes: false,
            missing: Vec::new(),
        }
    }

    /// Sets what to ask; the greedy answer must be at least three characters and two tokens long.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = prompt.into();
        self
    }

    /// Declares that the answer contains the question as it was.
    #[must_use]
    pub fn with_echo(mut self) -> Self {
        self.echoes = true;
        self
    }

    /// Declares what the backend cannot do, and why.
    #[must_use]
    pub fn without(mut self, ability: Ability, reason: impl Into<String>) -> Self {
        self.missing.push((ability, reason.into()));
        self
    }

    fn lacks(&self, ability: Ability) -> bool {
        let missing = self.missing.iter().find(|(missing, _)| *missing == ability);
        if let Some((ability, reason)) = missing {
            println!("not offered: {ability} ({reason})");
        }
        missing.is_some()
    }

    fn request(&self) -> ChatRequest {
        self.asking(&self.prompt)
    }

    fn asking(&self, prompt: &str) -> ChatRequest {
        ChatRequest::new(self.model.clone(), vec![Message::user(prompt)]).with_temperature(0.0)
    }

    fn asking_nobody(&self) -> ChatRequest {
        let mut request = self.request();
        request.model = ModelId::new("no-such-model");
        request
    }
}

/// The known model is among those listed, once.
pub async fn models_lists_the_known_model(backend: &dyn ChatBackend, offer: &Offer) {
    let models = good("listing models", backend.models().await);
    let found = models.iter().filter(|model| model.id == offer.model).count();
    assert_eq!(found, 1, "{} among {models:?}", offer.model);
}

/// An answer has a text and says why it ended.
pub async fn complete_answers_with_text_and_a_finish_reason(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    let answer = complete(backend, offer.request()).await;
    assert!(!answer.text().is_empty(), "the answer is empty");
    assert!(answer.finish_reason().is_some(), "the answer has no finish reason");
}

/// The texts of all chunks add up to what completing gives.
pub async fn the_streamed_text_adds_up_to_the_completed_text(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    let chunks = stream(backend, offer.request()).await;
    let mut streamed = ChatAccumulator::default();
    let text: String = chunks.iter().map(ChatChunk::text).collect();
    chunks.into_iter().for_each(|chunk| streamed.push(chunk));
    let streamed = good("putting the chunks together", streamed.finish());
    assert_eq!(streamed.text(), text);
    if offer.lacks(Ability::SameAnswerTwice) {
        return;
    }
    let completed = complete(backend, offer.request()).await;
    assert_eq!(streamed.text(), completed.text());
    assert_eq!(streamed.finish_reason(), completed.finish_reason());
}

/// The finish reason comes in the last chunk that belongs to the answer, and only there.
pub async fn the_last_chunk_carries_the_finish_reason(backend: &dyn ChatBackend, offer: &Offer) {
    let chunks = stream(backend, offer.request()).await;
    let mut reasons: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk.choices.first())
        .map(|choice| choice.finish_reason.clone())
        .collect();
    let last = reasons.pop().flatten();
    assert!(last.is_some(), "the last chunk has no finish reason");
    assert!(reasons.iter().all(Option::is_none), "a chunk before the last has a finish reason");
}

/// Completing with a model that is not known is refused for good.
pub async fn an_unknown_model_is_a_typed_error_that_is_not_retryable(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    if offer.lacks(Ability::RefusesUnknownModels) {
        return;
    }
    is_unknown_model(backend.complete(offer.asking_nobody()).await.err());
}

/// Streaming with a model that is not known is refused as completing is: at once, or as first item.
pub async fn an_unknown_model_is_refused_on_the_stream_too(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    if offer.lacks(Ability::RefusesUnknownModels) {
        return;
    }
    is_unknown_model(match backend.stream(offer.asking_nobody()).await {
        Err(error) => Some(error),
        Ok(mut stream) => stream.next().await.and_then(Result::err),
    });
}

/// A limit of one token cuts the answer and says so.
pub async fn max_tokens_cuts_the_answer_with_reason_length(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    if offer.lacks(Ability::TokenLimit) {
        return;
    }
    let whole = complete(backend, offer.request()).await;
    let cut = complete(backend, offer.request().with_max_tokens(1)).await;
    assert_eq!(cut.finish_reason(), Some(&FinishReason::Length));
    let (whole, text) = (whole.text(), cut.text());
    assert!(text.len() < whole.len(), "{text:?} is no shorter than {whole:?}");
    if let Some(usage) = cut.usage {
        assert!(usage.completion_tokens <= 1, "{usage:?}");
    }
}

/// A stop text ends the answer before itself, on the stream too.
pub async fn a_stop_text_ends_the_answer_and_is_left_out(backend: &dyn ChatBackend, offer: &Offer) {
    if offer.lacks(Ability::StopTexts) || offer.lacks(Ability::SameAnswerTwice) {
        return;
    }
    let whole = complete(backend, offer.request()).await.text();
    let length = whole.chars().count();
    assert!(length >= 3, "the answer {whole:?} is too short to stop within; set another prompt");
    // The middle of the answer, unless that is blank, which some servers trim.
    let middle: String = whole.chars().skip(length / 3).take(length.div_ceil(3)).collect();
    let stop = middle.trim();
    assert!(!stop.is_empty(), "the middle of {whole:?} is blank; set another prompt");
    let before = whole.split(stop).next().unwrap_or_default();

    let request = offer.request().with_stop(vec![stop.to_owned()]);
    let stopped = complete(backend, request.clone()).await;
    assert_eq!(stopped.text().trim_end(), before.trim_end(), "stopped at {stop:?}");
    assert_eq!(stopped.finish_reason(), Some(&FinishReason::Stop));

    let streamed = stream(backend, request).await;
    let streamed: String = streamed.iter().map(ChatChunk::text).collect();
    assert_eq!(streamed.trim_end(), before.trim_end(), "stopped at {stop:?} on the stream");
}

/// Text that is hard to quote is accepted, and comes back unchanged from a backend that echoes.
pub async fn quotes_line_breaks_and_cyrillic_go_through_untouched(
    backend: &dyn ChatBackend,
    offer: &Offer,
) {
    let prompt = "He said: \"привет,\r\n\tмир\"\\n — 'ok'? \u{1f600} {\"a\": [1]} </s>";
    let answer = complete(backend, offer.asking(prompt)).await;
    let streamed = stream(backend, offer.asking(prompt)).await;
    let streamed: String = streamed.iter().map(ChatChunk::text).collect();
    if offer.echoes {
        assert!(answer.text().contains(prompt), "{:?}", answer.text());
        assert!(streamed.contains(prompt), "{streamed:?}");
    } else {
        println!("not offered: an echo, so only acceptance is checked");
    }
}

/// An answer tells how many tokens it took, and so does a stream that is asked to.
pub async fn an_answer_tells_its_usage(backend: &dyn ChatBackend, offer: &Offer) {
    if offer.lacks(Ability::Usage) {
        return;
    }
    let completed = complete(backend, offer.request()).await.usage;
    let mut request = offer.request();
    request.stream_options = Some(StreamOptions::with_usage());
    let chunks = stream(backend, request).await;
    let streamed = chunks.into_iter().rev().find_map(|chunk| chunk.usage);
    for usage in [completed, streamed] {
        let Some(usage) = usage else { panic!("the answer does not tell its usage") };
        assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0, "{usage:?}");
        assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    }
}

/// A stream that is dropped half-way leaves the backend able to answer.
pub async fn a_dropped_stream_leaves_the_backend_usable(backend: &dyn ChatBackend, offer: &Offer) {
    let mut half = good("streaming", backend.stream(offer.request()).await);
    let Some(first) = half.next().await else { panic!("the stream is empty") };
    good("the first chunk", first);
    drop(half);
    drop(good("streaming", backend.stream(offer.request()).await));
    assert!(!complete(backend, offer.request()).await.text().is_empty());
}

/// A backend behind an `Arc` in a `Box` answers as it does itself.
pub async fn the_arc_and_the_box_forward(backend: impl ChatBackend, offer: &Offer) {
    let backend: Arc<dyn ChatBackend> = Arc::new(backend);
    let boxed: Box<dyn ChatBackend> = Box::new(backend);
    models_lists_the_known_model(&boxed, offer).await;
    complete_answers_with_text_and_a_finish_reason(&boxed, offer).await;
    the_last_chunk_carries_the_finish_reason(&boxed, offer).await;
}

async fn complete(backend: &dyn ChatBackend, request: ChatRequest) -> ChatCompletion {
    good("completing", backend.complete(request).await)
}

async fn stream(backend: &dyn ChatBackend, request: ChatRequest) -> Vec<ChatChunk> {
    let chunks = good("streaming", backend.stream(request).await);
    chunks.map(|chunk| good("a chunk", chunk)).collect().await
}

#[track_caller]
fn good<T>(what: &str, result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error} ({error:?})"),
    }
}

#[track_caller]
fn is_unknown_model(error: Option<Error>) {
    let Some(error) = error else { panic!("a model that is not known answered") };
    assert!(error.is_model_not_found(), "{error:?}");
    assert!(!error.is_retryable(), "{error:?}");
}

/// Makes one test of each behaviour in [`conformance`](crate::conformance).
///
/// `backend` is an expression, evaluated anew within each test; it may `await`. `offer` says what
/// to ask of the backend, and what it cannot do. The tests run on tokio, which the calling crate
/// must have with `macros` and `rt`.
///
/// ```
/// # use openai_api::ChatBackend;
/// mod embedded {
///     # use openai_api::ChatBackend;
///     # async fn engine() -> std::sync::Arc<dyn ChatBackend> { unreachable!() }
///     use openai_api::conformance::{Ability, Offer};
///
///     openai_api::chat_backend_conformance! {
///         backend: engine().await,
///         offer: Offer::new("tiny").without(Ability::Usage, "it does not count tokens"),
///     }
/// }
/// ```
#[macro_export]
macro_rules! chat_backend_conformance {
    (backend: $backend:expr, offer: $offer:expr $(,)?) => {
        $crate::chat_backend_conformance! { @tests $backend, $offer;
            models_lists_the_known_model
            complete_answers_with_text_and_a_finish_reason
            the_streamed_text_adds_up_to_the_completed_text
            the_last_chunk_carries_the_finish_reason
            an_unknown_model_is_a_typed_error_that_is_not_retryable
            an_unknown_model_is_refused_on_the_stream_too
            max_tokens_cuts_the_answer_with_reason_length
            a_stop_text_ends_the_answer_and_is_left_out
            quotes_line_breaks_and_cyrillic_go_through_untouched
            an_answer_tells_its_usage
            a_dropped_stream_leaves_the_backend_usable
        }

        #[tokio::test]
        async fn the_arc_and_the_box_forward() {
            $crate::conformance::the_arc_and_the_box_forward($backend, &$offer).await;
        }
    };
    (@tests $backend:expr, $offer:expr; $($name:ident)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                let backend = $backend;
                $crate::conformance::$name(&backend, &$offer).await;
            }
        )+
    };
}
