//! A hash that is fast on a few bytes. What is hashed is compared afterwards.

use std::hash::Hasher;

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xD6E8_FEB8_6659_FD93;

/// Multiplies the halves, after mixing them with odd numbers, and folds the product.
#[inline(always)]
pub(super) fn fold(key: u128) -> u64 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product = u128::from(low ^ FIRST) * u128::from(high ^ SECOND);
    (product as u64 ^ (product >> 64) as u64).wrapping_mul(FIRST)
}

/// [`fold`] over more bytes.
#[derive(Debug, Default)]
pub(super) struct Folded(u64);

impl Hasher for Folded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let both = u128::from(u64::from_le_bytes(word)) << 64 | u128::from(self.0);
            self.0 = fold(both);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
