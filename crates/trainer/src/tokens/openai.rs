//! OpenAI's encodings.

mod classes;
mod hash;
mod merge;
#[cfg(test)]
mod peers;
mod split;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::{
    fmt,
    hash::Hasher as _,
    sync::{LazyLock, OnceLock},
};

use self::{
    classes::Classes,
    hash::{Folded, fold},
    merge::Lists,
    vocabulary::{NONE, SHORT, Vocabulary, key},
};
use super::{CountTokens, Encoding};
use crate::error::Result;

/// Counts tokens in one of OpenAI's encodings.
///
/// What is counted is the text itself: `<|endoftext|>` in it counts as the letters that it is made
/// of, as `encode_ordinary` of tiktoken has it.
///
/// A counter remembers the counts of pieces that it met, in two megabytes that do not grow; each
/// thread takes one of its own. The vocabularies, 3.3 MB compiled in, are unpacked once, when the
/// first counter of an encoding is made: within some hundredths of a second, into some 6 MB for
/// each.
///
/// ```
/// use trainer::tokens::{Encoding, OpenAiCounter};
///
/// let mut counter = OpenAiCounter::new(Encoding::O200kBase);
/// assert_eq!(counter.count("The depths of Lake Baikal"), 6);
/// ```
pub struct OpenAiCounter {
    encoding: Encoding,
    vocabulary: &'static Vocabulary,
    classes: &'static Classes,
    /// Keys of short pieces, with the count in the four bits above.
    short: Box<[u128]>,
    long: Box<[Long]>,
    lists: Lists,
}

/// A longer piece and its count.
#[derive(Clone, Copy)]
struct Long {
    length: u8,
    count: u8,
    bytes: [u8; LONG],
}

/// So many bytes a piece may have to be remembered.
const LONG: usize = 62;
const SHORT_SLOTS: usize = 1 << 16;
const LONG_SLOTS: usize = 1 << 14;
/// Where the count is beside a key.
const COUNT: u32 = 124;

impl OpenAiCounter {
    /// A counter that remembers nothing yet.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);
        Self {
            encoding,
            vocabulary: vocabulary(encoding),
            classes: &CLASSES,
            short: vec![0; SHORT_SLOTS].into(),
            long: vec![Long { length: 0, count: 0, bytes: [0; LONG] }; LONG_SLOTS].into(),
            lists: Lists::default(),
        }
    }

    /// The encoding it counts in.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many tokens a text is.
    ///
    /// A text of `n` bytes takes `n log n` steps at most, whatever it says.
    pub fn count(&mut self, text: &str) -> u64 {
        match self.encoding {
            Encoding::O200kBase => self.count_pieces(text.as_bytes(), split::o200k),
            Encoding::Cl100kBase => self.count_pieces(text.as_bytes(), split::cl100k),
        }
    }

    #[inline(always)]
    fn count_pieces(
        &mut self,
        text: &[u8],
        split: impl Fn(&Classes, &[u8], usize) -> usize,
    ) -> u64 {
        let (mut count, mut start) = (0, 0);
        while start < text.len() {
            let end = split(self.classes, text, start);
            count += self.count_piece(text, start, end) as u64;
            start = end;
        }
        count
    }

    #[inline(always)]
    fn count_piece(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        let length = end - start;
        if length > SHORT {
            return self.count_long(text, start, end);
        }
        let key = key(text, start, length);
        let slot = fold(key) as usize % SHORT_SLOTS;
        let found = self.short[slot];
        if found & !(0xF << COUNT) == key {
            return (found >> COUNT) as usize;
        }
        let count = self.count_anew(text, start, end);
        // A piece has no more tokens than bytes, so the count fits.
        self.short[slot] = key | (count as u128) << COUNT;
        count
    }

    #[inline(never)]
    fn count_long(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        let piece = &text[start..end];
        if piece.len() > LONG {
            return self.count_anew(text, start, end);
        }
        let mut hash = Folded::default();
        hash.write(piece);
        let slot = hash.finish() as usize % LONG_SLOTS;
        let found = &self.long[slot];
        if found.bytes.get(..found.length.into()) == Some(piece) {
            return found.count.into();
        }
        let count = self.count_anew(text, start, end);
        let mut bytes = [0; LONG];
        bytes[..piece.len()].copy_from_slice(piece);
        self.long[slot] = Long { length: piece.len() as u8, count: count as u8, bytes };
        count
    }

    #[inline(never)]
    fn count_anew(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        match self.vocabulary.rank(text, start, end) {
            NONE => merge::count(self.vocabulary, &mut self.lists, text, start, end),
            _ => 1,
        }
    }
}

impl CountTokens for OpenAiCounter {
    /// Never fails.
    fn count_tokens(&mut self, text: &str) -> Result<u64> {
        Ok(self.count(text))
    }
}

impl fmt::Debug for OpenAiCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiCounter").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

fn vocabulary(encoding: Encoding) -> &'static Vocabulary {
    static O200K: OnceLock<Vocabulary> = OnceLock::new();
    static CL100K: OnceLock<Vocabulary> = OnceLock::new();
    let (read, packed) = match encoding {
        Encoding::O200kBase => (&O200K, splintr_vocab_o200k::O200K_BASE_VOCAB_PACKED),
        Encoding::Cl100kBase => (&CL100K, splintr_vocab_cl100k::CL100K_BASE_VOCAB_PACKED),
    };
    #[expect(clippy::expect_used, reason = "it is compiled in, and tests read it")]
    read.get_or_init(|| Vocabulary::read(packed).expect("the vocabulary is whole"))
}
