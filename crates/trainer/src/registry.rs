//! The ids of submitted jobs, in a file that many processes may write.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::job::JobId;
use crate::whole_file::{self, Readers};

/// Remembers submitted jobs in a JSON file, by custom `job_ids.json`.
///
/// The file is an array of objects with `id`, `description` and `created`. It is replaced as a
/// whole, so that a reader, or a crash, never leaves half of it; writers take turns by a lock on
/// a file beside it (`job_ids.json.lock`), also across processes. What others wrote into it,
/// layout and further fields included, stays as it is. Only the owner may read it.
///
/// Its methods block on the disk, and [`save`](Self::save) on other writers.
///
/// ```
/// use trainer::JobRegistry;
///
/// let folder = tempfile::tempdir()?;
/// let registry = JobRegistry::open(folder.path().join("job_ids.json"))?;
/// registry.save("ftjob-1", "the lake, first try")?;
/// assert_eq!(registry.list()?[0].description, "the lake, first try");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JobRegistry {
    path: PathBuf,
}

/// A job in a [`JobRegistry`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// What it was for, in the words of whoever submitted it.
    #[serde(default)]
    pub description: String,
    /// When it was saved, in seconds since the Unix epoch, with fractions.
    pub created: f64,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl JobRegistry {
    /// Opens the registry in `path`, which need not be there yet; its folder must.
    ///
    /// # Errors
    ///
    /// Those of [`list`](Self::list).
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        // Replacing a symbolic link would cut it off from its target.
        let registry = Self { path: path.canonicalize().unwrap_or(path) };
        registry.list()?;
        Ok(registry)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a job, created now.
    ///
    /// Once it returns, the job is on the disk.
    ///
    /// # Errors
    ///
    /// Those of [`list`](Self::list), and [`Error::Io`] if the file cannot be locked or written;
    /// nothing is changed then.
    pub fn save(&self, id: impl Into<JobId>, description: impl Into<String>) -> Result<JobRecord> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = JobRecord {
            id: id.into(),
            description: description.into(),
            created: since_epoch.as_secs_f64(),
            extra: Map::new(),
        };
        // The lock ends when its file is closed.
        let _lock = self.lock()?;
        let bytes = self.read()?;
        self.parse(&bytes)?;
        self.replace(&appended(&bytes, &record)).map_err(|source| self.failed("write", source))?;
        Ok(record)
    }

    /// All jobs, in the order in which they were saved; none if the file is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::InvalidRegistry`] if it is not an array
    /// of jobs, or was cut off.
    pub fn list(&self) -> Result<Vec<JobRecord>> {
        self.parse(&self.read()?)
    }

    /// The file's bytes without a byte order mark, or an empty array.
    fn read(&self) -> Result<Vec<u8>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(bytes.strip_prefix(BOM).map(<[u8]>::to_vec).unwrap_or(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(b"[]".to_vec()),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Vec<JobRecord>> {
        serde_json::from_slice(bytes).map_err(|source| Error::InvalidRegistry {
            path: self.path.clone(),
            line: source.line(),
            column: source.column(),
            source,
        })
    }

    /// Waits until no other writer is at it.
    fn lock(&self) -> Result<File> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let locked = options.open(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| Error::Io { action: "lock", path, source })
    }

    /// Puts `bytes` in the place of the file, whole or not at all.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        whole_file::replace(&self.path, Readers::Owner, |e| e, |file| file.write_all(bytes))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Error {
        Error::Io { action, path: self.path.clone(), source }
    }
}

/// The array in `bytes` with one more record; all else as it was.
fn appended(bytes: &[u8], record: &JobRecord) -> Vec<u8> {
    let trimmed = bytes.trim_ascii_end();
    let list = trimmed.strip_suffix(b"]").unwrap_or(trimmed).trim_ascii_end();
    let mut out = list.to_vec();
    if !list.ends_with(b"[") {
        out.push(b',');
    }
    out.extend_from_slice(b"\n    ");
    out.extend_from_slice(serde_json::json!(record).to_string().as_bytes());
    out.extend_from_slice(b"\n]\n");
    out
}

