//! Holding answers to a form: JSON that fits a schema, or calls of tools.
//!
//! `llguidance` says which tokens may come next. It knows schemas, and is bounded in what it does
//! for each token; `outlines-core`, its rival, brings far more crates.

use std::fmt;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use openai_api::ApiError;
use serde_json::{Value as Json, json};

use crate::error::{BoxError, Error, Result};
use crate::generate::Rule;
use crate::sample::Allowed;
use crate::tokenizer::TextCodec;
use crate::tools::{Dialect, Offer, Which};

/// A model's tokens, as grammars need them; the same for all requests.
pub(crate) struct Vocabulary {
    factory: ParserFactory,
    /// Stands for the end of an answer, whichever token the model ends it with.
    end: u32,
}

impl Vocabulary {
    /// Takes the bytes of all tokens, which is some work.
    ///
    /// # Errors
    ///
    /// [`Error::Tokenizer`] if they cannot be told.
    pub(crate) fn new(codec: &TextCodec) -> Result<Self> {
        let mut tokens = codec.bytes()?;
        let end = tokens.len() as u32;
        let mut mark = vec![TokTrie::SPECIAL_TOKEN_MARKER];
        mark.extend(b"end of the answer");
        tokens.push(mark);
        let trie = TokTrie::from(&TokRxInfo::new(end + 1, end), &tokens);
        let tokens: TokEnv = std::sync::Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&tokens).map_err(form)?;
        factory.quiet();
        // They would tell what the answer says.
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory, end })
    }

    /// The grammar of answers that are JSON of a schema, calls of tools, or either; the model ends
    /// them with any of the tokens `ends`.
    ///
    /// # Errors
    ///
    /// [`ApiError::invalid_request`] that names the schema that asks for what cannot be kept to.
    pub(crate) fn grammar(
        &self,
        codec: &TextCodec,
        ends: &[u32],
        schema: Option<&Json>,
        calls: Option<(&Dialect, &Offer)>,
    ) -> Result<Grammar> {
        let rules = rules(codec, schema, calls);
        let problem = match self.matcher(rules) {
            Ok(matcher) => return Ok(Grammar { matcher, end: self.end, ends: ends.to_vec() }),
            Err(problem) => problem,
        };
        // Which of the schemas is it?
        let named = schema.map(|schema| ("response_format".to_owned(), schema));
        let functions = calls.into_iter().flat_map(|(_, offer)| offer.functions());
        let named =
            named.into_iter().chain(functions.enumerate().filter_map(|(i, (_, schema))| {
                Some((format!("tools[{i}].function.parameters"), schema?))
            }));
        for (param, schema) in named {
            if let Err(problem) = self.matcher(rules_of_schema(schema)) {
                return Err(refusal(param, &problem));
            }
        }
        let param = if schema.is_some() { "response_format" } else { "tools" };
        Err(refusal(param.to_owned(), &problem))
    }

    fn matcher(&self, rules: String) -> Result<Matcher, BoxError> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(rules))?;
        Ok(Matcher::new(Ok(parser)))
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary").finish_non_exhaustive()
    }
}

/// What an answer may say next, by what it has said.
pub(crate) struct Grammar {
    matcher: Matcher,
    end: u32,
    /// The tokens that end an answer.
    ends: Vec<u32>,
}

impl Grammar {
    /// The same for another answer.
    pub(crate) fn again(&self) -> Self {
        Self { matcher: self.matcher.deep_clone(), end: self.end, ends: self.ends.clone() }
    }

    /// Whether the grammar has come to its end, and not to a limit.
    fn stopped(&self) -> Result<()> {
        self.matcher.get_error().map_or(Ok(()), |problem| Err(form(problem)))
    }
}

impl Rule for Grammar {
    fn allowed(&mut self) -> Result<Option<Allowed>> {
        if self.matcher.is_stopped() {
            return self.stopped().map(|()| None);
        }
        let mask = self.matcher.compute_mask().map_err(form)?;
        let mut allowed = Allowed::new(mask.as_slice().to_vec());
        let may_end = allowed.remove(self.end);
        if allowed.is_empty() {
            return if may_end { Ok(None) } else { Err(form("nothing can follow")) };
        }
        if may_end {
            self.ends.iter().for_each(|end| allowed.add(*end));
        }
        Ok(Some(allowed))
    }

