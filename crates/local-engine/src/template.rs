//! From messages to the text that the model continues.
//!
//! Chat templates are Jinja as `transformers` runs it (`utils/chat_template_utils.py` there): blocks
//! are trimmed, `tojson` is Python's `json.dumps`, and a few functions are added. They come with
//! models from anywhere, so they are run within limits: they read no files, and what they may
//! compute and make is bounded (see [`budget`]).

mod budget;
mod filters;
mod functions;
mod marks;
mod methods;
mod operators;
mod print;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::time::SystemTime;

use minijinja::machinery::parse;
use openai_api::ApiError;
use serde_json::{Map, Value as Json};

pub use self::marks::ChatMarks;
use crate::error::{Error, Result};
use crate::files::{ModelFiles, TOKENIZER_CONFIG};
use crate::template::budget::{Fault, Outcome};
use crate::template::source::{prepare, syntax};
use crate::template::value::Value;

/// One message as templates know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) role: String,
    pub(crate) content: String,
    /// What else the message has, like `tool_calls` or `reasoning_content`; a `content` here takes
    /// the place of the text.
    pub(crate) more: Map<String, Json>,
}

/// What a template is to render.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) turns: &'a [Turn],
    /// The tools on offer, as the chat API describes them.
    pub(crate) tools: Option<&'a [Json]>,
    /// Whether to end with the beginning of an answer.
    pub(crate) answer_next: bool,
    /// More variables, like `enable_thinking`.
    pub(crate) variables: Map<String, Json>,
    /// The time that `strftime_now` tells; in UTC, where `transformers` uses local time.
    pub(crate) now: SystemTime,
}

/// A model's chat template.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    chat: Script,
    /// Used in place of `chat` where tools are on offer.
    tool_use: Option<Script>,
    /// The special tokens by their names, like `bos_token`.
    tokens: Vec<(String, String)>,
}

/// A template that can be parsed, and the file that it is from.
#[derive(Debug)]
struct Script {
    source: String,
    file: String,
}

impl ChatTemplate {
    /// Reads the template of a model's files: `chat_template.jinja`, or else the `chat_template` in
    /// `tokenizer_config.json`, a text or a list of named ones.
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        let config = read_config(files)?;
        let Sources { chat: (chat, file), tool_use } = Sources::of(files, &config)?;
        let tool_use = tool_use.map(|(source, file)| Script::new(&source, file)).transpose()?;
        Ok(Self { chat: Script::new(&chat, file)?, tool_use, tokens: special_tokens(&config) })
    }

    /// The text of the special token of this name, such as `bos_token`.
    pub(crate) fn token(&self, name: &str) -> Option<&str> {
        self.tokens.iter().find(|(known, _)| known == name).map(|(_, token)| &**token)
    }

    pub(crate) fn eos_token(&self) -> Option<&str> {
        self.token("eos_token")
    }

    /// Renders a conversation, with the beginning of an answer if `answer_next`.
    #[cfg(any(test, feature = "train"))]
    pub(crate) fn render(&self, turns: &[Turn], answer_next: bool) -> Result<String> {
        let (variables, now) = (Map::new(), SystemTime::now());
        self.render_all(&Ask { turns, tools: None, answer_next, variables, now })
    }

    /// Renders a conversation with all that templates can be given.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if the template refuses the conversation, [`Error::Template`] if it fails
    /// or goes beyond its limits.
    pub(crate) fn render_all(&self, ask: &Ask<'_>) -> Result<String> {
        let script = match (&self.tool_use, ask.tools) {
            (Some(script), Some(_)) => script,
            _ => &self.chat,
        };
        script.render(ask, &self.tokens).map_err(|fault| match fault {
            Fault::Refused(message) => {
                let message = format!("the model's template refuses the conversation: {message}");
                ApiError::invalid_request("messages", message).into()
            }
            fault => Error::Template { file: script.file.clone(), source: fault.into() },
        })
    }
}

/// What the templates of a model's files say, each with the file that it is from.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) chat: (String, String),
    pub(crate) tool_use: Option<(String, String)>,
}

impl Sources {
    /// Reads what [`ChatTemplate::load`] would compile.
    pub(crate) fn read(files: &ModelFiles) -> Result<Self> {
        Self::of(files, &read_config(files)?)
    }

