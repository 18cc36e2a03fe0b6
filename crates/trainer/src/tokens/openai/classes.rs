//! What kind of character each is, as the patterns of the encodings ask.

use regex_syntax::{
    Parser,
    hir::{Class, HirKind},
};

/// A letter that may stand in the front part of a word: capital, title, modifier or other, or a
/// mark.
pub(super) const FRONT: u8 = 1;
/// A letter that may stand in the back part of a word: small, modifier or other, or a mark.
pub(super) const BACK: u8 = 1 << 1;
pub(super) const LETTER: u8 = 1 << 2;
pub(super) const NUMBER: u8 = 1 << 3;
pub(super) const SPACE: u8 = 1 << 4;
/// A line feed or a carriage return; a space as well.
pub(super) const NEWLINE: u8 = 1 << 5;

/// The kinds of all characters, in blocks of 256; most blocks are like another.
#[derive(Debug)]
pub(super) struct Classes {
    ascii: [u8; 128],
    block_of: Vec<u16>,
    blocks: Vec<[u8; BLOCK]>,
}

const BLOCK: usize = 256;

impl Classes {
    /// Reads them from the tables of Unicode that regular expressions use.
    pub(super) fn new() -> Self {
        let mut kinds = vec![0_u8; char::MAX as usize + 1];
        for (class, kind) in [
            (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", FRONT),
            (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", BACK),
            (r"\p{L}", LETTER),
            (r"\p{N}", NUMBER),
            (r"\s", SPACE),
            (r"[\r\n]", NEWLINE),
        ] {
            for (first, last) in ranges(class) {
                kinds[first as usize..=last as usize].iter_mut().for_each(|it| *it |= kind);
            }
        }
        let mut ascii = [0; 128];
        ascii.copy_from_slice(&kinds[..128]);
        let mut blocks: Vec<[u8; BLOCK]> = Vec::new();
        let block_of = kinds.as_chunks::<BLOCK>().0.iter().map(|block| {
            let known = blocks.iter().rposition(|it| it == block);
            // There are fewer blocks than fit: 4,352 in all.
            known.unwrap_or_else(|| {
                blocks.push(*block);
                blocks.len() - 1
            }) as u16
        });
        let block_of = block_of.collect();
        Self { ascii, block_of, blocks }
    }

    /// The kind of the character at a place, and its length in bytes; at the end, nothing.
    #[inline(always)]
    pub(super) fn at(&self, text: &[u8], place: usize) -> (u8, usize) {
        match text.get(place) {
            Some(&byte) if byte < 128 => (self.ascii[byte as usize], 1),
            Some(&byte) => self.beyond_ascii(byte, text, place),
            None => (0, 0),
        }
    }

    #[inline]
    fn beyond_ascii(&self, byte: u8, text: &[u8], place: usize) -> (u8, usize) {
        // The text is UTF-8, so the bytes that the first one promises are there.
        let next = |at: usize| u32::from(text.get(place + at).copied().unwrap_or(0) & 0x3F);
        let first = u32::from(byte);
        let (point, length) = if byte < 0xE0 {
            ((first & 0x1F) << 6 | next(1), 2)
        } else if byte < 0xF0 {
            ((first & 0x0F) << 12 | next(1) << 6 | next(2), 3)
        } else {
            ((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), 4)
        };
        let point = point as usize;
        let block = self.block_of.get(point / BLOCK).copied().unwrap_or(0);
        (self.blocks[block as usize][point % BLOCK], length)
    }
}

/// The characters of a class, first and last of each range.
fn ranges(class: &str) -> Vec<(u32, u32)> {
    let parsed = Parser::new().parse(class);
    match parsed.as_ref().map(regex_syntax::hir::Hir::kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        // Only a class of ASCII alone is one of bytes.
        Ok(HirKind::Class(Class::Bytes(class))) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{BACK, Classes, FRONT, LETTER, NEWLINE, NUMBER, SPACE};

    #[test]
    fn characters_are_of_the_kinds_that_unicode_says() {
        let classes = Classes::new();
        for (character, kind) in [
            ('a', LETTER | BACK),
            ('Z', LETTER | FRONT),
            ('\u{1C5}', LETTER | FRONT),
            ('\u{2B0}', LETTER | FRONT | BACK),
            ('中', LETTER | FRONT | BACK),
            ('\u{301}', FRONT | BACK),
            ('7', NUMBER),
            ('Ⅳ', NUMBER),
            (' ', SPACE),
            ('\u{3000}', SPACE),
            ('\n', SPACE | NEWLINE),
            ('\u{85}', SPACE),
            ('\'', 0),
            ('\u{1F600}', 0),
            ('\u{200B}', 0),
        ] {
            let text = character.to_string();
            assert_eq!(classes.at(text.as_bytes(), 0), (kind, text.len()), "{character:?}");
        }
        assert_eq!(classes.at(b"", 0), (0, 0));
    }
}
