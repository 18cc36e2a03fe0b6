//! A model as a whole: network, tokenizer, template and habits.

use std::sync::Arc;
#[cfg(feature = "json")]
use std::sync::OnceLock;
use std::time::SystemTime;

use openai_api::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::config::{Config, TokenIds};
use crate::error::{Error, Result};
use crate::files::{CONFIG, GENERATION_CONFIG, ModelFiles, TOKENIZER, WEIGHTS};
#[cfg(feature = "json")]
use crate::grammar::Vocabulary;
use crate::network::{Adapter, Network};
use crate::peft;
use crate::serve::{Identity, Table};
use crate::template::{Ask, ChatTemplate, Turn};
use crate::tensor::Tensor;
use crate::tokenizer::TextCodec;
use crate::weights;

/// A model ready to answer. All but its adapter may be shared with others on the same base.
#[derive(Debug)]
pub(crate) struct LoadedModel {
    pub(crate) network: Network,
    /// What was learned beside the network's own weights.
    pub(crate) adapter: Option<Adapter>,
    pub(crate) codec: Arc<TextCodec>,
    pub(crate) template: Arc<ChatTemplate>,
    pub(crate) habits: Habits,
    /// How many bytes its weights take, and once more what is packed of them for answers, if there is
    /// memory for it; those of an adapter are its base's, and its own are few.
    pub(crate) bytes: u64,
    /// Where its sequences meet those of others on the same base.
    pub(crate) table: Arc<Table>,
    pub(crate) identity: Identity,
    /// Made when an answer is held to a form for the first time.
    #[cfg(feature = "json")]
    vocabulary: Arc<OnceLock<Vocabulary>>,
}

/// How the model answers unless told otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Habits {
    pub(crate) temperature: f32,
    pub(crate) top_p: f32,
    /// The tokens that end an answer.
    pub(crate) end: Vec<u32>,
}

/// The fields of `generation_config.json` that this engine reads.
#[derive(Debug, Default, Deserialize)]
struct GenerationConfig {
    #[serde(default)]
    do_sample: bool,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    #[serde(default)]
    eos_token_id: Option<TokenIds>,
}

