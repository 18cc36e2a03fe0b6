//! Sets from wherever they lie: a file, a folder, or text in the hand.

use std::ops::ControlFlow;
use std::path::Path;

use crate::dataset::{Dataset, Label, Origin};
use crate::error::{Error, Problem, Result};
use crate::read::{FileType, Reader, Record, files_of, place};
use crate::text::Problems;

impl Dataset {
    /// Keeps all that a reader finds, in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be read, [`Error::InvalidData`] with up to 20 faults, each
    /// with its line, if something in it cannot be used.
    pub fn from_reader(reader: &Reader<'_>) -> Result<Self> {
        let (mut set, mut problems) = (Self::default(), Problems::default());
        reader.for_each(|place, record| {
            match record {
                Ok(Record::Pair(pair)) => {
                    set.examples.push(pair.to_example().with_origin(place.origin()));
                }
                Ok(Record::Example(example)) => set.examples.push(example),
                Ok(Record::Preference(pair)) => set.preferences.push(*pair),
                Err(problem) => problems.push(problem),
            }
            if problems.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        problems.or_ok(set)
    }

    /// Reads a file by its extension (`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.json`), or all CSV
    /// files of a folder. What does not say whether it is good or bad is labelled `label`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if something cannot be read, [`Error::InvalidData`] if it cannot be used or
    /// the extension is another.
    pub fn from_path(path: impl AsRef<Path>, label: Label) -> Result<Self> {
        let path = path.as_ref();
        let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            return Self::from_csv_dir(path, label);
        }
        Self::from_reader(&Reader::open(&[path])?.with_label(label))
    }

    /// Reads `data`, which is CSV text, JSON Lines text, or the path of a file or folder.
    ///
    /// With a line break in it, or a `{` to begin with, it is text; else it is a path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] if it is neither or cannot be used, [`Error::Io`] if a file cannot
    /// be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::{Dataset, Label};
    ///
    /// let set = Dataset::from_data("prompt,completion\nhi,hello\n", Label::Positive)?;
    /// assert_eq!(set.len(), 1);
    /// assert!(Dataset::from_data("no-such-file.csv", Label::Positive).is_err());
    /// # Ok::<(), trainer::Error>(())
    /// ```
    pub fn from_data(data: &str, label: Label) -> Result<Self> {
        let text = |kind| Self::from_reader(&Reader::text(data, kind).with_label(label));
        if data.trim_start().starts_with('{') {
            return text(FileType::JsonLines);
        }
        if data.contains(['\n', '\r']) {
            return text(FileType::Csv);
        }
        let path = Path::new(data);
        if path.exists() {
            return Self::from_path(path, label);
        }
        // Text that lacks its line break must not be quoted; a path must be.
        let origin = if looks_like_path(data) { place(Some(path), 0) } else { Origin::default() };
        let message = "there is no such file or folder, and it is not CSV text either, \
                       which has a line of headings and a line break after it";
        Err(Error::invalid_data(Problem::new(origin, message)))
    }

    /// Reads a CSV file whose rows are labelled `label` where they do not say; the headings are
    /// those that [`Reader`] knows.
    ///
    /// # Errors
    ///
    /// Those of [`from_reader`](Self::from_reader).
    pub fn from_csv_file(path: impl AsRef<Path>, label: Label) -> Result<Self> {
        let path = path.as_ref().to_owned();
        Self::from_reader(&Reader::files([path], FileType::Csv).with_label(label))
    }

    /// Reads CSV text whose rows are labelled `label` where they do not say.
    ///
    /// # Errors
    ///
    /// Those of [`from_reader`](Self::from_reader).
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::{Dataset, Label};
    ///
    /// let text = "Question,Answer\n\"Where is it, exactly?\",In Siberia\n";
    /// let set = Dataset::from_csv_text(text, Label::Positive)?;
    /// assert_eq!(set.examples[0].messages[0].text(), "Where is it, exactly?");
    /// assert_eq!(set.examples[0].origin.line, 2);
    ///
    /// let error = Dataset::from_csv_text("prompt,completion\nhi,\"open\n", Label::Positive);
    /// assert!(error.unwrap_err().to_string().starts_with("data, line 2: a quote opens here"));
    /// # Ok::<(), trainer::Error>(())
    /// ```
    pub fn from_csv_text(text: &str, label: Label) -> Result<Self> {
        Self::from_reader(&Reader::text(text, FileType::Csv).with_label(label))
    }

    /// Reads all `*.csv` files of a folder, sorted by name, whose rows are labelled `label` where
    /// they do not say.
    ///
    /// Folders within it are left alone.
    ///
    /// # Errors
    ///
    /// Those of [`from_reader`](Self::from_reader), and [`Error::InvalidData`] if there is no CSV
    /// file in the folder.
    pub fn from_csv_dir(path: impl AsRef<Path>, label: Label) -> Result<Self> {
        let path = path.as_ref();
        let is_csv =
            |file: &Path| file.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let files = files_of(path, is_csv)?;
        if files.is_empty() {
            let message = "there is no CSV file in this folder; add one, or name another folder";
            return Err(Error::invalid_data(Problem::new(place(Some(path), 0), message)));
        }
        Self::from_reader(&Reader::files(files, FileType::Csv).with_label(label))
    }

    /// Reads a JSON Lines file; the objects are those that [`Reader`] knows.
    ///
    /// # Errors
    ///
    /// Those of [`from_reader`](Self::from_reader).
    pub fn from_jsonl_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_reader(&Reader::files([path.as_ref().to_owned()], FileType::JsonLines))
    }

    /// Reads JSON Lines text.
    ///
    /// # Errors
    ///
    /// Those of [`from_reader`](Self::from_reader).
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::Dataset;
    ///
    /// let text = r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":""}]}"#;
    /// assert_eq!(
    ///     Dataset::from_jsonl_text(text).unwrap_err().to_string(),
    ///     "data, line 1, column messages[1].content: is empty; there is nothing to learn",
    /// );
    /// ```
    pub fn from_jsonl_text(text: &str) -> Result<Self> {
        Self::from_reader(&Reader::text(text, FileType::JsonLines))
    }
}

fn looks_like_path(data: &str) -> bool {
    let plain = data.len() <= 260 && !data.contains([',', ';', '"', '\t', '?', '!']);
    plain && !data.trim().is_empty() && (data.contains(['/', '\\', '.']) || !data.contains(' '))
}
