//! The values of a JSON array, or of a file with one value after another, found where they lie.
//!
//! A file may be larger than memory, so its values are told apart before they are parsed.

use memchr::memchr2;

/// Finds where values end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner(Mode);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Before the first byte that is not white space.
    Start,
    /// In an array, before a value; `]` may stand here only in an empty one.
    BeforeValue { is_first: bool },
    /// In an array, behind a value.
    AfterValue,
    /// Behind the array.
    Closed,
    /// Between values that no array holds.
    Values,
}

/// JSON that cannot be taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// At this byte.
    pub(crate) at: usize,
    /// What is wrong, and what to do.
    pub(crate) message: &'static str,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self(Mode::Start)
    }

    /// Looks for the end of the last whole value of `bytes`, which begin where the values before
    /// ended, and which are the last there are if `is_all`.
    pub(crate) fn last_end(&mut self, bytes: &[u8], is_all: bool) -> (usize, Option<Fault>) {
        let (mut at, mut mode) = (0, self.0);
        let mut end = 0;
        let fault = |at, message| Some(Fault { at, message });
        loop {
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let Some(byte) = bytes.get(at) else {
                break;
            };
            let is_value = match (mode, byte) {
                (Mode::Start, b'[') => {
                    mode = Mode::BeforeValue { is_first: true };
                    false
                }
                (Mode::Start | Mode::Values, b',' | b']') => {
                    let words = "no value begins here; is the bracket of an array missing?";
                    return (end, fault(at, words));
                }
                (Mode::Start | Mode::Values, _) => {
                    mode = Mode::Values;
                    true
                }
                (Mode::BeforeValue { is_first: true } | Mode::AfterValue, b']') => {
                    mode = Mode::Closed;
                    false
                }
                (Mode::AfterValue, b',') => {
                    mode = Mode::BeforeValue { is_first: false };
                    false
                }
                (Mode::BeforeValue { .. }, b',' | b']') => {
                    return (end, fault(at, "a value is missing here; take a comma out"));
                }
                (Mode::BeforeValue { .. }, _) => true,
                (Mode::AfterValue, _) => {
                    return (end, fault(at, "a comma is missing before this value"));
                }
                (Mode::Closed, _) => {
                    return (end, fault(at, "text follows the end of the array; take it out"));
                }
            };
            if !is_value {
                at += 1;
                continue;
            }
            let Some(to) = value_end(bytes, at, is_all) else {
                if is_all {
                    return (end, fault(at, "a value begins here and does not end"));
                }
                break;
            };
            if mode != Mode::Values {
                mode = Mode::AfterValue;
            }
            (at, end, self.0) = (to, to, mode);
        }
        if !is_all {
            return (end, None);
        }
        self.0 = mode;
        match mode {
            Mode::BeforeValue { .. } | Mode::AfterValue => {
                (end, fault(bytes.len(), "the array is not closed; is the file whole?"))
            }
            Mode::Start | Mode::Closed | Mode::Values => (bytes.len(), None),
        }
    }
}

/// The values of text that [`Scanner`] has looked over, each with its first byte.
///
/// `opens` says whether the text begins with the bracket of the array.
pub(crate) fn values(text: &str, opens: bool) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at =
        if opens { bytes.iter().position(|b| *b == b'[').map_or(0, |at| at + 1) } else { 0 };
    std::iter::from_fn(move || {
        let is_between = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
        let from = at + bytes.get(at..)?.iter().take_while(is_between).count();
        if matches!(bytes.get(from), None | Some(b']')) {
            return None;
        }
        let to = value_end(bytes, from, true)?;
        at = to;
        Some((from, text.get(from..to)?))
    })
}

/// Where the value that begins at `at` ends, if it does.
fn value_end(bytes: &[u8], at: usize, is_all: bool) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at + 1),
        b'{' | b'[' => nested_end(bytes, at),
        _ => {
            let ends = |byte: &u8| {
                matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"')
                    || byte.is_ascii_whitespace()
            };
            match bytes[at + 1..].iter().position(ends) {
                Some(length) => Some(at + 1 + length),
                None => is_all.then_some(bytes.len()),
            }
        }
    }
}

