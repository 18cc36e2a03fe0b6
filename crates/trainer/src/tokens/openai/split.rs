//! Cuts a text into the pieces that are encoded each on its own.
//!
//! OpenAI describes the pieces by a regular expression for each encoding, which tries its
//! alternatives in order (source: `tiktoken_ext/openai_public.py` of tiktoken 0.14.0, read
//! 2026-11-22). Here each alternative is a few lines, which is several times faster than a machine
//! for all expressions.

use super::classes::{BACK, Classes, FRONT, LETTER, NEWLINE, NUMBER, SPACE};

/// The pieces of `cl100k_base`:
///
/// ```text
/// '(?i:[sdmt]|ll|ve|re)
/// [^\r\n\p{L}\p{N}]?+\p{L}++
/// \p{N}{1,3}+
///  ?[^\s\p{L}\p{N}]++[\r\n]*+
/// \s++$
/// \s*[\r\n]
/// \s+(?!\S)
/// \s
/// ```
pub(super) fn cl100k(classes: &Classes, text: &[u8], start: usize) -> usize {
    let contracted = contraction(text, start);
    if contracted > start {
        return contracted;
    }
    let (kind, length) = classes.at(text, start);
    let after = start + length;
    if kind & LETTER != 0 {
        return run(classes, text, after, LETTER);
    }
    if kind & NUMBER != 0 {
        return digits(classes, text, after);
    }
    let (next, _) = classes.at(text, after);
    if kind & NEWLINE == 0 && next & LETTER != 0 {
        return run(classes, text, after, LETTER);
    }
    if let Some(end) = symbols(classes, text, start, kind) {
        let newlines = text[end..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        return end + newlines.count();
    }
    let spaces = Spaces::from(classes, text, start);
    match spaces.after_newline {
        _ if spaces.end == text.len() => spaces.end,
        Some(end) => end,
        None => spaces.before_last(start),
    }
}

/// The pieces of `o200k_base`:
///
/// ```text
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// \p{N}{1,3}
///  ?[^\s\p{L}\p{N}]+[\r\n/]*
/// \s*[\r\n]+
/// \s+(?!\S)
/// \s+
/// ```
pub(super) fn o200k(classes: &Classes, text: &[u8], start: usize) -> usize {
    let (kind, length) = classes.at(text, start);
    let after = start + length;
    if kind & NUMBER != 0 {
        return digits(classes, text, after);
    }
    if let Some(end) = word(classes, text, start, kind, after) {
        return contraction(text, end);
    }
    if let Some(end) = symbols(classes, text, start, kind) {
        let more = text[end..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'/'));
        return end + more.count();
    }
    let spaces = Spaces::from(classes, text, start);
    match spaces.after_newline {
        Some(end) => end,
        None if spaces.end == text.len() => spaces.end,
        None => spaces.before_last(start),
    }
}

/// The end of a word of `o200k_base`, without its contraction.
#[inline(always)]
fn word(classes: &Classes, text: &[u8], start: usize, kind: u8, after: usize) -> Option<usize> {
    if kind & LETTER != 0 {
        return parts(classes, text, start).map(|parts| parts.end);
    }
    if kind & NEWLINE != 0 {
        return None;
    }
    // Anything but a letter may lead the word.
    let led = parts(classes, text, after);
    if kind & BACK == 0 {
        return led.map(|parts| parts.end);
    }
    // A mark leads a word only if that has a back part, for it is a back part on its own.
    Some(led.filter(|parts| parts.has_back).map_or(after, |parts| parts.end))
}

/// A front part and a back part, one of which may be empty.
struct Parts {
    end: usize,
    has_back: bool,
}

#[inline(always)]
fn parts(classes: &Classes, text: &[u8], start: usize) -> Option<Parts> {
    let mut end = start;
    // Characters of both kinds are for the front as long as there is something else for the back.
    let mut back = None;
    let kind = loop {
        let (kind, length) = classes.at(text, end);
        if kind & FRONT == 0 {
            break kind;
        }
        end += length;
        if kind & BACK != 0 {
            back = Some(end);
        }
    };
    if kind & BACK != 0 {
        return Some(Parts { end: run(classes, text, end, BACK), has_back: true });
    }
    match back {
        Some(end) => Some(Parts { end, has_back: true }),
        None => (end > start).then_some(Parts { end, has_back: false }),
    }
}

/// The end of the characters of a kind.
#[inline(always)]
fn run(classes: &Classes, text: &[u8], mut end: usize, wanted: u8) -> usize {
    loop {
        let (kind, length) = classes.at(text, end);
        if kind & wanted == 0 {
            return end;
        }
        end += length;
    }
}

/// The end of a number of which the first digit is read: it has three at most.
#[inline(always)]
fn digits(classes: &Classes, text: &[u8], mut end: usize) -> usize {
    for _ in 0..2 {
        let (kind, length) = classes.at(text, end);
        if kind & NUMBER == 0 {
            break;
        }
        end += length;
    }
    end
}

/// The end of symbols, which a space may lead.
#[inline(always)]
fn symbols(classes: &Classes, text: &[u8], start: usize, kind: u8) -> Option<usize> {
    let mut end = if text[start] == b' ' { start + 1 } else { start };
    if end == start && kind & SPACE != 0 {
        return None;
    }
    let first = end;
    loop {
        let (kind, length) = classes.at(text, end);
        if length == 0 || kind & (SPACE | LETTER | NUMBER) != 0 {
            return (end > first).then_some(end);
        }
        end += length;
    }
}

/// The end of a contraction that begins at `start`, or `start` if there is none.
#[inline(always)]
fn contraction(text: &[u8], start: usize) -> usize {
    if text.get(start) != Some(&b'\'') {
        return start;
    }
    let at = |place: usize| text.get(start + place).map(u8::to_ascii_lowercase);
    match (at(1), at(2)) {
        (Some(b's' | b'd' | b'm' | b't'), _) => start + 2,
        (Some(b'l'), Some(b'l')) | (Some(b'v' | b'r'), Some(b'e')) => start + 3,
        // The long s is a small letter of `S`, as Unicode folds case.
        (Some(0xC5), Some(0xBF)) => start + 3,
        _ => start,
    }
}

/// Spaces of any kind, one after the other.
struct Spaces {
    end: usize,
    /// The place of the last one.
    last: usize,
    /// The end of the last line break among them.
    after_newline: Option<usize>,
}

impl Spaces {
    fn from(classes: &Classes, text: &[u8], start: usize) -> Self {
        let mut spaces = Self { end: start, last: start, after_newline: None };
        loop {
            let (kind, length) = classes.at(text, spaces.end);
            if kind & SPACE == 0 {
                return spaces;
            }
            spaces.last = spaces.end;
            spaces.end += length;
            if kind & NEWLINE != 0 {
                spaces.after_newline = Some(spaces.end);
            }
        }
    }

    /// All but the last, which goes to what follows; a single one has nobody to leave.
    fn before_last(&self, start: usize) -> usize {
        if self.last > start { self.last } else { self.end }
    }
}