impl LoadedModel {
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        let config = read_config(files)?;
        let tensors = weights::read(files, &config)?;
        let stored: u64 = tensors.values().map(Tensor::bytes).sum();
        let network = Network::new(config, tensors, &files.display(WEIGHTS))?;
        let bytes = stored + network.packed_size();
        Ok(Self { bytes, ..Self::with_network(network, files)? })
    }

    /// Puts a network together with the other files of its folder.
    pub(crate) fn with_network(network: Network, files: &ModelFiles) -> Result<Self> {
        let Language { codec, template, habits } = Language::read(files, network.config())?;
        let (codec, template) = (Arc::new(codec), Arc::new(template));
        Ok(Self {
            bytes: (network.config().parameters() * size_of::<f32>()) as u64,
            network,
            adapter: None,
            codec,
            template,
            habits,
            table: Arc::default(),
            identity: Identity::new(),
            #[cfg(feature = "json")]
            vocabulary: Arc::default(),
        })
    }

    /// Whether its weights are those of this base in memory.
    pub(crate) fn stands_on(&self, base: &Self) -> bool {
        Arc::ptr_eq(&self.table, &base.table)
    }

    /// The same model with the adapter in these files.
    pub(crate) fn with_adapter(&self, files: &ModelFiles) -> Result<Self> {
        Ok(self.tuned(peft::read(files, self.network.config())?))
    }

    pub(crate) fn tuned(&self, mut adapter: Adapter) -> Self {
        adapter.measure(&self.network);
        Self {
            bytes: 0,
            network: self.network.clone(),
            adapter: Some(adapter),
            codec: Arc::clone(&self.codec),
            template: Arc::clone(&self.template),
            habits: self.habits.clone(),
            table: Arc::clone(&self.table),
            identity: Identity::new(),
            #[cfg(feature = "json")]
            vocabulary: Arc::clone(&self.vocabulary),
        }
    }

    /// How many tokens a conversation and its answer may take together.
    pub(crate) fn window(&self) -> usize {
        self.network.config().window
    }

    /// The tokens as grammars need them.
    #[cfg(feature = "json")]
    pub(crate) fn vocabulary(&self) -> Result<&Vocabulary> {
        if let Some(vocabulary) = self.vocabulary.get() {
            return Ok(vocabulary);
        }
        let vocabulary = Vocabulary::new(&self.codec)?;
        Ok(self.vocabulary.get_or_init(|| vocabulary))
    }

    /// The tokens that the model is to continue.
    ///
    /// # Errors
    ///
    /// [`ApiError::invalid_request`] if what the caller wrote holds a control token.
    pub(crate) fn prompt(&self, turns: &[Turn], tools: Option<&[Json]>) -> Result<Vec<u32>> {
        for (i, turn) in turns.iter().enumerate() {
            self.codec.check_plain(&turn.content).map_err(|problem| {
                ApiError::invalid_request(format!("messages[{i}].content"), problem)
            })?;
            for (field, value) in &turn.more {
                self.check_plain(value, &format!("messages[{i}].{field}"))?;
            }
        }
        for (i, tool) in tools.into_iter().flatten().enumerate() {
            self.check_plain(tool, &format!("tools[{i}]"))?;
        }
        let (variables, now) = (Map::new(), SystemTime::now());
        let ask = Ask { turns, tools, answer_next: true, variables, now };
        self.codec.encode(&self.template.render_all(&ask)?)
    }

    /// Refuses a value with a control token in any of its texts.
    fn check_plain(&self, value: &Json, param: &str) -> Result<()> {
        match value {
            Json::String(text) => {
                let plain = self.codec.check_plain(text);
                Ok(plain.map_err(|problem| ApiError::invalid_request(param, problem))?)
            }
            Json::Array(items) => items.iter().try_for_each(|item| self.check_plain(item, param)),
            Json::Object(fields) => fields.iter().try_for_each(|(name, item)| {
                self.check_plain(&Json::from(&**name), param)?;
                self.check_plain(item, param)
            }),
            _ => Ok(()),
        }
    }
}

/// What a model is besides its network.
#[derive(Debug)]
pub(crate) struct Language {
    codec: TextCodec,
    pub(crate) template: ChatTemplate,
    habits: Habits,
}

impl Language {
    /// Reads it, and checks that it belongs to this configuration.
    pub(crate) fn read(files: &ModelFiles, config: &Config) -> Result<Self> {
        let (codec, template) = (TextCodec::load(files)?, ChatTemplate::load(files)?);
        let (rows, vocab_size) = (codec.rows(), config.vocabulary);
        if rows > vocab_size {
            let problem = format!(
                "is {vocab_size}, and {} needs {rows}; copy the model folder anew",
                files.display(TOKENIZER)
            );
            return Err(Error::Config {
                file: files.display(CONFIG),
                field: "vocab_size",
                problem,
            });
        }
        let habits = read_habits(files, config, &codec, &template)?;
        Ok(Self { codec, template, habits })
    }

    /// The tokens that end an answer.
    pub(crate) fn end(&self) -> &[u32] {
        &self.habits.end
    }
}

pub(crate) fn read_config(files: &ModelFiles) -> Result<Config> {
    Config::parse(&files.read(CONFIG)?, &files.display(CONFIG))
}

fn read_habits(
    files: &ModelFiles,
    config: &Config,
    codec: &TextCodec,
    template: &ChatTemplate,
) -> Result<Habits> {
    let stated: GenerationConfig = match files.read_if_present(GENERATION_CONFIG)? {
        None => GenerationConfig::default(),
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|source| Error::Json { file: files.display(GENERATION_CONFIG), source })?,
    };
    let stated_end = stated.eos_token_id.as_ref().map(TokenIds::as_slice);
    let mut end = stated_end.unwrap_or(&config.end).to_vec();
    // A chat template may close messages with a token that the lists leave out.
    end.extend(template.eos_token().and_then(|token| codec.token_id(token)));
    let temperature = if stated.do_sample { stated.temperature.unwrap_or(1.0) } else { 0.0 };
    Ok(Habits { temperature, top_p: stated.top_p.unwrap_or(1.0), end })
}
