//! LLaMA-Factory's list of the files that it knows.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Problem, Result};
use crate::read::place;
use crate::whole_file::{self, Readers};

/// Adds an [entry](crate::Format::entry) to a `dataset_info.json`, or puts it in the place of one
/// of that name; all else stays, and a file that is not there is made.
///
/// # Errors
///
/// [`Error::InvalidData`] if the file is not a JSON object, [`Error::Io`] if it cannot be read or
/// written; it is left as it is then.
pub fn add_to_dataset_info(path: &Path, name: &str, entry: Value) -> Result<()> {
    let failed = |action, source| Error::Io { action, path: path.to_owned(), source };
    let mut list: Map<String, Value> = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            let message = "this is not a JSON object of datasets; mend it or move it away";
            Error::invalid_data(Problem::new(place(Some(path), error.line() as u64), message))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(failed("read", error)),
    };
    list.insert(name.to_owned(), entry);
    let failed = |source| failed("write", source);
    whole_file::replace(path, Readers::Usual, failed, |file| {
        serde_json::to_writer_pretty(&mut *file, &list).map_err(io::Error::from).map_err(failed)?;
        file.write_all(b"\n").map_err(failed)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_added_or_replaced_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dataset_info.json");
        let read = || -> Value { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
        add_to_dataset_info(&path, "a", json!({ "file_name": "a.jsonl" })).unwrap();
        add_to_dataset_info(&path, "b", json!(1)).unwrap();
        add_to_dataset_info(&path, "b", json!(2)).unwrap();
        assert_eq!(read(), json!({ "a": { "file_name": "a.jsonl" }, "b": 2 }));
    }

    #[test]
    fn a_file_that_is_something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dataset_info.json");
        std::fs::write(&path, "{\n\"a\": ").unwrap();
        let error = add_to_dataset_info(&path, "b", json!(2)).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "line 2: this is not a JSON object of datasets; mend it or move it away"
            ),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n\"a\": ");
    }
}
