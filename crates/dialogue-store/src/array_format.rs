//! The array of `{"role", "content", "sentiment"?}`: the form that dialogues are exchanged in.

use std::fmt;
use std::io::{self, BufReader, Read, Write};

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::turn::{Speaker, Turn, TurnSentiment};

/// Writes `turns`, an entry a line.
pub(crate) fn write(turns: &[Turn], mut writer: impl Write) -> io::Result<()> {
    writer.write_all(b"[")?;
    for (n, turn) in turns.iter().enumerate() {
        writer.write_all(if n == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut writer, &Entry(turn))?;
    }
    writer.write_all(if turns.is_empty() { b"]\n" } else { b"\n]\n" })?;
    writer.flush()
}

/// Reads turns, an entry at a time.
pub(crate) fn read(reader: impl Read) -> Result<Vec<Turn>> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(reader));
    let mut turns = Vec::new();
    let mut problem = None;
    let read = json
        .deserialize_seq(Entries { turns: &mut turns, problem: &mut problem })
        .and_then(|()| json.end());
    match (problem, read) {
        (Some(problem), _) => Err(problem),
        (None, Ok(())) => Ok(turns),
        (None, Err(error)) => Err(syntax(error)),
    }
}

/// One entry as it is written.
struct Entry<'a>(&'a Turn);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.0.speaker.as_str())?;
        map.serialize_entry("content", &self.0.text)?;
        if let Some(sentiment) = &self.0.sentiment {
            map.serialize_entry("sentiment", &sentiment.label)?;
        }
        map.end()
    }
}

/// Collects entries, and the first one that is not as it should be.
struct Entries<'a> {
    turns: &'a mut Vec<Turn>,
    problem: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of turns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(entry) = entries.next_element::<Value>()? {
            match turn(index, entry) {
                Ok(turn) => self.turns.extend(turn),
                Err(problem) => {
                    *self.problem = Some(problem);
                    return Err(de::Error::custom("an entry is not as it should be"));
                }
            }
            index += 1;
        }
        Ok(())
    }
}

/// The turn of an entry; `None` for a system turn without content.
fn turn(entry: usize, value: Value) -> Result<Option<Turn>> {
    let wrong = |field, problem| Error::Entry { entry, field, problem };
    let Value::Object(mut fields) = value else {
        return Err(wrong("role", "the entry is no object"));
    };
    let speaker = match fields.remove("role") {
        Some(Value::String(role)) if !role.is_empty() => Speaker::from(role),
        Some(Value::String(_)) => return Err(wrong("role", "it is empty")),
        Some(_) => return Err(wrong("role", "it is no string")),
        None => return Err(wrong("role", "it is missing")),
    };
    let text = match fields.remove("content") {
        Some(Value::String(text)) => text,
        // Written when no system instruction was set.
        Some(Value::Null) if speaker == Speaker::System => return Ok(None),
        Some(_) => return Err(wrong("content", "it is no string")),
        None => return Err(wrong("content", "it is missing")),
    };
    let sentiment = sentiment(&mut fields).map_err(|problem| wrong("sentiment", problem))?;
    let mut turn = Turn::new(speaker, text);
    turn.sentiment = sentiment;
    turn.attributes = fields;
    Ok(Some(turn))
}

fn sentiment(fields: &mut Map<String, Value>) -> Result<Option<TurnSentiment>, &'static str> {
    match fields.remove("sentiment") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(label)) if LABELS.contains(&label.as_str()) => {
            Ok(Some(TurnSentiment::new(label)))
        }
        Some(_) => Err("it is none of positive, negative and neutral"),
    }
}

fn syntax(error: serde_json::Error) -> Error {
    match error.classify() {
        Category::Io => Error::Stream { action: "import", source: error.into() },
        // This one quotes what it found, so it is not passed on.
        Category::Data => {
            Error::Syntax { line: error.line(), column: error.column(), source: None }
        }
        Category::Syntax | Category::Eof => {
            Error::Syntax { line: error.line(), column: error.column(), source: Some(error.into()) }
        }
    }
}

const LABELS: [&str; 3] = ["positive", "negative", "neutral"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_turn() -> impl Strategy<Value = Turn> {
        let label = prop::option::of(prop::sample::select(LABELS.to_vec()));
        (any::<String>(), any::<String>(), label).prop_map(|(role, text, label)| {
            let role = if role.is_empty() { "user".to_owned() } else { role };
            let mut turn = Turn::new(Speaker::from(role), text);
            turn.sentiment = label.map(TurnSentiment::new);
            turn
        })
    }

    fn facts(turns: &[Turn]) -> Vec<(Speaker, String, Option<TurnSentiment>)> {
        let facts = |it: &Turn| (it.speaker.clone(), it.text.clone(), it.sentiment.clone());
        turns.iter().map(facts).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(turns in prop::collection::vec(any_turn(), 0..12)) {
            let mut written = Vec::new();
            write(&turns, &mut written).unwrap();
            prop_assert_eq!(facts(&read(written.as_slice()).unwrap()), facts(&turns));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(turns) = read(bytes.as_slice()) {
                prop_assert!(turns.is_empty());
            }
        }

        #[test]
        fn json_with_a_hole_is_read_or_refused(
            turns in prop::collection::vec(any_turn(), 1..4),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            write(&turns, &mut bytes).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Err(error) = read(bytes.as_slice()) {
                let named = matches!(error, Error::Syntax { .. } | Error::Entry { .. });
                prop_assert!(named, "{error:?}");
            }
        }
    }

    #[test]
    fn errors_do_not_quote_what_was_said() {
        for text in
            ["\"secret\"", "[{\"role\": \"secret\"}]", "[{\"content\": \"secret\"", "secret"]
        {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
        }
    }
}
