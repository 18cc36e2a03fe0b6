//! From a prompt to an answer.

use std::ops::ControlFlow;
use std::sync::Arc;

use openai_api::{ApiError, FinishReason};

use crate::error::Result;
use crate::model::LoadedModel;
use crate::sample::{Allowed, Choice, Choosing, Sampler};
use crate::serve::{Keep, Sequence};
use crate::stop::StopFilter;
use crate::tokenizer::Incremental;

/// How to choose, and when to stop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) choosing: Choosing,
    /// At most so many tokens.
    pub(crate) limit: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub(crate) stop: Vec<String>,
    /// Special tokens whose text is part of it.
    pub(crate) shown: Vec<u32>,
}

/// What one token, or several, add to an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// The tokens whose text is told by now, where it was asked how likely they were.
    pub(crate) tokens: Vec<Choice>,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) reason: FinishReason,
    /// How many tokens it has.
    pub(crate) tokens: usize,
}

/// A prompt that the model has read.
#[derive(Clone)]
pub(crate) struct Prompt<'a> {
    sequence: Sequence<'a>,
    /// What may come next.
    logits: Vec<f32>,
    /// How many of its tokens were not read anew.
    pub(crate) cached: usize,
}

impl<'a> Prompt<'a> {
    /// Reads a prompt that fits; returns `None` if nobody listens.
    pub(crate) fn read(
        model: &'a Arc<LoadedModel>,
        keep: &'a Keep,
        tokens: Vec<u32>,
        is_heard: &dyn Fn() -> bool,
    ) -> Result<Option<Self>> {
        check_fits(model, &tokens)?;
        let read = Sequence::read(model, keep, tokens, is_heard);
        Ok(read.map(|(sequence, logits, cached)| Self { sequence, logits, cached }))
    }

    pub(crate) fn tokens(&self) -> usize {
        self.sequence.tokens().len()
    }
}

/// Refuses a prompt that leaves no room for an answer, or that is none.
pub(crate) fn check_fits(model: &LoadedModel, prompt: &[u32]) -> Result<()> {
    if prompt.is_empty() {
        let problem = "the model's chat template makes no text of them";
        return Err(ApiError::invalid_request("messages", problem).into());
    }
    if prompt.len() >= model.window() {
        return Err(ApiError::context_length_exceeded(model.window(), prompt.len()).into());
    }
    Ok(())
}

/// Why whoever hears an answer breaks it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is all that was asked for.
    Enough,
    /// Nobody listens any more.
    ByNobody,
}

/// A form that an answer is held to.
pub(crate) trait Rule {
    /// The tokens that may come next; `None` if the answer is complete.
    fn allowed(&mut self) -> Result<Option<Allowed>>;

    /// Takes one of them; says whether the answer is complete with it.
    fn take(&mut self, token: u32) -> Result<bool>;
}

/// Continues a prompt, and hands what each token adds to `tell`, which may break off.
///
/// `nth` tells answers to the same prompt apart. A piece may be empty. Returns `None` if nobody
/// listens.
pub(crate) fn generate(
    model: &LoadedModel,
    prompt: Prompt<'_>,
    sampling: &Sampling,
    nth: u64,
    mut rule: Option<&mut dyn Rule>,
    mut tell: impl FnMut(Piece) -> ControlFlow<Heard>,
) -> Result<Option<Ending>> {
    let Prompt { mut sequence, mut logits, .. } = prompt;
    let prompt = sequence.tokens();
    let room = model.window() - prompt.len();
    let limit = sampling.limit.map_or(room, |limit| limit.min(room));
    let mut sampler = Sampler::new(&sampling.choosing, prompt, nth);
    let mut text = Incremental::new(&model.codec, &sampling.shown);
    let mut filter = StopFilter::new(&sampling.stop);
    let mut untold = Untold::default();
    let mut count = 0;
    let reason = loop {
        let choice = match &mut rule {
            None => sampler.choose(&mut logits, None),
            Some(rule) => match rule.allowed()? {
                None => break FinishReason::Stop,
                allowed => sampler.choose(&mut logits, allowed.as_ref()),
            },
        };
        let token = choice.token;
        if model.habits.end.contains(&token) {
            break FinishReason::Stop;
        }
        count += 1;
        let is_complete = rule.as_mut().map_or(Ok(false), |rule| rule.take(token))?;
        let piece = text.push(token)?;
        untold.add(choice, piece.len());
        let piece = untold.tell(filter.push(&piece));
        match tell(piece) {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Heard::ByNobody) => return Ok(None),
            ControlFlow::Break(Heard::Enough) => {
                return Ok(Some(Ending { reason: FinishReason::Stop, tokens: count }));
            }
        }
        if filter.stopped() || is_complete {
            break FinishReason::Stop;
        }
        if count >= limit {
            break FinishReason::Length;
        }
        // Whoever listens is asked with the next piece.
        match sequence.advance(&[token], &|| true) {
            Some(next) => logits = next,
            None => return Ok(None),
        }
    };
    let rest = text.finish()?;
    untold.lengthen(rest.len());
    let mut rest = filter.push(&rest);
    let reason = if filter.stopped() { FinishReason::Stop } else { reason };
    rest.push_str(&filter.finish());
    if tell(untold.tell(rest)) == ControlFlow::Break(Heard::ByNobody) {
        return Ok(None);
    }
    Ok(Some(Ending { reason, tokens: count }))
}

/// Tokens whose text is held back: it may be that of a stop text, which is never told.
#[derive(Debug, Default)]
struct Untold {
    /// Each with where its text ends.
    tokens: Vec<(Choice, usize)>,
    /// How many bytes of text there are, and how many were told.
    made: usize,
    told: usize,
}

impl Untold {
    fn add(&mut self, choice: Choice, length: usize) {
        self.made += length;
        if choice.likelihood.is_some() {
            self.tokens.push((choice, self.made));
        }
    }

    /// The last token's text is longer than it seemed.
    fn lengthen(&mut self, length: usize) {
        self.made += length;
        if let Some((_, end)) = self.tokens.last_mut() {
            *end += length;
        }
    }

    fn tell(&mut self, text: String) -> Piece {
        self.told += text.len();
        let count = self.tokens.iter().take_while(|(_, end)| *end <= self.told).count();
        Piece { text, tokens: self.tokens.drain(..count).map(|(choice, _)| choice).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Likelihood;

    fn choice(token: u32) -> Choice {
        let likelihood = Likelihood { own: 0.0, top: Vec::new() };
        Choice { token, likelihood: Some(likelihood) }
    }

    #[test]
    fn a_token_is_told_with_the_end_of_its_text() {
        let mut untold = Untold::default();
        let told = |piece: Piece, expected: &[u32]| {
            let tokens: Vec<u32> = piece.tokens.iter().map(|it| it.token).collect();
            assert_eq!(tokens, expected);
        };
        untold.add(choice(1), 3);
        told(untold.tell("ab".to_owned()), &[]);
        untold.add(choice(2), 0);
        untold.add(choice(3), 2);
        told(untold.tell("cd".to_owned()), &[1, 2]);
        untold.lengthen(1);
        told(untold.tell("e".to_owned()), &[]);
        told(untold.tell("f".to_owned()), &[3]);
    }

    #[test]
    fn a_token_that_nobody_asked_about_is_not_kept() {
        let mut untold = Untold::default();
        untold.add(Choice { token: 1, likelihood: None }, 1);
        assert_eq!(untold.tell("a".to_owned()).tokens, []);
    }
}