    fn take(&mut self, token: u32) -> Result<bool> {
        self.matcher.consume_token(token).map_err(form)?;
        if self.matcher.is_stopped() { self.stopped().map(|()| true) } else { Ok(false) }
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}

/// The grammar in the language of `llguidance`, which is much like that of the Python library Lark.
fn rules(codec: &TextCodec, schema: Option<&Json>, calls: Option<(&Dialect, &Offer)>) -> String {
    let mut rules = String::new();
    let mut starts = Vec::new();
    if let Some(schema) = schema {
        starts.push("answer");
        rules.push_str(&format!("answer: {}\n", literal_schema(schema)));
    }
    if let Some((dialect, offer)) = calls {
        starts.push("calls");
        let (before, after) = (marks(codec, &dialect.before), marks(codec, &dialect.after));
        let several = match (offer.parallel, dialect.is_list(), dialect.open().is_empty()) {
            (true, true, _) => format!("{before} call (\", \" call)* {after}"),
            (true, false, false) => {
                format!("{before} call {after} (\"\\n\"? {before} call {after})*")
            }
            _ => format!("{before} call {after}"),
        };
        let wanted = |name: &str| match &offer.which {
            Which::One(only) => name == only,
            _ => true,
        };
        let (mut names, mut tools) = (Vec::new(), String::new());
        let functions = offer.functions().enumerate().filter(|(_, (name, _))| wanted(name));
        for (i, (name, schema)) in functions {
            let begin = format!(
                "{{{}: {}, {}: ",
                json!(dialect.name),
                json!(name),
                json!(dialect.arguments)
            );
            let schema = schema.map_or_else(|| literal_schema(&no_arguments()), literal_schema);
            names.push(format!("tool_{i}"));
            tools.push_str(&format!(
                "tool_{i}: {} with_{i} \"}}\"\nwith_{i}: {schema}\n",
                json!(begin)
            ));
        }
        rules.push_str(&format!("calls: {several}\ncall: {}\n{tools}", names.join(" | ")));
    }
    format!("start: {}\n{rules}", starts.join(" | "))
}

fn rules_of_schema(schema: &Json) -> String {
    format!("start: {}\n", literal_schema(schema))
}

/// A schema within a grammar; space between its tokens is bounded, so that it comes to an end.
fn literal_schema(schema: &Json) -> String {
    let mut schema = match schema {
        Json::Bool(true) => json!({}),
        schema => schema.clone(),
    };
    let options = JsonCompileOptions {
        whitespace_pattern: Some(SPACE.to_owned()),
        ..JsonCompileOptions::default()
    };
    if schema.is_object() {
        options.apply_to(&mut schema);
    }
    format!("%json {schema}")
}

/// A text within a grammar, whose special tokens are tokens.
fn marks(codec: &TextCodec, text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let special = codec.first_special_in(rest);
        let (place, length) = special.map_or((rest.len(), 0), |(place, length, _)| (place, length));
        if place > 0 {
            written.push_str(&format!("{} ", json!(rest[..place])));
        }
        if let Some((_, _, token)) = special {
            written.push_str(&format!("<[{token}]> "));
        }
        rest = &rest[place + length..];
    }
    written
}

fn no_arguments() -> Json {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

fn refusal(param: String, problem: &BoxError) -> Error {
    // The first line; those after it show the grammar.
    let problem = problem.to_string();
    let problem = problem.lines().next().unwrap_or_default();
    let message = format!("local models cannot be held to this schema: {problem}");
    ApiError::invalid_request(param, message).into()
}

fn form(source: impl Into<BoxError>) -> Error {
    Error::Form { source: source.into() }
}

/// A space, or a line break with some indentation.
const SPACE: &str = r" |\n {0,24}|\n\t{1,12}";
