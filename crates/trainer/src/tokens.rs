//! Tokens: how many a text is, what a training costs, and how long an example may be.
//!
//! [`Encoding`] says which of OpenAI's encodings a model has, and a counter counts in one:
//! `OpenAiCounter` with the feature `tokens`, exactly as tiktoken does. Everything that counts is a
//! [`CountTokens`].

mod encoding;
#[cfg(feature = "tokens")]
mod openai;

pub use self::encoding::{Encoding, EncodingError};
#[cfg(feature = "tokens")]
pub use self::openai::OpenAiCounter;

use crate::error::Result;

/// Counts the tokens of texts.
///
/// A counter may remember what it met, so it counts through `&mut`; each thread takes one of its
/// own.
pub trait CountTokens: std::fmt::Debug + Send {
    /// How many tokens a text is.
    ///
    /// # Errors
    ///
    /// The tokenizer cannot read the text.
    fn count_tokens(&mut self, text: &str) -> Result<u64>;
}

impl<T: CountTokens + ?Sized> CountTokens for Box<T> {
    fn count_tokens(&mut self, text: &str) -> Result<u64> {
        (**self).count_tokens(text)
    }
}
