//! The thread that answers one request.

use std::ops::ControlFlow;
use std::sync::Arc;

use openai_api::{
    ApiError, ChatRequest, Delta, FinishReason, Message, Role, TokenDetails, ToolCallDelta, Usage,
};
use serde_json::{Value, json};

use crate::engine::{Said, Teller, random_id};
use crate::error::{Error, Result};
#[cfg(feature = "json")]
use crate::generate::Rule;
use crate::generate::{self, Ending, Heard, Piece, Prompt, Sampling, check_fits};
#[cfg(feature = "json")]
use crate::grammar::Grammar;
use crate::image_facts;
use crate::model::LoadedModel;
use crate::models::Models;
use crate::request::{self, Settings, Task};
use crate::sample::{Choice, Likelihood};
use crate::serve::Keep;
use crate::tokenizer::TextCodec;
use crate::tools::{CallFilter, Dialect, Event, Manner, Offer, Which};

/// Does what is asked for, and tells of it as it goes.
pub(super) fn work(
    models: &Models,
    keep: &Keep,
    request: &ChatRequest,
    task: &Task,
    tell: &Teller,
) -> Result<()> {
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
            say(Said::More { place: 0, delta: Delta::text(text), tokens: Vec::new() });
            say(Said::Ended { place: 0, reason: FinishReason::Stop });
            say(Said::Done(usage));
            Ok(())
        }
        Task::Answer(settings) => answer(&model, keep, request, settings, tell),
    }
}

fn answer(
    model: &Arc<LoadedModel>,
    keep: &Keep,
    request: &ChatRequest,
    settings: &Settings,
    tell: &Teller,
) -> Result<()> {
    let offer = settings.offer.as_ref();
    let dialect = dialect(model, request, offer)?;
    let turns = request::turns(&request.messages)?;
    let prompt = model.prompt(&turns, offer.map(|offer| &offer.tools[..]))?;
    let mut sampling = settings.sampling(&model.habits);
    if let Some(Dialect { before, after, .. }) = &dialect {
        sampling.shown = model.codec.special_in(before);
        sampling.shown.extend(model.codec.special_in(after));
    }
    check_fits(model, &prompt)?;
    #[cfg(feature = "json")]
    let grammar = grammar(model, settings, dialect.as_ref())?;
    drop(tell.send(Ok(Said::Begun)));
    let Some(prompt) = Prompt::read(model, keep, prompt, &|| !tell.is_closed())? else {
        return Ok(());
    };
    let (asked, cached, mut answered) = (prompt.tokens(), prompt.cached, 0);
    let speaker = Speaker { model, offer, dialect: dialect.as_ref(), sampling: &sampling, tell };
    // All but the last are copies. That one goes first, as others wait for what comes of it.
    let mut prompts: Vec<_> = std::iter::repeat_n(prompt, settings.answers as usize).collect();
    prompts.rotate_right(1);
    let mut prompts = (0..).zip(prompts).peekable();
    while prompts.peek().is_some() {
        #[cfg(feature = "json")]
        let again = || grammar.as_ref().map(Grammar::again);
        #[cfg(not(feature = "json"))]
        let again = || None;
        let some = prompts.by_ref().take(TOGETHER).map(|(place, prompt)| (place, prompt, again()));
        for tokens in speaker.speak(some.collect())? {
            let Some(tokens) = tokens else { return Ok(()) };
            answered += tokens;
        }
    }
    let mut usage = Usage::new(asked as u64, answered as u64);
    let mut details = TokenDetails::default();
    details.cached_tokens = Some(cached as u64);
    usage.prompt_tokens_details = Some(Box::new(details));
    drop(tell.send(Ok(Said::Done(usage))));
    Ok(())
}

/// What an answer is held to.
#[cfg(feature = "json")]
type Held = Grammar;
#[cfg(not(feature = "json"))]
type Held = std::convert::Infallible;

/// Tells the answers to one prompt.
#[derive(Clone, Copy, Debug)]
struct Speaker<'a> {
    model: &'a LoadedModel,
    offer: Option<&'a Offer>,
    dialect: Option<&'a Dialect>,
    sampling: &'a Sampling,
    tell: &'a Teller,
}

