//! What to look for in texts before a model learns from them.
//!
//! Each module looks at one text, or at one after another, and knows nothing of files. None shows
//! text in `Debug`, `Display` or an error.
//!
//! | module | finds |
//! |---|---|
//! | [`exact`] | texts that came before, word for word |
//! | [`language`] | answers in another language than their prompt |
//! | [`personal`] | personal data and secrets, and takes them out |
//! | [`similar`] | texts that are nearly the same as one that came before |
//! | [`special`] | what a tokenizer does not read as text |

pub mod exact;
mod hash;
pub mod language;
pub mod personal;
pub mod similar;
pub mod special;

pub(crate) use crate::scan::hash::hash128;
