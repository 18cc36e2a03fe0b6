//! Which texts were seen before, word for word.

use std::fmt;

use crate::scan::hash::hash128;

/// The texts seen so far, of which it keeps a hash of 128 bits each.
///
/// One text takes at most 29 bytes, all included and also while the table grows, however long the
/// text is; 1.5 million take at most 42 MiB. Two different texts are taken for equal with a
/// probability of `n² / 2^129` in a set of `n` (about 3 · 10⁻²⁷ for 1.5 million) unless somebody
/// made them to be: the hash gives no protection against that.
///
/// # Examples
///
/// ```
/// use trainer::scan::exact::Exact;
///
/// let mut seen = Exact::new();
/// assert!(seen.insert("How deep is Lake Baikal?"));
/// assert!(!seen.insert("How deep is Lake Baikal?"));
/// assert!(seen.insert("How deep is lake Baikal?"));
/// assert_eq!(seen.len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct Exact {
    shards: [Shard; SHARDS],
}

impl Exact {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a text in; false if it was there.
    pub fn insert(&mut self, text: &str) -> bool {
        self.insert_bytes(text.as_bytes())
    }

    /// Takes bytes in; false if they were there. Equal to [`Exact::insert`] for a text's bytes.
    pub fn insert_bytes(&mut self, bytes: &[u8]) -> bool {
        self.insert_key(key(bytes))
    }

    /// Takes in what a thread has hashed by [`key`]; false if it was there.
    pub(crate) fn insert_key(&mut self, key: u128) -> bool {
        self.shards[shard(key)].insert(key)
    }

    /// Whether a text was seen.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        let hash = key(text.as_bytes());
        self.shards[shard(hash)].contains(hash)
    }

    /// How many different texts were seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len).sum()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.slots.capacity()).sum();
        size_of::<Self>() + slots * size_of::<u128>()
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exact").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A table of hashes, looked through from where each belongs; 0 is a free slot.
///
/// There are several, which grow one at a time: what is held twice while one grows is a sixteenth.
#[derive(Clone, Default)]
struct Shard {
    slots: Vec<u128>,
    len: usize,
}

impl Shard {
    fn insert(&mut self, hash: u128) -> bool {
        if self.len * 8 >= self.slots.len() * 7 {
            self.grow();
        }
        let at = self.place(hash);
        let is_new = self.slots[at] == 0;
        self.slots[at] = hash;
        self.len += usize::from(is_new);
        is_new
    }

    fn contains(&self, hash: u128) -> bool {
        self.len > 0 && self.slots[self.place(hash)] == hash
    }

    /// The slot that holds `hash`, or the free one where it would be. One slot at least is free.
    fn place(&self, hash: u128) -> usize {
        let len = self.slots.len();
        // The high half, as a fraction of all there is, tells where to begin.
        let mut at = (((hash >> 64) * len as u128) >> 64) as usize;
        while self.slots[at] != 0 && self.slots[at] != hash {
            at += 1;
            if at == len {
                at = 0;
            }
        }
        at
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() + self.slots.len() / 2).max(16);
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        for hash in old.into_iter().filter(|hash| *hash != 0) {
            let at = self.place(hash);
            self.slots[at] = hash;
        }
    }
}

/// What is kept of bytes.
pub(crate) fn key(bytes: &[u8]) -> u128 {
    hash128(bytes, 0).max(1)
}

/// By the low bits: the high ones tell the place within.
fn shard(hash: u128) -> usize {
    hash as usize % SHARDS
}

const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_takes_at_most_twenty_nine_bytes_also_while_the_table_grows() {
        let mut seen = Exact::new();
        let mut peak = 0.0_f64;
        for number in 0..200_000_u32 {
            let before: Vec<usize> = seen.shards.iter().map(|shard| shard.slots.len()).collect();
            assert!(seen.insert(&number.to_string()));
            let grown = seen.shards.iter().zip(&before).find(|(now, old)| now.slots.len() > **old);
            let held_twice = grown.map_or(0, |(_, old)| old * 16);
            if number > 10_000 {
                peak = peak.max((seen.memory() + held_twice) as f64 / seen.len() as f64);
            }
        }
        assert_eq!(seen.len(), 200_000);
        assert!(peak < 29.0, "{peak}");
    }

    #[test]
    fn debug_shows_no_more_than_a_number() {
        let mut seen = Exact::new();
        seen.insert("secret");
        assert_eq!(format!("{seen:?}"), "Exact { len: 1, .. }");
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_the_texts(texts in prop::collection::vec("[ab]{0,6}", 0..300)) {
            let (mut seen, mut all) = (Exact::new(), HashSet::new());
            for text in &texts {
                prop_assert_eq!(seen.contains(text), all.contains(text));
                prop_assert_eq!(seen.insert(text), all.insert(text));
            }
            prop_assert_eq!(seen.len(), all.len());
            prop_assert_eq!(seen.is_empty(), texts.is_empty());
        }
    }
}