impl Speaker<'_> {
    /// Answers side by side, each from its prompt; tells how many tokens each has, or nothing where
    /// nobody listens.
    fn speak(self, prompts: Vec<(u32, Prompt<'_>, Option<Held>)>) -> Result<Vec<Option<usize>>> {
        if prompts.len() == 1 {
            let one = |(place, prompt, held)| self.answer(place, prompt, held);
            return prompts.into_iter().map(one).collect();
        }
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for (place, prompt, held) in prompts {
                let thread = std::thread::Builder::new()
                    .name("local-engine".to_owned())
                    .spawn_scoped(scope, move || self.answer(place, prompt, held))
                    .map_err(|source| Error::Thread { source })?;
                threads.push(thread);
            }
            // One that broke down told nothing, as if nobody listened.
            threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(None))).collect()
        })
    }

    fn answer(self, place: u32, prompt: Prompt<'_>, held: Option<Held>) -> Result<Option<usize>> {
        let calls = self.dialect.zip(self.offer);
        let mut voice = Voice {
            codec: &self.model.codec,
            tell: self.tell,
            place,
            parallel: self.offer.is_none_or(|offer| offer.parallel),
            filter: calls.map(|(dialect, offer)| CallFilter::new(dialect, offer)),
            calls: 0,
            failure: None,
        };
        let hear = |piece| voice.hear(piece);
        #[cfg(feature = "json")]
        let mut held = held;
        #[cfg(feature = "json")]
        let rule = held.as_mut().map(|rule| rule as &mut dyn Rule);
        #[cfg(not(feature = "json"))]
        let rule = held.map(|never| match never {});
        let nth = u64::from(place);
        let ending = generate::generate(self.model, prompt, self.sampling, nth, rule, hear)?;
        let called = voice.finish()?;
        let Some(Ending { reason, tokens }) = ending else { return Ok(None) };
        let is_cut = reason == FinishReason::Length;
        let reason = if called && !is_cut { FinishReason::ToolCalls } else { reason };
        drop(self.tell.send(Ok(Said::Ended { place, reason })));
        Ok(Some(tokens))
    }
}

/// How the model writes its calls, if it may call tools.
///
/// # Errors
///
/// [`ApiError::invalid_request`] if its template cannot show the tools or the calls of the request.
fn dialect(
    model: &LoadedModel,
    request: &ChatRequest,
    offer: Option<&Offer>,
) -> Result<Option<Dialect>> {
    let has_calls =
        |message: &Message| message.role == Role::Tool || !message.tool_calls.is_empty();
    let called = request.messages.iter().position(has_calls);
    if offer.is_none() && called.is_none() {
        return Ok(None);
    }
    let refuse =
        |param: String, problem: &str| Err(ApiError::invalid_request(param, problem).into());
    let manner = Manner::of(&model.template);
    if let (Some(place), false) = (called, manner.shows_calls) {
        let problem = "the model's chat template shows no calls of tools; leave them out";
        return refuse(format!("messages[{place}]"), problem);
    }
    if offer.is_none() {
        return Ok(None);
    }
    if !manner.tells_tools {
        let problem = "the model's chat template tells of no tools; leave them out, or ask a \
                       model that was trained to call them";
        return refuse("tools".to_owned(), problem);
    }
    if manner.dialect.is_none() {
        let problem = "the model's chat template writes calls in a form that is not known here; \
                       leave them out";
        return refuse("tools".to_owned(), problem);
    }
    #[cfg(not(feature = "json"))]
    if offer.is_some_and(|offer| offer.which != Which::Free) {
        let problem = "local models cannot be made to call tools without the feature json; leave \
                       it to them with auto";
        return refuse("tool_choice".to_owned(), problem);
    }
    Ok(manner.dialect)
}

