//! Which texts are nearly the same.
//!
//! Texts are compared by their shingles: all runs of five characters, in lower case, with white
//! space of any length as one space. How alike two texts are is the Jaccard similarity of these
//! sets, what they share over what they have together, from 0 to 1. Characters rather than words
//! work for all languages, also those that do not put spaces between words. Letters with marks
//! that are written as one character and as two are different; punctuation counts.
//!
//! Nobody can compare each text with each. So a text is kept as a sketch of 128 numbers, in each of
//! which two texts agree with a probability that is their similarity (`MinHash`), and the sketch is
//! cut into `b` bands of `r` numbers each. Only texts that agree in a whole band are compared.
//! Two of similarity `s` do with the probability
//!
//! ```text
//! 1 - (1 - s^r)^b
//! ```
//!
//! which is an S-shaped curve. [`Similar`] takes the most numbers a band that let this be 0.98 for
//! texts as alike as its threshold:
//!
//! | threshold | bands | numbers each | found at 0.1 below, at the threshold, at 0.1 above |
//! |---|---|---|---|
//! | 0.5 | 42 | 3 | 0.94, 0.996, 0.99996 |
//! | 0.7 | 25 | 5 | 0.87, 0.990, 0.99995 |
//! | 0.8 | 18 | 7 | 0.79, 0.986, 0.99999 |
//! | 0.9 | 11 | 11 | 0.63, 0.984, 1 |
//!
//! Sources: Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman,
//! Ullman, "Mining of Massive Datasets", chapter 3, <http://www.mmds.org>.

mod bands;
mod shingles;
mod sketch;

use std::collections::HashSet;
use std::fmt;

use crate::scan::hash::avalanche;
use crate::scan::similar::bands::{Cut, Table};
use crate::scan::similar::shingles::each_shingle;
use crate::scan::similar::sketch::{NUMBERS, Sketcher};

/// The texts so far, and which of them are nearly the same as another one.
///
/// Texts come one after another and are not kept. What is kept takes at most 750 bytes a text at a
/// threshold of 0.8, usually 400, however long it is; texts that are the same but for case and
/// white space take nothing beyond the first. A text is compared with at most 8 others for each
/// band, so what it costs does not grow with the set, and with many texts of one template some
/// that are alike are missed. The same texts in the same order give the same matches on every
/// machine.
///
/// # Examples
///
/// ```
/// use trainer::scan::similar::Similar;
///
/// let mut texts = Similar::new(0.8);
/// assert!(texts.insert("How deep is Lake Baikal at its deepest point?").is_none());
/// assert!(texts.insert("Which lake is the largest of all?").is_none());
/// let found = texts.insert("how deep is lake Baikal at its deepest point").unwrap();
/// assert_eq!(found.index, 0);
/// assert!(found.similarity > 0.9);
/// ```
#[derive(Clone)]
pub struct Similar {
    threshold: f64,
    cut: Cut,
    sketcher: Sketcher,
    table: Table,
    /// Eight bits of each number of each sketch.
    sketches: Vec<[u8; NUMBERS]>,
    /// The index of the text of each sketch.
    indices: Vec<u32>,
    len: usize,
}

/// A text that is nearly the same as another one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Match {
    /// Which one of the texts, by the order in which they were inserted, from 0; of several that
    /// are equal but for case and white space, the first.
    pub index: usize,
    /// How alike they are, at least the threshold and at most 1. It is estimated with a standard
    /// error of `sqrt(s (1 - s) / 128)`, 0.035 at 0.8; [`jaccard`] tells exactly.
    pub similarity: f64,
}

impl Similar {
    /// Finds texts that are at least as alike as `threshold`, from 0.5 to 1; what lies outside
    /// counts as the nearer end. 0.8 is a good start.
    #[must_use]
    pub fn new(threshold: f64) -> Self {
        let threshold = if threshold >= 0.5 { threshold.min(1.0) } else { 0.5 };
        Self {
            threshold,
            cut: Cut::for_similarity(threshold, NUMBERS),
            sketcher: Sketcher::new(),
            table: Table::default(),
            sketches: Vec::new(),
            indices: Vec::new(),
            len: 0,
        }
    }

    /// Takes a text in; the one before it that is the most like it, the first of several, if any
    /// is alike enough.
    pub fn insert(&mut self, text: &str) -> Option<Match> {
        let sketch = Sketch::of(&mut self.sketcher, self.cut, text);
        let found = self.most_like(&sketch);
        let index = self.len;
        self.len += 1;
        // What is equal to an earlier text is found whenever that one is.
        if found.is_none_or(|(_, agreed)| agreed < NUMBERS) {
            self.keep(&sketch, index);
        }
        found.map(|found| self.matched(found))
    }

