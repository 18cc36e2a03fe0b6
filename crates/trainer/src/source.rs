//! Examples from wherever they lie: a file, a folder, or text in the hand.

use std::path::Path;

use crate::dataset::{Dataset, Label, Origin};
use crate::error::{Error, Problem, Result};
use crate::text::place;

impl Dataset {
    /// Reads a file by its extension (`.csv`, `.tsv`, `.jsonl`, `.ndjson`), or all CSV files of a
    /// folder. What does not say whether it is good or bad is labelled `label`.
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
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("csv" | "tsv") => Self::from_csv_file(path, label),
            Some("jsonl" | "ndjson") => Self::from_labelled_jsonl_file(path, label),
            _ => {
                let message = "the extension does not tell what the file holds; \
                               expected .csv, .tsv, .jsonl or .ndjson";
                Err(Error::invalid_data(Problem::new(place(Some(path), 0), message)))
            }
        }
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
        if data.trim_start().starts_with('{') {
            return Self::from_labelled_jsonl_text(data, label);
        }
        if data.contains(['\n', '\r']) {
            return Self::from_csv_text(data, label);
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
}

fn looks_like_path(data: &str) -> bool {
    let plain = data.len() <= 260 && !data.contains([',', ';', '"', '\t', '?', '!']);
    plain && !data.trim().is_empty() && (data.contains(['/', '\\', '.']) || !data.contains(' '))
}
