//! JSON strings, a run of plain bytes at a time: [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), section 7.

use crate::read::Text;

/// Adds the inside of a JSON string that says the same as `text`.
///
/// What must be escaped is, in the shortest form, as `serde_json` and Python's
/// `json.dumps(…, ensure_ascii=False)` do; all else stays as it is.
pub(crate) fn escape(out: &mut Vec<u8>, text: Text<'_>) {
    let is_quoted = matches!(text, Text::Quoted(_));
    let mut rest = text.raw().as_bytes();
    loop {
        let plain = plain_run(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(byte) = rest.get(plain) else {
            return;
        };
        let mut taken = plain + 1;
        match byte {
            b'"' => {
                out.extend_from_slice(b"\\\"");
                // Of the two quotes that stand for one, the second goes.
                taken += usize::from(is_quoted);
            }
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 0xf)]);
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// How many bytes need no escape, from the first on.
fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    bytes.len() - rest.len() + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The top bits of the bytes that must be escaped; true of the lowest that is set, while those
/// above it may be set by what was borrowed.
///
/// See [Bit Twiddling Hacks](https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord).
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & TOPS
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: Text<'_>) -> String {
        let mut out = Vec::new();
        escape(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn text_is_escaped_as_serde_json_does(text in r#"(?s)([\x00-\x20"\\]|.|[a-z]{5,40}){0,20}"#) {
            let expected = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(format!("\"{}\"", escaped(Text::Plain(&text))), expected.clone());
            let doubled = text.replace('"', "\"\"");
            prop_assert_eq!(format!("\"{}\"", escaped(Text::Quoted(&doubled))), expected);
        }
    }
}
