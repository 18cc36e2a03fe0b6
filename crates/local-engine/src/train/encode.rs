//! From examples to tokens, with a mark on those that are trained on.

use openai_api::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainer::{Example, Origin, Preference, Problem};

use crate::error::Result;
use crate::model::LoadedModel;
use crate::request::turn;
use crate::template::Turn;

/// A conversation as the network sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encoded {
    /// What goes in: all tokens but the last.
    pub(crate) input: Vec<u32>,
    /// Which rows of the input have a token to learn after them, and which token.
    pub(crate) targets: Vec<(usize, u32)>,
}

impl Encoded {
    pub(crate) fn tokens(&self) -> usize {
        self.input.len()
    }
}

/// Turns conversations into tokens for one model, and collects what cannot be used.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    model: &'a LoadedModel,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(model: &'a LoadedModel) -> Self {
        Self { model, problems: Vec::new() }
    }

    pub(crate) fn examples(&mut self, examples: &[Example]) -> Result<Vec<Encoded>> {
        let mut all = Vec::with_capacity(examples.len());
        for example in examples {
            all.extend(self.messages(&example.messages, &example.origin)?);
        }
        Ok(all)
    }

    /// The preferred and the rejected conversation of each preference.
    pub(crate) fn preferences(&mut self, pairs: &[Preference]) -> Result<Vec<[Encoded; 2]>> {
        let mut all = Vec::with_capacity(pairs.len());
        for pair in pairs {
            // Only what differs counts, so earlier answers in the prompt are left out.
            let with = |answer: &Message| {
                let mut messages = pair.prompt.clone();
                for message in &mut messages {
                    message.extra.insert("weight".to_owned(), Value::from(0));
                }
                messages.push(answer.clone());
                messages
            };
            let preferred = self.messages(&with(&pair.preferred), &pair.origin)?;
            let rejected = self.messages(&with(&pair.rejected), &pair.origin)?;
            all.extend(preferred.zip(rejected).map(|(preferred, rejected)| [preferred, rejected]));
        }
        Ok(all)
    }

    fn messages(&mut self, messages: &[Message], origin: &Origin) -> Result<Option<Encoded>> {
        let mut turns = Vec::with_capacity(messages.len());
        for (i, message) in messages.iter().enumerate() {
            let plain = |turn: Turn| {
                self.model.codec.check_plain(&turn.content)?;
                Ok::<_, String>(turn)
            };
            match turn(message).and_then(plain) {
                Ok(turn) => turns.push(turn),
                Err(problem) => return Ok(self.refuse(origin, format!("message {i}: {problem}"))),
            }
        }
        let trained = messages.iter().map(is_trained).collect::<Vec<bool>>();
        let encoded = match encode(self.model, &turns, &trained) {
            Ok(encoded) => encoded,
            Err(crate::Error::Request(error)) => return Ok(self.refuse(origin, error.message)),
            Err(error) => return Err(error),
        };
        let (tokens, window) = (encoded.tokens() + 1, self.model.window());
        if tokens > window {
            let message = format!(
                "the example takes {tokens} tokens and the model's context window holds {window}; \
                 shorten or split it"
            );
            return Ok(self.refuse(origin, message));
        }
        if encoded.targets.is_empty() {
            let message = "no answer to train on; the assistant must say something in it";
            return Ok(self.refuse(origin, message.to_owned()));
        }
        Ok(Some(encoded))
    }

    fn refuse(&mut self, origin: &Origin, message: String) -> Option<Encoded> {
        self.problems.push(Problem::new(origin.clone(), message));
        None
    }
}

/// Trained on are the assistant's messages, unless their `weight` is 0.
fn is_trained(message: &Message) -> bool {
    let weight = message.extra.get("weight").and_then(Value::as_f64);
    message.role == Role::Assistant && weight != Some(0.0) && !message.text().is_empty()
}

/// Encodes a conversation; `trained` tells which turns are learned.
pub(crate) fn encode(model: &LoadedModel, turns: &[Turn], trained: &[bool]) -> Result<Encoded> {
    let text = model.template.render(turns, false)?;
    // What an answer adds is what the template writes after the beginning that it is asked with.
    let mut learned = Vec::new();
    for (i, _) in trained.iter().enumerate().filter(|(_, trained)| **trained) {
        let start = model.template.render(&turns[..i], true)?.len();
        let end = model.template.render(&turns[..=i], false)?.len();
        learned.push(start..end);
    }
    let tokens = model.codec.encode_with_places(&text)?;
    let targets = tokens
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, (_, place))| learned.iter().any(|learned| learned.contains(&place.start)))
        .map(|(row, (token, _))| (row - 1, *token))
        .collect();
    let mut input: Vec<u32> = tokens.iter().map(|(token, _)| *token).collect();
    input.pop();
    Ok(Encoded { input, targets })
}
