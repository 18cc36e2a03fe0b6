//! The catalogue of assistants: a JSON file.

use std::path::{Path, PathBuf};

use openai_api::AssistantObject;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The assistants of a catalogue file, in the file's order.
///
/// The file is a JSON array of objects with `name` and `id`, and where wanted `instructions`,
/// `model`, `description` and anything else; what is not known is kept.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("assistants.json");
/// std::fs::write(&path, r#"[{"name": "Editor", "id": "asst_1", "instructions": "Be brief."}]"#)?;
/// let assistants = facade::Assistants::load(&path)?;
/// assert_eq!(assistants.names(), ["Editor"]);
/// assert_eq!(assistants.get("asst_1").unwrap().instructions.as_deref(), Some("Be brief."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assistants {
    entries: Vec<AssistantObject>,
}

impl Assistants {
    /// Reads a catalogue file.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] if the file is no JSON array, or an entry has no name or id, an id
    /// that stands twice, or a field of the wrong type; it names file, line and field.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            action: "read the assistants in",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// The names, in the file's order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().filter_map(|entry| entry.name.as_deref()).collect()
    }

    /// The assistants, in the file's order.
    #[must_use]
    pub fn entries(&self) -> &[AssistantObject] {
        &self.entries
    }

    /// The assistant with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&AssistantObject> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let raw: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
            let problem = format!("is not a JSON array of assistants: {error}");
            fault(path, error.line(), None, problem)
        })?;
        let mut entries: Vec<AssistantObject> = Vec::with_capacity(raw.len());
        for value in raw {
            let line = line_of(text, value.get());
            let entry =
                read_entry(value.get()).map_err(|(field, what)| fault(path, line, field, what))?;
            if entries.iter().any(|earlier| earlier.id == entry.id) {
                let problem = "stands twice; give each assistant an id of its own".to_owned();
                return Err(fault(path, line, Some("id"), problem));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }
}

type Fault = (Option<&'static str>, String);

fn read_entry(json: &str) -> Result<AssistantObject, Fault> {
    let mut fields: Map<String, Value> =
        serde_json::from_str(json).map_err(|_| (None, "is not a JSON object".to_owned()))?;
    let mut entry = AssistantObject::new(required(&mut fields, "id")?);
    entry.name = Some(required(&mut fields, "name")?);
    entry.instructions = optional(&mut fields, "instructions")?;
    entry.description = optional(&mut fields, "description")?;
    entry.model = optional(&mut fields, "model")?.map(Into::into);
    entry.extra = fields;
    Ok(entry)
}

fn required(fields: &mut Map<String, Value>, field: &'static str) -> Result<String, Fault> {
    match optional(fields, field)? {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err((Some(field), "is missing; each assistant needs a name and an id".to_owned())),
    }
}

fn optional(fields: &mut Map<String, Value>, field: &'static str) -> Result<Option<String>, Fault> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Option::<String>::deserialize(&value)
            .map_err(|_| (Some(field), "must be text in quotes".to_owned())),
    }
}

fn fault(path: &Path, line: usize, field: Option<&'static str>, problem: String) -> Error {
    Error::Catalogue { path: PathBuf::from(path), line, field, problem }
}

/// The line, from 1, on which `part` begins; `part` is a slice of `text`.
fn line_of(text: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check_fault(json: &str, expected: Expect) {
        let error = Assistants::parse(json, Path::new("assistants.json")).unwrap_err();
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn a_malformed_entry_is_named_by_file_line_and_field() {
        check_fault(
            "[\n  {\"name\": \"A\", \"id\": \"asst_1\"},\n  {\"name\": \"B\"}\n]",
            expect![
                "assistants.json, line 3, field id: is missing; each assistant needs a name and an id"
            ],
        );
        check_fault(
            "[\n{\"id\": \"asst_1\", \"name\": 7}]",
            expect!["assistants.json, line 2, field name: must be text in quotes"],
        );
        check_fault("[3]", expect!["assistants.json, line 1: is not a JSON object"]);
        check_fault(
            "[{\"name\":\"A\",\"id\":\"a\"},\n{\"name\":\"B\",\"id\":\"a\"}]",
            expect![
                "assistants.json, line 2, field id: stands twice; give each assistant an id of its own"
            ],
        );
    }

    #[test]
    fn a_file_cut_in_half_is_named_with_the_line() {
        check_fault(
            "[\n{\"name\": \"A\", ",
            expect![
                "assistants.json, line 2: is not a JSON array of assistants: EOF while parsing an object at line 2 column 14"
            ],
        );
    }

    #[test]
    fn fields_that_are_not_known_are_kept() {
        let json = r#"[{"name":"A","id":"a","tools":["x"]}]"#;
        let assistants = Assistants::parse(json, Path::new("a.json")).unwrap();
        assert_eq!(assistants.get("a").unwrap().extra["tools"][0], "x");
    }
}