fn nested_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        let structural = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
        at += bytes.get(at..)?.iter().position(structural)?;
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at + 1)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            _ => depth -= 1,
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Behind the quote that closes the string whose first byte is at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values of `text`, which is read in two pieces; the faults' messages.
    fn read(text: &str, cut: usize) -> Result<Vec<String>, &'static str> {
        let mut scanner = Scanner::new();
        let mut found = Vec::new();
        let (first, fault) = scanner.last_end(&text.as_bytes()[..cut], false);
        let opens = text.trim_start().starts_with('[');
        found.extend(values(&text[..first], opens && first > 0).map(|(_, value)| value.to_owned()));
        if let Some(fault) = fault {
            return Err(fault.message);
        }
        let (second, fault) = scanner.last_end(&text.as_bytes()[first..], true);
        let rest = &text[first..first + second];
        found.extend(values(rest, opens && first == 0).map(|(_, value)| value.to_owned()));
        fault.map_or(Ok(found), |fault| Err(fault.message))
    }

    #[test]
    fn the_values_of_an_array_are_found() {
        for text in ["[{\"a\":[1]}, 2 ,\"x\\\"]\",[]]", " [ ] ", "[1]\n", "[null,true]"] {
            let expected: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
            for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let found = read(text, cut).unwrap();
                let found: Vec<serde_json::Value> =
                    found.iter().map(|value| serde_json::from_str(value).unwrap()).collect();
                assert_eq!(found, expected, "{text} {cut}");
            }
        }
    }

    #[test]
    fn values_may_stand_one_after_another() {
        assert_eq!(read("{\"a\":1}\n{\"b\":\n2} 3", 9).unwrap(), ["{\"a\":1}", "{\"b\":\n2}", "3"]);
    }

    #[test]
    fn an_array_with_a_fault_is_told_by_its_place() {
        for (text, at, message) in [
            ("[1,]", 3, "a value is missing here; take a comma out"),
            ("[,1]", 1, "a value is missing here; take a comma out"),
            ("[1 2]", 3, "a comma is missing before this value"),
            ("[1] 2", 4, "text follows the end of the array; take it out"),
            ("{}\n]", 3, "no value begins here; is the bracket of an array missing?"),
            ("{},{}]", 2, "no value begins here; is the bracket of an array missing?"),
            ("[1", 2, "the array is not closed; is the file whole?"),
            ("[1, {\"a\"", 4, "a value begins here and does not end"),
        ] {
            let (_, fault) = Scanner::new().last_end(text.as_bytes(), true);
            assert_eq!(fault, Some(Fault { at, message }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_json_is_taken_apart_as_serde_json_does(
            values in prop::collection::vec(prop_oneof![
                "\\PC{0,12}".prop_map(|text| serde_json::json!(text)),
                "\\PC{0,12}".prop_map(|text| serde_json::json!({ "a": [text, {}], "b": 1.5 })),
                Just(serde_json::Value::Null),
            ], 0..6),
            pretty in any::<bool>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) };
            let text = text.unwrap();
            let cut = cut.index(text.len());
            prop_assume!(text.is_char_boundary(cut));
            let found = read(&text, cut).unwrap();
            let found: Vec<serde_json::Value> = found.iter().map(|v| serde_json::from_str(v).unwrap()).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn arbitrary_bytes_never_panic_the_scanner(text in r#"[\[\]{}",:\\a1\n ]{0,60}"#, cut in any::<prop::sample::Index>()) {
            // What is taken for whole is what serde_json takes for whole.
            let found = read(&text, cut.index(text.len() + 1));
            if let Ok(expected) = serde_json::from_str::<Vec<serde_json::Value>>(&text) {
                prop_assert_eq!(found.map(|values| values.len()), Ok(expected.len()));
            }
        }
    }
}