    /// The text that is the most like this one, the first of several, if any is alike enough;
    /// takes nothing in.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Match> {
        let sketch = Sketch::of(&mut Sketcher::new(), self.cut, text);
        self.most_like(&sketch).map(|found| self.matched(found))
    }

    /// How many texts were inserted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no text was inserted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From which similarity on texts are found.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.table.memory()
            + self.sketches.capacity() * NUMBERS
            + self.indices.capacity() * size_of::<u32>()
    }

    /// The sketch that agrees with `sketch` in the most numbers, and in how many.
    fn most_like(&self, sketch: &Sketch) -> Option<(u32, usize)> {
        let compare = |kept: u32| (kept, agreed(&sketch.short, &self.sketches[kept as usize]));
        let mut equal = self.table.texts(sketch.whole).map(compare);
        if let Some(found) = equal.find(|(_, agreed)| *agreed == NUMBERS) {
            return Some(found);
        }
        let mut best: Option<(u32, usize)> = None;
        for kept in sketch.bands.iter().flat_map(|band| self.table.texts(*band)) {
            let (_, agreed) = compare(kept);
            // More, or as many and earlier.
            let is_better =
                best.is_none_or(|(first, most)| agreed > most || (agreed == most && kept < first));
            if is_better && similarity(agreed) >= self.threshold {
                best = Some((kept, agreed));
            }
        }
        best
    }

    fn keep(&mut self, sketch: &Sketch, index: usize) {
        // With more texts than this there is no memory left anyway.
        let (Ok(index), Ok(number)) = (u32::try_from(index), u32::try_from(self.sketches.len()))
        else {
            return;
        };
        self.sketches.push(sketch.short);
        self.indices.push(index);
        self.table.insert(sketch.whole, number);
        for band in &sketch.bands {
            self.table.insert(*band, number);
        }
    }

    fn matched(&self, (kept, agreed): (u32, usize)) -> Match {
        let index = self.indices[kept as usize] as usize;
        Match { index, similarity: similarity(agreed) }
    }
}

impl fmt::Debug for Similar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Similar")
            .field("threshold", &self.threshold)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// How alike two texts are, exactly: the shingles they share over those they have together.
///
/// Takes time and memory in proportion to both.
///
/// # Examples
///
/// ```
/// use trainer::scan::similar::jaccard;
///
/// assert_eq!(jaccard("Lake Baikal", "lake  baikal"), 1.0);
/// assert_eq!(jaccard("Lake Baikal", "湖有多深？"), 0.0);
/// // The shingles are abcde and bcdef; bcdef and cdefg.
/// assert_eq!(jaccard("abcdef", "bcdefg"), 1.0 / 3.0);
/// ```
#[must_use]
pub fn jaccard(one: &str, other: &str) -> f64 {
    let set = |text| {
        let mut all = HashSet::new();
        each_shingle(text, |hash| {
            all.insert(hash);
        });
        all
    };
    let (one, other) = (set(one), set(other));
    let shared = one.intersection(&other).count();
    shared as f64 / (one.len() + other.len() - shared) as f64
}

/// What a text is found by.
#[derive(Debug)]
struct Sketch {
    short: [u8; NUMBERS],
    /// The hash of all numbers: equal texts are found by it, however full their bands are.
    whole: u64,
    bands: Vec<u64>,
}

impl Sketch {
    fn of(sketcher: &mut Sketcher, cut: Cut, text: &str) -> Self {
        let numbers = sketcher.sketch(text);
        let (rows, rest) = numbers.split_at(cut.bands * cut.rows);
        let bands: Vec<u64> = (1..)
            .zip(rows.chunks_exact(cut.rows))
            .map(|(band, rows)| avalanche(rows.iter().fold(band, mixed)))
            .collect();
        let whole = bands.iter().chain(rest).fold(0, mixed);
        Self { short: numbers.map(|number| number as u8), whole: avalanche(whole), bands }
    }
}

/// A hash of several numbers, one of them added.
fn mixed(hash: u64, number: &u64) -> u64 {
    (hash.rotate_left(5) ^ number).wrapping_mul(SPREAD)
}

/// In how many numbers two sketches agree.
fn agreed(one: &[u8; NUMBERS], other: &[u8; NUMBERS]) -> usize {
    // Few enough to be counted in a byte, which lets many be compared at once.
    let count = |(one, other): (&[u8], &[u8])| {
        one.iter().zip(other).fold(0_u8, |sum, (one, other)| sum + u8::from(one == other))
    };
    one.chunks(64).zip(other.chunks(64)).map(count).map(usize::from).sum()
}

/// The similarity of which so many numbers that agree speak, of which one in 256 does by chance:
/// only eight bits are compared (Li and König, "b-Bit Minwise Hashing", 2010).
fn similarity(agreed: usize) -> f64 {
    const CHANCE: f64 = 1.0 / 256.0;
    let share = agreed as f64 / NUMBERS as f64;
    ((share - CHANCE) / (1.0 - CHANCE)).max(0.0)
}

/// 2⁶⁴ over the golden ratio, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