    fn of(files: &ModelFiles, config: &Map<String, Json>) -> Result<Self> {
        let file = files.display(TOKENIZER_CONFIG);
        let named = |name: &str| match config.get("chat_template") {
            Some(Json::String(source)) => (name == DEFAULT).then_some(&**source),
            Some(Json::Array(list)) => {
                let found = list.iter().find(|item| item["name"] == name)?;
                found["template"].as_str()
            }
            _ => None,
        };
        let read = |path: &str, name: &str| match files.read_if_present(path)? {
            None => Ok(named(name).map(|source| (source.to_owned(), file.clone()))),
            Some(bytes) => {
                let file = files.display(path);
                match String::from_utf8(bytes.into_owned()) {
                    Ok(source) => Ok(Some((source, file))),
                    Err(source) => Err(Error::Template { file, source: source.into() }),
                }
            }
        };
        let Some(chat) = read(CHAT_TEMPLATE, DEFAULT)? else {
            let problem = format!(
                "has no template named {DEFAULT}, and there is no {CHAT_TEMPLATE}; \
                 use a model that was trained to chat"
            );
            return Err(Error::Config { file, field: "chat_template", problem });
        };
        Ok(Self { chat, tool_use: read(TOOL_TEMPLATE, TOOL_USE)? })
    }
}

fn read_config(files: &ModelFiles) -> Result<Map<String, Json>> {
    serde_json::from_slice(&files.read(TOKENIZER_CONFIG)?)
        .map_err(|source| Error::Json { file: files.display(TOKENIZER_CONFIG), source })
}

impl Script {
    fn new(source: &str, file: String) -> Result<Self> {
        let prepared = prepare(source).and_then(|source| {
            parse(&source, NAME, syntax()?)?;
            Ok(source)
        });
        match prepared {
            Ok(source) => Ok(Self { source, file }),
            Err(fault) => Err(Error::Template { file, source: fault.into() }),
        }
    }

    fn render(&self, ask: &Ask<'_>, tokens: &[(String, String)]) -> Outcome<String> {
        // Parsing takes less time than rendering, and the tree would borrow from the source.
        let parsed = parse(&self.source, NAME, syntax()?)?;
        let messages = ask.turns.iter().map(message).collect::<Outcome<_>>()?;
        let tools = match ask.tools {
            None => Value::None,
            Some(tools) => {
                Value::list(tools.iter().map(Value::from_json).collect::<Outcome<_>>()?)?
            }
        };
        let mut variables: Vec<(&str, Value)> =
            tokens.iter().map(|(name, token)| (&**name, Value::Text((&**token).into()))).collect();
        for (name, value) in &ask.variables {
            variables.push((name, Value::from_json(value)?));
        }
        variables.extend([
            ("messages", Value::list(messages)?),
            ("tools", tools),
            ("documents", Value::None),
            ("add_generation_prompt", Value::Bool(ask.answer_next)),
        ]);
        run::render(&parsed, variables, ask.now)
    }
}

/// A message, whose reasoning has all the names that templates know it by.
fn message(turn: &Turn) -> Outcome<Value> {
    let mut fields = Map::new();
    fields.insert("role".to_owned(), Json::from(&*turn.role));
    fields.insert("content".to_owned(), Json::from(&*turn.content));
    fields.extend(turn.more.clone());
    let reasoning = REASONING.iter().find_map(|name| fields.get(*name).filter(|v| !v.is_null()));
    if let Some(reasoning) = reasoning.cloned() {
        fields.entry("thinking").or_insert_with(|| reasoning.clone());
        fields.insert("reasoning_content".to_owned(), reasoning);
    }
    Value::from_json(&Json::Object(fields))
}

/// The fields of `tokenizer_config.json` that name tokens, which are texts or `{"content": …}`.
fn special_tokens(config: &Map<String, Json>) -> Vec<(String, String)> {
    let extra = config.get("extra_special_tokens").and_then(Json::as_object);
    let plain = config.iter().filter(|(name, _)| name.ends_with("_token"));
    let tokens = extra.into_iter().flatten().chain(plain);
    tokens
        .filter_map(|(name, token)| {
            let text = token.as_str().or_else(|| token.get("content")?.as_str())?;
            Some((name.clone(), text.to_owned()))
        })
        .collect()
}

pub(crate) const CHAT_TEMPLATE: &str = "chat_template.jinja";
pub(crate) const TOOL_TEMPLATE: &str = "additional_chat_templates/tool_use.jinja";
const DEFAULT: &str = "default";
const TOOL_USE: &str = "tool_use";
const NAME: &str = "chat";
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
