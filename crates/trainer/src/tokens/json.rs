//! Tokens counted by a `tokenizer.json`.

use std::{fmt, fs, path::Path};

use serde::de::IgnoredAny;
use tokenizers::Tokenizer;

use super::CountTokens;
use crate::error::{BoxError, Error, Result};

/// Counts tokens by the `tokenizer.json` of a model, as Hugging Face's library does.
///
/// Tokens that the tokenizer puts around a text of its own accord are not counted; control tokens
/// that a text spells out are, as one each. Settings to cut or pad texts are left aside.
pub struct JsonCounter {
    tokenizer: Tokenizer,
    name: String,
}

impl JsonCounter {
    /// Reads a tokenizer from its file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Tokenizer`] if it is no tokenizer.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(path.display().to_string(), &bytes)
    }

    /// Reads a tokenizer; errors call it `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Tokenizer`] if the bytes are no tokenizer.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self> {
        let name = name.into();
        match read(bytes) {
            Ok(tokenizer) => Ok(Self { tokenizer, name }),
            Err(source) => Err(Error::Tokenizer { name, source }),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Tokenizer, BoxError> {
    // The library panics on what is no JSON, and on some that is not what it should be.
    serde_json::from_slice::<IgnoredAny>(bytes)?;
    let read = std::panic::catch_unwind(|| Tokenizer::from_bytes(bytes));
    let mut tokenizer =
        read.unwrap_or_else(|_| Err("it is not what the tokenizers library takes".into()))?;
    tokenizer.with_truncation(None)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

impl CountTokens for JsonCounter {
    fn count_tokens(&mut self, text: &str) -> Result<u64> {
        let encoded = self.tokenizer.encode_fast(text, false);
        encoded
            .map(|encoding| encoding.len() as u64)
            .map_err(|source| Error::Tokenizer { name: self.name.clone(), source })
    }
}

impl fmt::Debug for JsonCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonCounter").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::JsonCounter;
    use crate::{error::Error, tokens::CountTokens as _};

    const WORDS: &str = r#"{
        "version": "1.0", "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0,
            "direction": "Right"}, "padding": null, "normalizer": null,
        "added_tokens": [{"id": 3, "content": "<end>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}],
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "how": 1, "deep": 2, "<end>": 3},
            "unk_token": "[UNK]"}
    }"#;

    #[test]
    fn tokens_are_those_of_the_file_and_nothing_is_cut() {
        let mut counter = JsonCounter::from_bytes("words", WORDS.as_bytes()).unwrap();
        for (text, tokens) in [("", 0), ("how deep", 2), ("how deep is it<end>", 5)] {
            assert_eq!(counter.count_tokens(text).unwrap(), tokens, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokenizer.json");
        std::fs::write(&file, WORDS).unwrap();
        let mut counter = JsonCounter::from_file(&file).unwrap();
        assert_eq!(counter.count_tokens("how").unwrap(), 1);
    }

    #[test]
    fn what_is_no_tokenizer_is_an_error_that_names_it() {
        for wrong in ["", "{", "{}", "[1]", r#"{"model": {"type": "Other"}}"#] {
            let error = JsonCounter::from_bytes("mine.json", wrong.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "the tokenizer mine.json cannot be used");
            assert!(error.source().is_some());
        }
        let error = JsonCounter::from_file("no/such/tokenizer.json").unwrap_err();
        assert!(matches!(error, Error::Io { action: "read", .. }));
    }
}
