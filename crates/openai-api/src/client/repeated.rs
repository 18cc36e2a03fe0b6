//! Chunks that repeat the one before, save for their text.
//!
//! A server writes each chunk of a stream by the same template: id, model, fingerprint and the rest
//! are the same bytes, and only the text (and OpenAI's padding) differs. Reading is a function of
//! the bytes; where all others are the same, the chunk is the one before with another text, and
//! comparing bytes costs a fraction of reading them.

use std::ops::Range;

use memchr::{memchr2, memmem};

use crate::chunk::ChatChunk;
use crate::client::json::is_plain;

/// What the chunks of a stream have in common.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    last: Option<Template>,
    /// How many chunks in a row were unlike the one before.
    misses: u32,
}

/// A chunk that was read, and where in its JSON the texts are that may differ.
#[derive(Debug)]
struct Template {
    json: Vec<u8>,
    content: Range<usize>,
    obfuscation: Option<Range<usize>>,
    /// Without these texts.
    chunk: ChatChunk,
}

impl Repeated {
    /// Reads a chunk, if it is like the one before.
    pub(super) fn read(&mut self, json: &[u8]) -> Option<ChatChunk> {
        let template = self.last.as_ref()?;
        let chunk = template.read(json);
        if chunk.is_some() {
            self.misses = 0;
        }
        chunk
    }

    /// Remembers a chunk that was not like the one before.
    pub(super) fn remember(&mut self, json: &[u8], chunk: &ChatChunk) {
        // What is large is read once; to look for its text again would cost as much.
        if json.len() > LARGEST {
            return;
        }
        // A server that changes something each time does not make us try for ever.
        if self.misses == MOST_MISSES {
            self.last = None;
            return;
        }
        match (Template::new(json, chunk), &self.last) {
            // A text with an escape in it is no sign that the others are written otherwise.
            (None, Some(last)) if json.starts_with(last.head()) => {}
            (template, _) => {
                self.misses += 1;
                self.last = template;
            }
        }
    }
}

impl Template {
    fn new(json: &[u8], chunk: &ChatChunk) -> Option<Self> {
        let [choice] = &chunk.choices[..] else { return None };
        let content = literal(json, b"\"content\":\"", choice.delta.content.as_deref()?)?;
        let obfuscation = match chunk.obfuscation.as_deref() {
            Some(text) => Some(literal(json, b"\"obfuscation\":\"", text)?),
            None => None,
        };
        // One after the other, or the texts between them are not where they are looked for.
        if obfuscation.as_ref().is_some_and(|it| it.start < content.end) {
            return None;
        }
        let mut chunk = chunk.clone();
        chunk.choices[0].delta.content = None;
        chunk.obfuscation = None;
        Some(Self { json: json.to_vec(), content, obfuscation, chunk })
    }

    /// What comes before the text.
    fn head(&self) -> &[u8] {
        &self.json[..self.content.start]
    }

    fn read(&self, json: &[u8]) -> Option<ChatChunk> {
        let mut rest = json.strip_prefix(self.head())?;
        let content = take_literal(&mut rest)?;
        let mut end = self.content.end;
        let mut obfuscation = None;
        if let Some(place) = &self.obfuscation {
            rest = rest.strip_prefix(&self.json[end..place.start])?;
            obfuscation = Some(take_literal(&mut rest)?.to_owned());
            end = place.end;
        }
        if rest != &self.json[end..] {
            return None;
        }
        let mut chunk = self.chunk.clone();
        chunk.choices[0].delta.content = Some(content.to_owned());
        chunk.obfuscation = obfuscation;
        Some(chunk)
    }
}

/// Where the text of a field is, if the field is there once and its text is written as it is.
fn literal(json: &[u8], field: &[u8], text: &str) -> Option<Range<usize>> {
    let name = &field[1..field.len() - 2];
    let mut names = memmem::find_iter(json, name);
    let (place, None) = (names.next()?, names.next()) else { return None };
    let start = place.checked_sub(1)?;
    let found = json.get(start..)?.starts_with(field);
    let start = start + field.len();
    let range = start..start + text.len();
    let is_plain = json.get(range.clone()) == Some(text.as_bytes()) && is_plain(text);
    (found && is_plain && json.get(range.end) == Some(&b'"')).then_some(range)
}

/// Takes a text up to its closing quote, if no escape is in it.
fn take_literal<'j>(rest: &mut &'j [u8]) -> Option<&'j str> {
    let end = memchr2(b'"', b'\\', rest)?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end..];
    (rest[0] == b'"' && is_plain(text)).then_some(text)
}