const BOM: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn registry() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job_ids.json");
        (folder, path)
    }

    fn ids(registry: &JobRegistry) -> Vec<String> {
        registry.list().unwrap().iter().map(|record| record.id.to_string()).collect()
    }

    #[test]
    fn save_job_id_appends_to_the_array_of_the_original() {
        let (_folder, path) = registry();
        std::fs::write(
            &path,
            r#"[{"id": "ftjob-1", "description": "озеро", "created": 1700000000.1234567}]"#,
        )
        .unwrap();
        let record = JobRegistry::open(&path).unwrap().save("ftjob-2", "second").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("1700000000.1234567"), "{text}");
        let values: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(values[1]["id"], "ftjob-2");
        assert_eq!(values[1]["description"], "second");
        assert_eq!(values[1]["created"].as_f64(), Some(record.created));
        assert_eq!(values[1].as_object().unwrap().len(), 3);
    }

    #[test]
    fn a_missing_file_is_an_empty_list() {
        let (_folder, path) = registry();
        let registry = JobRegistry::open(&path).unwrap();
        assert_eq!(registry.list().unwrap(), []);
        registry.save("a", "").unwrap();
        registry.save("b", "").unwrap();
        assert_eq!(ids(&registry), ["a", "b"]);
    }

    #[test]
    fn fields_of_others_are_kept() {
        let (_folder, path) = registry();
        std::fs::write(&path, "[\n{\"id\":\"a\",\"created\":1,\"by\":{\"x\":[1]}}\n]").unwrap();
        let registry = JobRegistry::open(&path).unwrap();
        registry.save("b", "").unwrap();
        assert_eq!(registry.list().unwrap()[0].extra["by"]["x"][0], 1);
    }

    #[test]
    fn a_broken_file_is_named_with_line_and_column_and_left_as_it_is() {
        #[track_caller]
        fn check(text: &str, expected: Expect) {
            let (folder, path) = registry();
            std::fs::write(&path, text).unwrap();
            let unchecked = JobRegistry { path: path.clone() };
            let error = unchecked.save("new", "").unwrap_err();
            assert_eq!(JobRegistry::open(&path).unwrap_err().to_string(), error.to_string());
            let cause = std::error::Error::source(&error).unwrap();
            let shown = format!("{error}: {cause}");
            expected.assert_eq(&shown.replace(&*folder.path().to_string_lossy(), "…"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        check(
            "",
            expect![
                "…/job_ids.json, line 1, column 0: not an array of jobs; mend it or move it away: EOF while parsing a value at line 1 column 0"
            ],
        );
        check(
            "[\n  {\"id\": \"a\", \"created\": 1},\n  {\"id\": \"b\", \"cre",
            expect![
                "…/job_ids.json, line 3, column 18: not an array of jobs; mend it or move it away: EOF while parsing a string at line 3 column 18"
            ],
        );
        check(
            "{\"id\": \"a\"}",
            expect![
                "…/job_ids.json, line 1, column 0: not an array of jobs; mend it or move it away: invalid type: map, expected a sequence at line 1 column 0"
            ],
        );
        check(
            "[{\"id\": 7, \"created\": 1}]",
            expect![
                "…/job_ids.json, line 1, column 9: not an array of jobs; mend it or move it away: invalid type: integer `7`, expected a string at line 1 column 9"
            ],
        );
        check(
            "[{\"description\": \"no id\", \"created\": 1}]",
            expect![
                "…/job_ids.json, line 1, column 39: not an array of jobs; mend it or move it away: missing field `id` at line 1 column 39"
            ],
        );
        check(
            "[] []",
            expect![
                "…/job_ids.json, line 1, column 4: not an array of jobs; mend it or move it away: trailing characters at line 1 column 4"
            ],
        );
    }

    #[test]
    fn many_writers_lose_no_record() {
        let (_folder, path) = registry();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    // An own handle each, with an own lock, as another process has it.
                    for turn in 0..25 {
                        let registry = JobRegistry::open(path).unwrap();
                        registry.save(format!("{writer}-{turn}"), "").unwrap();
                    }
                });
            }
        });
        let mut found = ids(&JobRegistry::open(&path).unwrap());
        found.sort();
        let mut expected: Vec<_> =
            (0..8).flat_map(|w| (0..25).map(move |t| format!("{w}-{t}"))).collect();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_writer_waits_for_the_lock_of_another() {
        let (_folder, path) = registry();
        let registry = JobRegistry::open(&path).unwrap();
        let lock = registry.lock().unwrap();
        let (started, waits) = std::sync::mpsc::channel();
        let writer = std::thread::spawn({
            let registry = registry.clone();
            move || {
                started.send(()).unwrap();
                registry.save("late", "").unwrap();
            }
        });
        waits.recv().unwrap();
        std::fs::write(&path, "[{\"id\":\"early\",\"created\":1}]").unwrap();
        drop(lock);
        writer.join().unwrap();
        assert_eq!(ids(&registry), ["early", "late"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = registry();
        JobRegistry::open(&path).unwrap().save("a", "").unwrap();
        for path in [path.clone(), path.with_extension("json.lock")] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_one() {
        let (folder, path) = registry();
        std::fs::write(&path, "[]").unwrap();
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        JobRegistry::open(&link).unwrap().save("a", "").unwrap();
        assert!(link.is_symlink());
        assert_eq!(ids(&JobRegistry::open(&path).unwrap()), ["a"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let (folder, _) = registry();
        let registry = JobRegistry::open(folder.path().join("no/job_ids.json")).unwrap();
        assert!(matches!(registry.save("a", ""), Err(Error::Io { action: "lock", .. })));
    }
}
