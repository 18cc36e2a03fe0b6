//! Tokens: how many a text is, what a training costs, and how long an example may be.
//!
//! [`Encoding`] says which of OpenAI's encodings a model has, and a counter counts in one:
//! `OpenAiCounter` with the feature `tokens`, exactly as tiktoken does. `JsonCounter`, with the
//! feature `tokenizer-json`, counts for models that have a `tokenizer.json`. Both are
//! [`CountTokens`], and [`ChatCount`] counts whole conversations with either.
//!
//! Before all of a large set is counted, an [`Estimator`] tells the total from a part of it, and
//! what it lies within. [`Histogram`] shows how long examples are, [`ExampleLimit`] how long they
//! may be, [`automatic_epochs`] how often each is trained on, and [`PriceTable`] what that costs.
//!
//! ```
//! use trainer::tokens::{ExampleLimit, PriceTable, automatic_epochs};
//!
//! let model = "gpt-4o-mini-2024-07-18";
//! let limit = ExampleLimit::openai(model).unwrap();
//! let tokens: u64 = [300, 70_000, 120].map(|tokens| limit.billed(tokens)).iter().sum();
//! let price = PriceTable::openai();
//! let cost = price.of_model(model).unwrap().training_cost(tokens, automatic_epochs(3));
//! assert_eq!(cost.map(|dollars| dollars.round()), Some(5.0));
//! ```

mod chat;
mod encoding;
mod epochs;
mod estimate;
mod histogram;
#[cfg(feature = "tokenizer-json")]
mod json;
mod limits;
mod model_name;
#[cfg(feature = "tokens")]
mod openai;
mod prices;

pub use self::chat::{ChatCount, ChatMessage};
pub use self::encoding::{Encoding, EncodingError};
pub use self::epochs::automatic_epochs;
pub use self::estimate::{Estimate, Estimator, Sample};
pub use self::histogram::{Bars, Histogram};
#[cfg(feature = "tokenizer-json")]
pub use self::json::JsonCounter;
pub use self::limits::ExampleLimit;
#[cfg(feature = "tokens")]
pub use self::openai::OpenAiCounter;
pub use self::prices::{ModelPrice, PriceTable, TrainingPrice};

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
