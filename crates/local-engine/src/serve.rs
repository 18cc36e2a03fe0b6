//! Many requests at once: sequences that go through a network together, and the beginnings of
//! conversations that are kept for the next turn.

mod keep;
mod plan;
mod sequence;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::keep::{Identity, Keep};
pub(crate) use self::sequence::Sequence;
pub(crate) use self::table::Table;
