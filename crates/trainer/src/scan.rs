//! What to look for in texts before a model learns from them.
//!
//! Each module looks at one text, or at one after another, and knows nothing of files. None shows
//! text in `Debug`, `Display` or an error.
//!
//! | module | finds |
//! |---|---|
//! | [`exact`] | texts that came before, word for word |
//! | [`personal`] | personal data and secrets, and takes them out |
//! | [`similar`] | texts that are nearly the same as one that came before |

pub mod exact;
mod hash;
pub mod personal;
pub mod similar;

pub(crate) use crate::scan::hash::hash128;