/// What the answers are held to, if anything.
#[cfg(feature = "json")]
fn grammar(
    model: &LoadedModel,
    settings: &Settings,
    dialect: Option<&Dialect>,
) -> Result<Option<Grammar>> {
    let must_call = |offer: &Offer| offer.which != Which::Free;
    // Whether to call is the model's choice, unless it is told what to do or how to answer.
    let schema =
        settings.schema.as_ref().filter(|_| !settings.offer.as_ref().is_some_and(must_call));
    let calls = dialect.zip(settings.offer.as_ref());
    let calls = calls.filter(|(_, offer)| schema.is_some() || must_call(offer));
    if schema.is_none() && calls.is_none() {
        return Ok(None);
    }
    let grammar = model.vocabulary()?.grammar(&model.codec, &model.habits.end, schema, calls)?;
    Ok(Some(grammar))
}

/// Tells one of the answers as it comes.
#[derive(Debug)]
struct Voice<'a> {
    codec: &'a TextCodec,
    tell: &'a Teller,
    place: u32,
    /// Whether there may be several calls.
    parallel: bool,
    filter: Option<CallFilter<'a>>,
    /// How many calls there were.
    calls: u32,
    failure: Option<Error>,
}

impl Voice<'_> {
    fn hear(&mut self, Piece { text, tokens }: Piece) -> ControlFlow<Heard> {
        if self.tell.is_closed() {
            return ControlFlow::Break(Heard::ByNobody);
        }
        let told: Result<Vec<Value>> =
            tokens.iter().map(|choice| told_token(self.codec, choice)).collect();
        let mut tokens = match told {
            Ok(tokens) => tokens,
            Err(error) => {
                self.failure = Some(error);
                return ControlFlow::Break(Heard::ByNobody);
            }
        };
        let events = match &mut self.filter {
            Some(filter) => filter.push(&text),
            None if text.is_empty() => Vec::new(),
            None => vec![Event::Text(text)],
        };
        for event in events {
            let is_enough = event == Event::Called && !self.parallel;
            self.say(event, &mut tokens);
            if is_enough {
                // What comes after it is not told.
                self.filter = None;
                return ControlFlow::Break(Heard::Enough);
            }
        }
        if !tokens.is_empty() {
            self.say(Event::Text(String::new()), &mut tokens);
        }
        ControlFlow::Continue(())
    }

    /// Tells what was held back; says whether there were calls.
    fn finish(mut self) -> Result<bool> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        for event in self.filter.take().into_iter().flat_map(CallFilter::finish) {
            self.say(event, &mut Vec::new());
        }
        Ok(self.calls > 0)
    }

    fn say(&mut self, event: Event, tokens: &mut Vec<Value>) {
        let delta = match event {
            Event::Text(text) => Delta::text(text),
            Event::Call(name) => {
                self.calls += 1;
                Delta::call(ToolCallDelta::begin(self.calls - 1, call_id(), name))
            }
            Event::Arguments(more) => {
                Delta::call(ToolCallDelta::arguments(self.calls.saturating_sub(1), more))
            }
            Event::Called => return,
        };
        let tokens = std::mem::take(tokens);
        drop(self.tell.send(Ok(Said::More { place: self.place, delta, tokens })));
    }
}

/// An id in the one form that every template takes: Mistral's wants nine letters and digits.
fn call_id() -> String {
    random_id()[..9].to_owned()
}

/// How likely a token was, in OpenAI's form.
fn told_token(codec: &TextCodec, choice: &Choice) -> Result<Value> {
    let one = |token: u32, log_prob: f32| {
        let text = codec.token_text(token)?;
        // A piece of a character is no text of its own, and its bytes are not known here.
        let is_whole = !text.contains(char::REPLACEMENT_CHARACTER);
        let bytes = is_whole.then(|| text.as_bytes().to_vec());
        // JSON has no infinity; OpenAI writes this for what is as good as impossible.
        let log_prob = log_prob.max(IMPOSSIBLE);
        Ok::<_, Error>(json!({"token": text, "logprob": log_prob, "bytes": bytes}))
    };
    let Some(Likelihood { own, top }) = &choice.likelihood else { return Ok(Value::Null) };
    let top: Result<Vec<Value>> = top.iter().map(|(token, own)| one(*token, *own)).collect();
    let mut told = one(choice.token, *own)?;
    told["top_logprobs"] = top?.into();
    Ok(told)
}

const IMPOSSIBLE: f32 = -9999.0;
/// So many answers to one prompt are told side by side.
const TOGETHER: usize = 8;
