//! The shingles of a text: all its runs of five characters, whatever their case and white space.

use crate::scan::hash::avalanche;

/// How many characters a shingle has.
///
/// Five are a word or so of a language with letters, and two or three words of Chinese.
pub(crate) const LENGTH: usize = 5;

/// Calls `take` with the hash of each shingle of `text`, in order; some come more than once.
///
/// Characters are in lower case, and white space of any length is one space, none at either end.
/// A text of fewer than [`LENGTH`] characters, also of none, is one shingle.
pub(crate) fn each_shingle(text: &str, mut take: impl FnMut(u64)) {
    let mut window = Window::default();
    let mut is_after_space = false;
    for c in text.chars() {
        // Most characters are ASCII, for which no table of Unicode is needed.
        if if c.is_ascii() { matches!(c, ' ' | '\t'..='\r') } else { c.is_whitespace() } {
            is_after_space = window.len > 0;
            continue;
        }
        if std::mem::take(&mut is_after_space) {
            window.push(' ', &mut take);
        }
        if c.is_ascii() {
            window.push(c.to_ascii_lowercase(), &mut take);
        } else {
            c.to_lowercase().for_each(|c| window.push(c, &mut take));
        }
    }
    if window.len < LENGTH {
        take(window.hash());
    }
}

/// The last characters, each of 21 bits.
#[derive(Debug, Default)]
struct Window {
    chars: u128,
    /// How many characters there were, as far as it matters.
    len: usize,
}

impl Window {
    #[inline]
    fn push(&mut self, c: char, take: &mut impl FnMut(u64)) {
        self.chars = (self.chars << BITS | u128::from(u32::from(c))) & MASK;
        if self.len < LENGTH {
            self.len += 1;
        }
        if self.len == LENGTH {
            take(self.hash());
        }
    }

    #[inline]
    fn hash(&self) -> u64 {
        let high = (self.chars >> 64) as u64;
        avalanche((self.chars as u64).wrapping_add(high.wrapping_mul(SPREAD)))
    }
}

const BITS: usize = 21;
const MASK: u128 = (1 << (BITS * LENGTH)) - 1;
/// 2⁶⁴ over the golden ratio, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn shingles(text: &str) -> Vec<u64> {
        let mut all = Vec::new();
        each_shingle(text, |hash| all.push(hash));
        all
    }

    #[test]
    fn a_text_has_a_shingle_for_each_run_of_five_characters() {
        for (text, count) in [
            ("", 1),
            ("  ", 1),
            ("a", 1),
            ("abcde", 1),
            ("abcdef", 2),
            ("глубина", 3),
            ("湖有多深？", 1),
        ] {
            assert_eq!(shingles(text).len(), count, "{text:?}");
        }
    }

    #[test]
    fn case_and_white_space_do_not_matter() {
        for text in ["how deep is it?", "  How\n\tDEEP \u{a0} is it?\r\n", "HOW DEEP\u{3000}IS IT?"]
        {
            assert_eq!(shingles(text), shingles("How deep is it?"), "{text:?}");
        }
        assert_eq!(shingles("ГЛУБИНА Озера"), shingles("глубина озера"));
    }

    #[test]
    fn other_characters_make_other_shingles() {
        let texts = ["", "a", "b", "aa", "a a", "abcde", "abcdf", "bbcde", "湖有多深", "湖有多大"];
        for (at, text) in texts.iter().enumerate() {
            for other in &texts[at + 1..] {
                assert_ne!(shingles(text), shingles(other), "{text:?} {other:?}");
            }
        }
    }
}
