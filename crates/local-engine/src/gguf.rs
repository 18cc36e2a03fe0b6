//! Models in one file, in the format of [GGUF](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
//!
//! What llama.cpp's converters write, read back as the folder that it was made from: the values of
//! `config.json`, `tokenizer.json` and `tokenizer_config.json` from the metadata, and the weights
//! under the names and in the order of Hugging Face.

mod config;
mod cutter;
mod header;
#[cfg(test)]
pub(crate) mod peers;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weights;
mod write;

use std::path::Path;

use serde_json::{Map, Value as Json, json};

pub(crate) use self::header::Gguf;
pub(crate) use self::write::{
    Marks, Metadata, Planned, Vocabulary, header, padding, place_of, stored_bytes,
};
use crate::error::{Error, Result};
use crate::files::{CONFIG, TOKENIZER, TOKENIZER_CONFIG};
use crate::store::Bytes;

impl Gguf {
    /// Opens a file and reads what stands before its weights.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = Bytes::open(path).map_err(Error::io("read", path))?;
        Self::parse(bytes, path.display().to_string())
    }

    /// What a file of a folder would say; `None` for one that has no part in a GGUF file.
    pub(crate) fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let json = match name {
            CONFIG => self.config_json()?,
            TOKENIZER => self.tokenizer_json()?,
            TOKENIZER_CONFIG => self.tokenizer_config_json()?,
            _ => return Ok(None),
        };
        Ok(Some(json.to_string().into_bytes()))
    }

    /// The special tokens and the chat templates.
    fn tokenizer_config_json(&self) -> Result<Json> {
        let mut config = Map::new();
        for (name, key) in [
            ("bos_token", "tokenizer.ggml.bos_token_id"),
            ("eos_token", "tokenizer.ggml.eos_token_id"),
            ("pad_token", "tokenizer.ggml.padding_token_id"),
            ("unk_token", "tokenizer.ggml.unknown_token_id"),
        ] {
            if let Some(id) = self.number(key)? {
                config.insert(name.to_owned(), self.token(key, id)?.into());
            }
        }
        let mut templates = Vec::new();
        for (name, key) in [
            ("default", "tokenizer.chat_template"),
            ("tool_use", "tokenizer.chat_template.tool_use"),
        ] {
            if let Some(template) = self.text(key)? {
                templates.push(json!({"name": name, "template": template}));
            }
        }
        config.insert("chat_template".to_owned(), templates.into());
        config.insert("tokenizer_class".to_owned(), "PreTrainedTokenizerFast".into());
        Ok(config.into())
    }
}
