//! Examples from CSV: [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) with headings.

mod columns;
mod quotes;

use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, StringRecord};
use openai_api::Message;

use crate::csv::columns::{Body, Columns};
use crate::csv::quotes::QuoteFault;
use crate::dataset::{Dataset, Example, Label, Origin};
use crate::error::{Error, Problem, Result};
use crate::messages;
use crate::text::{LineCounter, Problems, decode, place, read_file};

/// # CSV
///
/// The first line holds the headings, in any case and order; these sets are known:
///
/// | headings | example |
/// |---|---|
/// | `prompt`, `completion` | the question and its answer |
/// | `question`, `answer`, and `context` if present | the context stands before the question |
/// | `instruction`, `output`, and `input` if present | the input stands after the instruction |
/// | `instruction`, `response` | the question and its answer |
/// | `input`, `output` | the question and its answer |
/// | `messages` | a JSON array of messages that ends with the assistant's |
///
/// A column `system` begins the conversation; a column `label` (`positive` or `negative`, `true`
/// or `false`, `1` or `0`) goes before the label that the call names, which stands where the cell
/// is empty. Other columns are left alone, and so are rows whose cells are all empty. The
/// delimiter is a comma; a semicolon or a tab where only that makes known headings.
///
/// Cells are taken as they are: nothing is trimmed or escaped.
impl Dataset {
    /// Reads a CSV file whose rows are labelled `label`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::InvalidData`] with up to 20 faults, each
    /// with its line, if something in it cannot be used.
    pub fn from_csv_file(path: impl AsRef<Path>, label: Label) -> Result<Self> {
        let path = path.as_ref();
        parse(&read_file(path)?, Some(path), label)
    }

    /// Reads CSV text whose rows are labelled `label`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] with up to 20 faults, each with its line.
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
        parse(text.as_bytes(), None, label)
    }

    /// Reads all `*.csv` files of a folder, sorted by name, whose rows are labelled `label`.
    ///
    /// Folders within it are left alone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder or a file cannot be read, [`Error::InvalidData`] if there is no
    /// CSV file in it, or with up to 20 faults of its files.
    pub fn from_csv_dir(path: impl AsRef<Path>, label: Label) -> Result<Self> {
        let path = path.as_ref();
        let files = csv_files(path)?;
        if files.is_empty() {
            let message = "there is no CSV file in this folder; add one, or name another folder";
            return Err(Error::invalid_data(Problem::new(place(Some(path), 0), message)));
        }
        let (mut set, mut problems) = (Self::default(), Problems::default());
        for file in files {
            match Self::from_csv_file(&file, label) {
                Ok(more) => set.extend(more),
                Err(Error::InvalidData(found)) => problems.extend(found),
                Err(other) => return Err(other),
            }
        }
        problems.or_ok(set)
    }
}

fn csv_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Io { action: "read", path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        if is_csv && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the bytes of a CSV file.
fn parse(bytes: &[u8], file: Option<&Path>, label: Label) -> Result<Dataset> {
    let text = decode(bytes, file, "CSV").map_err(Error::invalid_data)?;
    let delimiter = delimiter(text);
    quotes::check(text.as_bytes(), delimiter)
        .map_err(|fault| Error::invalid_data(quote_problem(&fault, file)))?;

    let mut records = Records::new(text, delimiter);
    let Some((line, headings)) = records.next() else {
        return Err(Error::invalid_data(Problem::new(place(file, 0), "there is no heading")));
    };
    let columns = columns::find(headings.iter())
        .map_err(|message| Error::invalid_data(Problem::new(place(file, line), message)))?;

    let (mut set, mut problems) = (Dataset::default(), Problems::default());
    for (line, record) in records {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let origin = place(file, line);
        if record.len() != headings.len() {
            problems.push(Problem::new(origin, wrong_length(headings.len(), record.len())));
        } else {
            match example(&record, &columns, &headings, origin, label) {
                Ok(example) => set.examples.push(example),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_full() {
            break;
        }
    }
    let set = problems.or_ok(set)?;
    if set.is_empty() {
        let message = "there is a heading and no row below it; add a row for each example";
        return Err(Error::invalid_data(Problem::new(place(file, line), message)));
    }
    Ok(set)
}

/// The records of a text, each with the line on which it starts.
struct Records<'a> {
    text: &'a str,
    reader: csv::Reader<&'a [u8]>,
    lines: LineCounter,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        Self { text, reader, lines: LineCounter::default() }
    }
}

impl Iterator for Records<'_> {
    type Item = (u64, StringRecord);

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = ByteRecord::new();
        // Reading from memory cannot fail.
        if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        // The reader puts a record at the blank lines before it; the record itself comes after.
        let bytes = self.text.as_bytes();
        let mut start = record.position().map_or(0, |position| position.byte() as usize);
        while matches!(bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let line = self.lines.advance_to(bytes, start);
        Some((line, StringRecord::from_byte_record_lossy(record)))
    }
}

