//! Ids that cannot be guessed.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// `prefix` and 32 hexadecimal digits.
pub(crate) fn id(prefix: &str) -> String {
    // The standard library keys each `RandomState` from the system's source of randomness, and
    // SipHash under a secret key is a pseudo-random function: enough for ids, with no crate for it.
    let part = |salt: u64| RandomState::new().hash_one(salt);
    format!("{prefix}{:016x}{:016x}", part(0), part(1))
}
