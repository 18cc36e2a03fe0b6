//! The tokens of an encoding, found by their bytes.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::hash::{Folded, fold};

/// Every token of an encoding and its rank: of two merges, the one whose token has the lower rank
/// comes first.
///
/// Most joins that are asked for are no tokens, which a small filter tells without a look into the
/// large table.
pub(super) struct Vocabulary {
    /// A bit for the hash of each token of the table.
    filter: Vec<u64>,
    /// Keys of tokens, with the ranks where keys this short are zero.
    table: Vec<u128>,
    shift: u32,
    /// Tokens of two bytes, by these.
    pairs: Vec<u32>,
    long: HashMap<&'static [u8], u32, BuildHasherDefault<Folded>>,
    longest: usize,
}

/// The rank of what is no token.
pub(super) const NONE: u32 = u32::MAX;

/// So many bytes fit into a key.
pub(super) const SHORT: usize = 15;
/// Tokens of so many bytes leave room for a rank in their key.
const TABLED: usize = 13;
/// Where the length is in a key; four bits above it are free.
const LENGTH: u32 = 120;
const FILTER_BITS: u32 = 20;

/// A key: the bytes, and above them how many there are.
#[inline(always)]
pub(super) fn key(bytes: &[u8], start: usize, length: usize) -> u128 {
    let mut word = [0; 16];
    match bytes.get(start..start + 16) {
        Some(there) => word.copy_from_slice(there),
        None => word[..length].copy_from_slice(&bytes[start..start + length]),
    }
    let kept = (1_u128 << (8 * length)) - 1;
    u128::from_le_bytes(word) & kept | (length as u128) << LENGTH
}

/// The twenty bits that hold a rank beside a key of [`TABLED`] bytes, above and below its length.
const RANK: u128 = 0xF << 124 | 0xFFFF << 104;

fn with_rank(key: u128, rank: u32) -> u128 {
    let rank = u128::from(rank);
    key | (rank & 0xFFFF) << 104 | (rank >> 16) << 124
}

#[inline(always)]
fn rank_of(entry: u128) -> u32 {
    (entry >> 104) as u32 & 0xFFFF | ((entry >> 124) as u32) << 16
}

impl Vocabulary {
    /// Reads a vocabulary as `splintr-vocab-pack` packs it: a mark, the number of tokens, and for
    /// each its rank, its length and its bytes. `None` if the bytes are something else.
    pub(super) fn read(packed: &'static [u8]) -> Option<Self> {
        let mut rest = packed.strip_prefix(b"SPLNTRV1")?;
        let count = u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?);
        let slots = (count as usize * 5 / 4).next_power_of_two();
        let mut this = Self {
            filter: vec![0; 1 << (FILTER_BITS - 6)],
            table: vec![0; slots],
            shift: 64 - slots.trailing_zeros(),
            pairs: vec![NONE; 1 << 16],
            long: HashMap::default(),
            longest: 0,
        };
        for _ in 0..count {
            let rank = number(&mut rest).filter(|rank| *rank < 1 << 20)?;
            let length = number(&mut rest)? as usize;
            let token = rest.split_off(..length)?;
            this.longest = this.longest.max(length);
            this.add(token, rank);
        }
        rest.is_empty().then_some(this)
    }

    fn add(&mut self, token: &'static [u8], rank: u32) {
        if token.is_empty() {
            return;
        }
        if let [first, second] = *token {
            self.pairs[pair(first, second)] = rank;
        }
        if token.len() > TABLED {
            self.long.insert(token, rank);
            return;
        }
        let key = key(token, 0, token.len());
        let hash = fold(key);
        let (word, bit) = filter_place(hash);
        self.filter[word] |= bit;
        let mut slot = (hash >> self.shift) as usize;
        while self.table[slot] != 0 {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = with_rank(key, rank);
    }

    /// The rank of a token of up to [`TABLED`] bytes, by its key.
    #[inline(always)]
    fn tabled(&self, key: u128) -> u32 {
        let hash = fold(key);
        let (word, bit) = filter_place(hash);
        if self.filter[word] & bit == 0 {
            return NONE;
        }
        let mut slot = (hash >> self.shift) as usize;
        loop {
            // A fifth of the slots is empty at least, so this ends.
            match self.table[slot] {
                0 => return NONE,
                entry if entry & !RANK == key => return rank_of(entry),
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
        }
    }

    #[inline]
    pub(super) fn pair(&self, first: u8, second: u8) -> u32 {
        self.pairs[pair(first, second)]
    }

    /// The rank of the token that these bytes are.
    #[inline]
    pub(super) fn rank(&self, bytes: &[u8], start: usize, end: usize) -> u32 {
        let length = end - start;
        if length <= TABLED {
            self.tabled(key(bytes, start, length))
        } else if length <= self.longest {
            self.long.get(&bytes[start..end]).copied().unwrap_or(NONE)
        } else {
            NONE
        }
    }
}

/// Which bit of the filter is for a hash; the table takes other bits of the hash.
#[inline(always)]
fn filter_place(hash: u64) -> (usize, u64) {
    let bit = hash & ((1 << FILTER_BITS) - 1);
    ((bit >> 6) as usize, 1 << (bit & 63))
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Reads a number of seven bits a byte, the lowest first.
fn number(rest: &mut &'static [u8]) -> Option<u32> {
    let mut number = 0_u32;
    for shift in (0..).step_by(7) {
        let byte = *rest.split_off_first()?;
        number |= u32::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::{NONE, Vocabulary};

    #[test]
    fn a_vocabulary_is_read_whole_or_not_at_all() {
        const PACKED: &[u8] = b"SPLNTRV1\x03\0\0\0\x00\x01a\x01\x01b\x82\x01\x02ab";
        let vocabulary = Vocabulary::read(PACKED).unwrap();
        assert_eq!(vocabulary.rank(b"xab", 1, 3), 130);
        assert_eq!(vocabulary.pair(b'a', b'b'), 130);
        assert_eq!((vocabulary.rank(b"b", 0, 1), vocabulary.rank(b"ba", 0, 2)), (1, NONE));
        for end in 0..PACKED.len() {
            assert!(Vocabulary::read(&PACKED[..end]).is_none(), "{end}");
        }
        assert!(Vocabulary::read(b"SPLNTRV1\0\0\0\0more").is_none());
    }
}