/// A comma, unless only a semicolon or a tab makes known headings.
fn delimiter(text: &str) -> u8 {
    let knows = |delimiter: &u8| {
        let headings = Records::new(text, *delimiter).next();
        headings.is_some_and(|(_, headings)| columns::find(headings.iter()).is_ok())
    };
    DELIMITERS.into_iter().find(knows).unwrap_or(b',')
}

fn example(
    record: &StringRecord,
    columns: &Columns,
    headings: &StringRecord,
    origin: Origin,
    label: Label,
) -> Result<Example, Vec<Problem>> {
    let mut problems = Vec::new();
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let name = |at: usize| headings.get(at).unwrap_or_default().trim().to_lowercase();
    let problem =
        |at: usize, message: &str| Problem::new(origin.clone().with_column(name(at)), message);

    let mut conversation = Vec::new();
    if let Some(at) = columns.system.filter(|at| !cell(*at).trim().is_empty()) {
        conversation.push(Message::system(cell(at)));
    }
    match columns.body {
        Body::Pair { before, prompt, after, completion } => {
            for at in [prompt, completion] {
                if cell(at).trim().is_empty() {
                    problems.push(problem(at, "the cell is empty; fill it or take the row out"));
                }
            }
            let parts = [before, Some(prompt), after].into_iter().flatten().map(cell);
            let parts: Vec<&str> = parts.filter(|part| !part.trim().is_empty()).collect();
            conversation.push(Message::user(parts.join("\n\n")));
            conversation.push(Message::assistant(cell(completion)));
        }
        Body::Messages(at) => {
            match messages::parse_cell(cell(at)).and_then(|found| {
                messages::check_conversation(&found).map_or(Ok(()), Err)?;
                Ok(found)
            }) {
                Ok(found) => conversation.extend(found),
                Err(fault) => problems.push(problem(at, &fault.to_string())),
            }
        }
    }
    let mut own_label = label;
    if let Some(at) = columns.label.filter(|at| !cell(*at).trim().is_empty()) {
        match Label::from_word(cell(at)) {
            Some(found) => own_label = found,
            None => problems.push(problem(at, Label::EXPECTED)),
        }
    }
    if problems.is_empty() {
        Ok(Example::new(conversation).with_label(own_label).with_origin(origin))
    } else {
        Err(problems)
    }
}

fn wrong_length(expected: usize, found: usize) -> String {
    let advice = if found > expected {
        "put a cell that holds a delimiter in quotes"
    } else {
        "add what is missing, or put a cell with a line break in quotes"
    };
    format!("expected {expected} fields, as in the heading, found {found}; {advice}")
}

fn quote_problem(fault: &QuoteFault, file: Option<&Path>) -> Problem {
    let (line, message) = match fault {
        QuoteFault::Unclosed { line } => (
            *line,
            "a quote opens here and is never closed; close it, or double it if it is meant as text"
                .to_owned(),
        ),
        QuoteFault::TextAfter { line, closed } => (
            *line,
            format!(
                "a quote opens here, closes on line {closed}, and text follows it; \
                 close it where the cell ends, and double each quote within the cell"
            ),
        ),
    };
    Problem::new(place(file, line), message)
}

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

#[cfg(test)]
mod tests;
