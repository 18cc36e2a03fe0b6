//! A text, and how far one may look around in it.

/// A text that was searched up to some place.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) text: &'a str,
    /// The end of the last finding: nothing before it is looked at, so that a redacted text, in
    /// which `]` stands there, says the same.
    pub(super) from: usize,
}

impl<'a> Context<'a> {
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte at a place, 0 behind the end.
    #[inline]
    pub(super) fn at(&self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or(0)
    }

    /// The byte before a place, 0 at the start.
    #[inline]
    pub(super) fn before(&self, at: usize) -> u8 {
        match at.checked_sub(1) {
            Some(before) if before >= self.from => self.bytes()[before],
            Some(_) => b']',
            None => 0,
        }
    }

    /// Whether the text goes on like this.
    pub(super) fn starts_with(&self, at: usize, start: &str) -> bool {
        self.bytes().get(at..).is_some_and(|rest| rest.starts_with(start.as_bytes()))
    }

    /// The end of the bytes from `at` on that are `like` this, after `most` at the latest.
    #[inline]
    pub(super) fn run(&self, at: usize, most: usize, like: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes()[at..];
        let run = rest.iter().take(most).take_while(|byte| like(**byte)).count();
        work::add(run + 1);
        at + run
    }

    /// The start of the bytes before `at` that are `like` this, `most` of them at the most.
    pub(super) fn run_back(&self, at: usize, most: usize, like: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes()[self.from.min(at)..at];
        let run = rest.iter().rev().take(most).take_while(|byte| like(**byte)).count();
        work::add(run + 1);
        at - run
    }

    /// Whether one of these words, in lower case, stands shortly before `at` on its line, with no
    /// digit and no finding in between. A word that ends in `.` must end there, others may go on.
    pub(super) fn said_before(&self, at: usize, words: &[&str]) -> bool {
        let mut start =
            self.run_back(at, 48, |byte| !byte.is_ascii_digit() && !b"]\n".contains(&byte));
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        let said = self.text[start..at].to_lowercase();
        words.iter().any(|word| {
            let (word, is_whole) = word.strip_suffix('.').map_or((*word, false), |w| (w, true));
            said.match_indices(word).any(|(found, _)| {
                let before = said[..found].chars().next_back();
                let after = said[found + word.len()..].chars().next();
                // Chinese and Japanese put no spaces between words.
                let is_behind = word.starts_with(is_spaced) && before.is_some_and(is_spaced);
                let goes_on = is_whole && after.is_some_and(is_spaced);
                !is_behind && !goes_on
            })
        })
    }
}

/// Whether a byte belongs to a word of code.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

const WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        word[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    word
};

/// Whether a character is a letter of a script that puts spaces between words.
pub(super) fn is_spaced(c: char) -> bool {
    c.is_alphabetic() && !('\u{2e80}'..'\u{fb00}').contains(&c)
}

/// Counts the bytes that were looked at, in tests.
pub(super) mod work {
    #[cfg(test)]
    thread_local! {
        static DONE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[cfg(not(test))]
    #[inline]
    pub(in super::super) fn add(_: usize) {}

    #[cfg(test)]
    pub(in super::super) fn add(bytes: usize) {
        DONE.set(DONE.get() + bytes);
    }

    #[cfg(test)]
    pub(in super::super) fn take() -> usize {
        DONE.replace(0)
    }
}