const MOST_MISSES: u32 = 4;
const LARGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn chunk(content: &Value, padding: &Value) -> String {
        json!({
            "id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "x": {"y": [1]},
            "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}],
            "obfuscation": padding,
        })
        .to_string()
    }

    /// Reads as the client does; says whether the chunk was like the one before.
    fn read(repeated: &mut Repeated, json: &str) -> (ChatChunk, bool) {
        if let Some(chunk) = repeated.read(json.as_bytes()) {
            return (chunk, true);
        }
        let chunk = serde_json::from_str(json).unwrap();
        repeated.remember(json.as_bytes(), &chunk);
        (chunk, false)
    }

    #[track_caller]
    fn check(first: &str, second: &str, is_like: bool) {
        let mut repeated = Repeated::default();
        let (_, is_first) = read(&mut repeated, first);
        assert!(!is_first);
        let (chunk, found) = read(&mut repeated, second);
        assert_eq!(found, is_like, "{second}");
        let expected: ChatChunk = serde_json::from_str(second).unwrap();
        assert_eq!(chunk, expected);
        let written = serde_json::to_value(&chunk).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(second).unwrap());
    }

    #[test]
    fn a_chunk_that_differs_in_its_text_alone_is_like_the_one_before() {
        let first = chunk(&json!("Hel"), &json!("ab"));
        check(&first, &chunk(&json!("lo, мир"), &json!("abcd")), true);
        check(&first, &chunk(&json!(""), &json!("")), true);
        let bare = chunk(&json!("Hel"), &Value::Null);
        check(&bare, &chunk(&json!("lo"), &Value::Null), true);
    }

    #[test]
    fn any_other_difference_and_any_escape_is_read_anew() {
        let first = chunk(&json!("Hel"), &json!("ab"));
        check(&first, &chunk(&json!("l\"o"), &json!("ab")), false);
        check(&first, &chunk(&json!("l\no"), &json!("ab")), false);
        check(&first, &chunk(&json!("lo"), &json!("a\\b")), false);
        check(&first, &chunk(&Value::Null, &json!("ab")), false);
        check(&first, &first.replace("\"created\":7", "\"created\":8"), false);
        check(&first, &first.replace("null", "\"stop\""), false);
        check(&chunk(&json!("a\\"), &json!("ab")), &first, false);
        // A second field of this name makes it unclear which is meant.
        let twice = first.replace("[1]", "{\"content\":\"Hel\"}");
        check(&twice, &twice.replace("Hel", "lo"), false);
    }

    #[test]
    fn texts_with_escapes_do_not_make_it_forget_what_the_others_are_like() {
        let mut repeated = Repeated::default();
        read(&mut repeated, &chunk(&json!("Hel"), &json!("ab")));
        for _ in 0..=MOST_MISSES {
            let (_, is_like) = read(&mut repeated, &chunk(&json!("\n"), &json!("ab")));
            assert!(!is_like);
        }
        let (_, is_like) = read(&mut repeated, &chunk(&json!("lo"), &json!("ab")));
        assert!(is_like);
    }

    #[test]
    fn bytes_that_are_no_json_are_left_to_those_who_tell_it() {
        let mut repeated = Repeated::default();
        let first = chunk(&json!("Hel"), &json!("ab"));
        read(&mut repeated, &first);
        for (from, to) in [("Hel", "l\u{1}o"), ("Hel\"", "lo"), ("Hel", "lo\\")] {
            assert!(repeated.read(first.replace(from, to).as_bytes()).is_none(), "{to}");
        }
        let broken: Vec<u8> = first.bytes().map(|it| if it == b'H' { 0xff } else { it }).collect();
        assert!(repeated.read(&broken).is_none());
        assert!(repeated.read(&first.as_bytes()[..first.len() - 1]).is_none());
    }

    #[test]
    fn a_server_that_never_repeats_itself_is_soon_believed() {
        let mut repeated = Repeated::default();
        for created in 0..9 {
            let json = chunk(&json!("a"), &json!("b")).replace("7", &created.to_string());
            read(&mut repeated, &json);
        }
        assert!(repeated.last.is_none());
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_never_depends_on_what_came_before(
            texts in proptest::collection::vec(("\\PC{0,6}|[\"\\\\\n]{1,3}|content\":\"", "[a-z\"]{0,3}"), 1..8),
        ) {
            let mut repeated = Repeated::default();
            for (content, padding) in &texts {
                let json = chunk(&json!(content), &json!(padding));
                let (chunk, _) = read(&mut repeated, &json);
                proptest::prop_assert_eq!(chunk, serde_json::from_str::<ChatChunk>(&json).unwrap());
            }
        }
    }
}
