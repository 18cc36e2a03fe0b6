//! Reads JSON that holds what is no text.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// A text without the mark that says in which order its bytes are, which JSON must not have.
#[cfg(any(feature = "batches", feature = "http"))]
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

#[cfg(any(feature = "batches", feature = "http"))]
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads JSON; what is no text in it, such as half a character, is replaced by `U+FFFD`.
///
/// Models are cut off anywhere, and servers send what came: bytes that are no UTF-8, or the escape
/// of one half of a surrogate pair.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    // That it is UTF-8 is cheaper to see once than at each text in it; and reading from one kind
    // of source alone compiles each type once.
    let text = match std::str::from_utf8(json) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(json),
    };
    serde_json::from_str(&text).or_else(|error| match without_lone_surrogates(&text) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    })
}

/// The text with each escape of a lone surrogate replaced, if there are any.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let escape = at + found;
        at = match unit(text, escape) {
            // The other half may follow.
            Some(0xd800..=0xdbff) if matches!(unit(text, escape + 6), Some(0xdc00..=0xdfff)) => {
                escape + 12
            }
            Some(0xd800..=0xdfff) => {
                mended.push_str(&text[kept..escape]);
                mended.push_str("\\ufffd");
                kept = escape + 6;
                kept
            }
            Some(_) => escape + 6,
            // `\\`, `\n` and the like; what follows the backslash may be a character of any length.
            None => escape + 1 + text[escape + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    (kept > 0).then(|| {
        mended.push_str(&text[kept..]);
        mended
    })
}

/// The code unit that an escape at this place stands for.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &[u8], expected: Option<&str>) {
        assert_eq!(from_slice::<String>(json).ok().as_deref(), expected);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        check(br#""a\ud83d""#, Some("a\u{fffd}"));
        check(br#""\ud83d\ud83d\ude00\ude00b""#, Some("\u{fffd}\u{1f600}\u{fffd}b"));
        check(br#""\ud83d\u0041""#, Some("\u{fffd}A"));
        check(b"\"a\xf0\x9f\"", Some("a\u{fffd}"));
        check(b"\"\xf0\x9f\\ud83d\"", Some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn what_is_text_stays() {
        check(br#""\ud83d\ude00 \\ud83d \n""#, Some("\u{1f600} \\ud83d \n"));
        check("\"\u{1f600}\"".as_bytes(), Some("\u{1f600}"));
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for json in [&b""[..], b"\"", b"\"\\ud83", b"\"\\ud83d", b"\"\\", b"\"\\\xf0\x9f\"", b"7"] {
            check(json, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_mending_panic(text in "(\\\\|u|d83d|de00|[a-zя😀\"]){0,12}", bytes: Vec<u8>) {
            let _ = without_lone_surrogates(&text);
            let _ = from_slice::<serde_json::Value>(&bytes);
        }

        #[test]
        fn what_can_be_read_is_read_as_it_is(text: String) {
            let json = serde_json::to_vec(&text).unwrap();
            proptest::prop_assert_eq!(from_slice::<String>(&json).unwrap(), text);
        }
    }
}
