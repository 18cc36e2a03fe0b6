//! From messages to the text that the model continues.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, ErrorKind};
use openai_api::ApiError;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{ModelFiles, TOKENIZER_CONFIG};

/// One message as templates know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) role: String,
    pub(crate) content: String,
}

/// A model's chat template, in Jinja as `tokenizer_config.json` holds it.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    file: String,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenizerConfig {
    #[serde(default)]
    bos_token: Option<SpecialToken>,
    #[serde(default)]
    eos_token: Option<SpecialToken>,
    chat_template: Source,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SpecialToken {
    Text(String),
    Added { content: String },
}

impl SpecialToken {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Added { content: text } => text,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl ChatTemplate {
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        let file = files.display(TOKENIZER_CONFIG);
        let config: TokenizerConfig = serde_json::from_slice(&files.read(TOKENIZER_CONFIG)?)
            .map_err(|source| Error::Json { file: file.clone(), source })?;
        let source = match config.chat_template {
            Source::One(source) => source,
            Source::Named(named) => match named.into_iter().find(|named| named.name == "default") {
                Some(named) => named.template,
                None => {
                    let problem = "has no template named default".to_owned();
                    return Err(Error::Config { file, field: "chat_template", problem });
                }
            },
        };
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", raise_exception);
        // The blocks are trimmed as `transformers` trims them.
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .and_then(|syntax| {
                environment.set_syntax(syntax);
                environment.add_template_owned(NAME, source)
            })
            .map_err(|source| Error::Template { file: file.clone(), source: source.into() })?;
        let [bos_token, eos_token] =
            [config.bos_token, config.eos_token].map(|token| token.map(SpecialToken::into_text));
        Ok(Self { environment, file, bos_token, eos_token })
    }

    pub(crate) fn eos_token(&self) -> Option<&str> {
        self.eos_token.as_deref()
    }

    /// Renders a conversation, with the beginning of an answer if `answer_next`.
    pub(crate) fn render(&self, turns: &[Turn], answer_next: bool) -> Result<String> {
        let context = minijinja::context! {
            messages => Value::from(Serde(turns)),
            add_generation_prompt => answer_next,
            bos_token => self.bos_token.as_deref(),
            eos_token => self.eos_token.as_deref(),
        };
        let rendered = self.environment.get_template(NAME).and_then(|t| t.render(context));
        rendered.map_err(|source| match refusal(&source) {
            Some(message) => ApiError::invalid_request("messages", message).into(),
            None => Error::Template { file: self.file.clone(), source: source.into() },
        })
    }
}

/// Templates call this when the conversation is not one that they can write.
fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{REFUSED}{message}")))
}

fn refusal(error: &minijinja::Error) -> Option<String> {
    let message = error.detail()?.strip_prefix(REFUSED)?;
    Some(format!("the model's template refuses the conversation: {message}"))
}

const NAME: &str = "chat";
const REFUSED: &str = "refused: ";
/// Enough for thousands of messages; a template that loops for ever runs out of it.
const FUEL: u64 = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> Result<ChatTemplate> {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": source,
        });
        std::fs::write(folder.path().join(TOKENIZER_CONFIG), config.to_string()).unwrap();
        ChatTemplate::load(&ModelFiles::Folder(folder.path().to_owned()))
    }

    fn turns() -> Vec<Turn> {
        [("user", "Hi"), ("assistant", "Hello"), ("user", "2 < 3?")]
            .map(|(role, content)| Turn { role: role.into(), content: content.into() })
            .to_vec()
    }

    #[test]
    fn a_template_of_the_llama_2_kind_renders_as_transformers_does() {
        let source = "{{ bos_token }}{% for message in messages %}\n\
            {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\n\
            {{ raise_exception('roles must alternate') }}\n{% endif %}\n\
            {% if message['role'] == 'user' %}\n\
            {{ '[INST] ' + message['content'] | trim + ' [/INST]' }}\n\
            {% else %}\n{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}\n{% endfor %}";
        let template = template(source).unwrap();
        assert_eq!(
            template.render(&turns(), true).unwrap(),
            "<s>[INST] Hi [/INST]\n Hello </s>[INST] 2 < 3? [/INST]\n"
        );
        let error = template.render(&turns()[1..], true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server answered 400 (invalid_request_error): the model's template refuses the \
             conversation: roles must alternate"
        );
    }

    #[test]
    fn a_template_that_does_not_end_runs_out_of_fuel() {
        let source =
            "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(template(source).unwrap().render(&turns(), true).is_err());
    }

    #[test]
    fn a_template_that_is_not_jinja_names_its_file() {
        let error = template("{% for %}").unwrap_err().to_string();
        assert!(error.ends_with("tokenizer_config.json: the chat template failed"), "{error}");
    }
}
