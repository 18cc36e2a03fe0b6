//! Ids that no other thing has.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Result;

/// `prefix` and 32 hexadecimal digits that nobody can guess, whatever ids they have seen.
pub(crate) fn secret_id(prefix: &str) -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{prefix}{:032x}", u128::from_be_bytes(bytes)))
}

/// `prefix` and 32 hexadecimal digits, for what is told and never asked for: it cannot fail.
pub(crate) fn id(prefix: &str) -> String {
    // Each thread's first `RandomState` is keyed by the system and the next ones count up from
    // there: ids differ, which is all they are for.
    let part = |salt: u64| RandomState::new().hash_one(salt);
    format!("{prefix}{:016x}{:016x}", part(0), part(1))
}
