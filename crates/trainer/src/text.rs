//! From the bytes of a file to text, and a list of faults that does not grow without bound.

use std::path::Path;

use crate::dataset::Origin;
use crate::error::{Error, Problem, Result};

/// Reads a whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
    std::fs::read(path).map_err(failed)
}

/// The text of `bytes` without a byte order mark; a fault that says what the bytes are instead.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    file: Option<&Path>,
    wanted: &str,
) -> Result<&'a str, Problem> {
    let fault = |line, message: String| Problem::new(place(file, line), message);
    let whole = bytes.len();
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(fault(0, if file.is_some() { EMPTY_FILE } else { EMPTY_TEXT }.to_owned()));
    }
    for (start, name, advice) in OTHER_FORMATS {
        if bytes.starts_with(start) {
            return Err(fault(0, format!("this is {name}, not {wanted}; {advice}")));
        }
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let message = format!(
            "this is not {wanted}: byte {} of the file is a NUL; save the data as text in UTF-8",
            at + 1 + whole - bytes.len()
        );
        return Err(fault(line_at(bytes, at), message));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let in_line = at - bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |nl| nl + 1);
        let message = format!(
            "byte {} of the line (0x{:02x}) is not UTF-8; save the file in UTF-8",
            in_line + 1,
            bytes[at]
        );
        fault(line_at(bytes, at), message)
    })
}

/// A line of a file, or of text that was handed over.
pub(crate) fn place(file: Option<&Path>, line: u64) -> Origin {
    let origin = Origin::line(line);
    match file {
        Some(file) => origin.in_file(file),
        None => origin,
    }
}

/// Names of columns or fields, cut short: what stands in the place of a name may be data.
pub(crate) fn shown<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len() > MAX_SHOWN;
    let mut shown: Vec<&str> = names.take(MAX_SHOWN).map(shown_name).collect();
    if more {
        shown.push("…");
    }
    shown.join(", ")
}

fn shown_name(name: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    match name {
        "" => "(empty)",
        name if name.chars().count() <= MAX_NAME && name.chars().all(plain) => name,
        _ => "(text)",
    }
}

/// The line that the byte at `at` stands on, from 1.
fn line_at(bytes: &[u8], at: usize) -> u64 {
    let mut lines = LineCounter::default();
    lines.advance_to(bytes, at)
}

/// Counts lines forward: `\n`, `\r\n` and a lone `\r` each end one.
#[derive(Debug)]
pub(crate) struct LineCounter {
    at: usize,
    line: u64,
}

impl Default for LineCounter {
    fn default() -> Self {
        Self { at: 0, line: 1 }
    }
}

impl LineCounter {
    /// The line that the byte at `to` stands on; `to` must not go backwards.
    pub(crate) fn advance_to(&mut self, bytes: &[u8], to: usize) -> u64 {
        while self.at < to.min(bytes.len()) {
            let lone_return = bytes[self.at] == b'\r' && bytes.get(self.at + 1) != Some(&b'\n');
            self.line += u64::from(bytes[self.at] == b'\n' || lone_return);
            self.at += 1;
        }
        self.line
    }
}

/// The faults found so far; full after [`MAX_PROBLEMS`].
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a fault; one too many is dropped.
    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    /// Adds faults; those too many are dropped.
    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Whether looking for more is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_PROBLEMS
    }
    /// `value` if there is no fault.
    pub(crate) fn or_ok<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::InvalidData(self.0)) }
    }
}

const EMPTY_FILE: &str = "the file is empty";
const EMPTY_TEXT: &str = "the text is empty";

const BOM: &[u8] = b"\xef\xbb\xbf";

/// After so many faults, the file as a whole is the fault.
const MAX_PROBLEMS: usize = 20;

const MAX_SHOWN: usize = 12;
const MAX_NAME: usize = 32;

const OTHER_FORMATS: [(&[u8], &str, &str); 7] = [
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "export it as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export it as CSV in UTF-8"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"PAR1", "a Parquet file", "export it as CSV or JSONL"),
    (b"%PDF", "a PDF document", "export its data as CSV in UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "save the file in UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save the file in UTF-8"),
];
