//! The sketch of a text: so many numbers, of which two texts share as many as they are alike.

use crate::scan::hash::avalanche;
use crate::scan::similar::shingles::each_shingle;

/// How many numbers a sketch has.
pub(crate) const NUMBERS: usize = 128;

/// Makes sketches, and keeps the room for it.
///
/// The numbers are those of "fast similarity sketching" (Dahlgaard, Knudsen, Thorup, FOCS 2017,
/// <https://arxiv.org/abs/1704.04370>): each shingle is hashed once and falls into one of the
/// numbers, where the least hash wins; rounds follow until no number is blank. As with a hash
/// function for each number, two sketches agree in a number with a probability that is the texts'
/// Jaccard similarity, but what it takes is not 128 hashes for each shingle.
#[derive(Clone, Debug)]
pub(crate) struct Sketcher {
    numbers: Box<[u64; NUMBERS]>,
    blank: usize,
    shingles: Vec<u64>,
}

impl Sketcher {
    pub(crate) fn new() -> Self {
        Self { numbers: Box::new([BLANK; NUMBERS]), blank: NUMBERS, shingles: Vec::new() }
    }

    /// The sketch of a text, which may be empty.
    pub(crate) fn sketch(&mut self, text: &str) -> &[u64; NUMBERS] {
        self.numbers.fill(BLANK);
        self.blank = NUMBERS;
        self.shingles.clear();
        each_shingle(text, |hash| {
            self.take(0, hash);
            // Once each number has a value, later rounds change none of them.
            if self.blank > 0 {
                self.shingles.push(hash);
                if self.shingles.len() == MOST_KEPT {
                    self.keep_different();
                }
            }
        });
        // With fewer different shingles than numbers, the same ones go around.
        for round in 1..=LAST_ROUND {
            if self.blank == 0 {
                break;
            }
            if round == 3 {
                self.keep_different();
            }
            for at in 0..self.shingles.len() {
                self.take(round, self.shingles[at]);
            }
        }
        &self.numbers
    }

    #[inline]
    fn take(&mut self, round: u64, hash: u64) {
        // The first round takes the hash as it is, the others mix it anew.
        let hash = if round == 0 { hash } else { avalanche(hash ^ round.wrapping_mul(SPREAD)) };
        let at = match (round as usize).checked_sub(NUMBERS) {
            // From here on each round fills one number, so that none is left blank.
            Some(at) => at,
            None => (hash >> (64 - NUMBERS.trailing_zeros())) as usize,
        };
        // A value of an earlier round is always less.
        let value = round << 56 | hash & LOW;
        let number = &mut self.numbers[at];
        self.blank -= usize::from(*number == BLANK);
        *number = value.min(*number);
    }

    /// Forgets shingles that came before, and, once there are plenty, those that come after:
    /// by then, no number is blank but with a probability of 128 · e⁻³².
    fn keep_different(&mut self) {
        self.shingles.sort_unstable();
        self.shingles.dedup();
        self.shingles.truncate(MOST_KEPT / 2);
    }
}

const BLANK: u64 = u64::MAX;
const LOW: u64 = (1 << 56) - 1;
const LAST_ROUND: u64 = 2 * NUMBERS as u64 - 1;
const MOST_KEPT: usize = 8192;
/// 2⁶⁴ over the golden ratio, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_left_blank() {
        let mut sketcher = Sketcher::new();
        for text in ["", "a", "aaaaaaaaaaaaaaa", "How deep is Lake Baikal?", &"ab".repeat(20_000)] {
            assert!(sketcher.sketch(text).iter().all(|number| *number != BLANK), "{text:.9}");
        }
    }

    #[test]
    fn a_sketch_does_not_depend_on_what_was_sketched_before() {
        let mut used = Sketcher::new();
        used.sketch("something else");
        assert_eq!(used.sketch("a text"), Sketcher::new().sketch("a text"));
    }

    #[test]
    fn sketches_are_the_same_on_every_machine() {
        let mut sketcher = Sketcher::new();
        let mut sum = |text| sketcher.sketch(text).iter().fold(0, |sum, n| avalanche(sum ^ n));
        assert_eq!(sum("How deep is Lake Baikal?"), 18_012_658_614_862_434_485);
        assert_eq!(sum("贝加尔湖有多深？"), 4_361_099_763_687_104_278);
    }
}
