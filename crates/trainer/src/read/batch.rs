//! The records of a block.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::{memchr, memrchr};

use crate::dataset::Label;
use crate::error::{Error, Problem, Result};
use crate::read::FileType;
use crate::read::blocks::{Block, Blocks, Cut, MAX_RECORD, Stop};
use crate::read::cells;
use crate::read::elements::{self, Scanner};
use crate::read::input::Input;
use crate::read::place::{Lines, Place, place};
use crate::read::record::Record;
use crate::read::rows::Table;
use crate::read::shapes;

/// Who hears of records and faults.
pub(crate) type Each<'e> =
    &'e mut dyn FnMut(Place<'_>, Result<Record<'_>, Problem>) -> ControlFlow<()>;

/// How a file is read.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    file: Option<&'a Path>,
    label: Label,
    form: Form,
    /// Whether there was a record, or a fault.
    is_used: AtomicBool,
}

#[derive(Debug)]
enum Form {
    Csv(Table),
    Lines,
    /// Whether the values stand in an array.
    Values {
        is_array: bool,
    },
}

impl<'a> Plan<'a> {
    /// Looks at the beginning of a file; a problem if its headings or its first byte tell that it
    /// cannot be read.
    pub(crate) fn new<'i>(
        file: Option<&'a Path>,
        kind: FileType,
        label: Label,
        input: Input<'i>,
    ) -> Result<(Self, Blocks<'i>), Problem> {
        let first = input.head().iter().find(|byte| !byte.is_ascii_whitespace());
        let is_array = first == Some(&b'[');
        let (form, cut) = match kind {
            FileType::Csv => {
                let table = Table::of(input.head())
                    .map_err(|(line, message)| Problem::new(place(file, line), message))?;
                let cut = Cut::Record(table.delimiter());
                (Form::Csv(table), cut)
            }
            FileType::JsonLines if is_array => {
                let message = "this is a JSON array; JSON Lines has one object on each line, \
                               with no array around them";
                return Err(Problem::new(place(file, 1), message));
            }
            FileType::JsonLines => (Form::Lines, Cut::Line),
            FileType::Json => (Form::Values { is_array }, Cut::Element(Scanner::new())),
        };
        let is_used = AtomicBool::new(false);
        Ok((Self { file, label, form, is_used }, Blocks::new(input.into_read(), cut)))
    }

    /// What is wrong with a file of which all has been read and nothing was found.
    pub(crate) fn nothing(&self) -> Option<Problem> {
        if self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        let (line, message) = match &self.form {
            Form::Csv(table) => {
                (table.line(), "there is a heading and no row below it; add a row for each example")
            }
            Form::Lines => (0, "the file is empty"),
            Form::Values { .. } => {
                (0, "there is nothing in the array; add an object for each example")
            }
        };
        Some(Problem::new(place(self.file, line), message))
    }

    /// The file could not be read.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        let path = self.file.unwrap_or(Path::new("data")).to_owned();
        Error::Io { action: "read", path, source }
    }
}

/// The records of a block, or the fault of a file as a whole.
#[derive(Debug)]
pub(crate) enum Batch<'a> {
    Records { plan: &'a Plan<'a>, block: &'a Block, stop: Option<Stop> },
    Fault(Problem),
}

impl Batch<'_> {
    /// How many bytes of the file it is.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Records { block, .. } => block.bytes.len(),
            Self::Fault(_) => 0,
        }
    }

    /// Calls `each` with every record, or what is wrong with it, until it breaks off.
    pub(crate) fn for_each(&self, each: Each<'_>) -> ControlFlow<()> {
        match self {
            Self::Fault(problem) => {
                let lines = Lines::of_file(problem.origin.file.as_deref());
                each(Place::new(&lines, 0), Err(problem.clone()))
            }
            Self::Records { plan, block, stop } => {
                let lines = Lines::new(plan.file, block);
                let each: Each<'_> = &mut |place, record| {
                    plan.is_used.store(true, Ordering::Relaxed);
                    each(place, record)
                };
                let (text, fault) = plan.text_of(block, &lines);
                plan.records(text, block, &lines, each)?;
                if let Some((at, problem)) = fault {
                    each(Place::new(&lines, at), Err(problem))?;
                }
                if let Some(stop) = stop {
                    let at = block.bytes.len();
                    each(Place::new(&lines, at), Err(plan.stopped(*stop)))?;
                }
                ControlFlow::Continue(())
            }
        }
    }
}

impl Plan<'_> {
    /// The whole records of a block, up to the first byte that is no text, if there is one.
    fn text_of<'b>(
        &self,
        block: &'b Block,
        lines: &Lines<'_>,
    ) -> (&'b str, Option<(usize, Problem)>) {
        let bytes = &block.bytes;
        let text = match memchr(0, bytes) {
            None => simdutf8::basic::from_utf8(bytes).map_err(|_| 0),
            Some(at) => Err(at),
        };
        let nul = match text {
            Ok(text) => return (text, None),
            Err(nul) => nul,
        };
        // Only the slower function of the two says where.
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let at = if bytes.get(nul) == Some(&0) { valid.min(nul) } else { valid };
        let byte = bytes.get(at).copied().unwrap_or_default();
        let in_line = at - bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |nl| nl + 1) + 1;
        let message = match byte {
            0 => format!(
                "this is not {}: byte {in_line} of the line is a NUL; save the data as text in UTF-8",
                self.kind().name()
            ),
            _ => format!(
                "byte {in_line} of the line (0x{byte:02x}) is not UTF-8; save the file in UTF-8"
            ),
        };
        let problem = Problem::new(place(self.file, lines.line_at(at)), message);
        let whole = match &self.form {
            Form::Csv(table) => cells::last_end(&bytes[..at], table.delimiter(), false).at,
            Form::Lines => memrchr(b'\n', &bytes[..at]).map_or(0, |at| at + 1),
            // The values themselves tell where they end.
            Form::Values { .. } => at,
        };
        (std::str::from_utf8(&bytes[..whole]).unwrap_or_default(), Some((at, problem)))
    }

    fn kind(&self) -> FileType {
        match self.form {
            Form::Csv(_) => FileType::Csv,
            Form::Lines => FileType::JsonLines,
            Form::Values { .. } => FileType::Json,
        }
    }

    fn records(
        &self,
        text: &str,
        block: &Block,
        lines: &Lines<'_>,
        each: Each<'_>,
    ) -> ControlFlow<()> {
        let is_first = block.offset == 0;
        match &self.form {
            Form::Csv(table) => table.records(text, is_first, self.label, lines, each),
            Form::Lines => {
                let mut at = 0;
                for line in text.split_inclusive('\n') {
                    if !line.trim().is_empty() {
                        self.value(line.trim_end_matches(['\n', '\r']), at, lines, each)?;
                    }
                    at += line.len();
                }
                ControlFlow::Continue(())
            }
            Form::Values { is_array } => elements::values(text, *is_array && is_first)
                .try_for_each(|(at, value)| self.value(value, at, lines, each)),
        }
    }

    /// Reads a JSON value that starts at the byte `at`.
    fn value(&self, text: &str, at: usize, lines: &Lines<'_>, each: Each<'_>) -> ControlFlow<()> {
        let at = Place::new(lines, at);
        let record = match shapes::read(text, self.label) {
            Ok(Record::Example(example)) => Ok(Record::Example(example.with_origin(at.origin()))),
            Ok(Record::Preference(mut pair)) => {
                pair.origin = at.origin();
                Ok(Record::Preference(pair))
            }
            Ok(record) => Ok(record),
            Err(fault) => Err(Problem::of(fault, at.origin())),
        };
        each(at, record)
    }

    /// Why the rest cannot be read.
    fn stopped(&self, stop: Stop) -> Problem {
        let (line, message) = match stop {
            Stop::Quote { line, closed: None } => (line, cells::UNCLOSED.to_owned()),
            Stop::Quote { line, closed: Some(closed) } => (line, cells::text_after(closed)),
            Stop::Json { line, message } => (line, message.to_owned()),
            Stop::TooLong { line } => (
                line,
                format!(
                    "the record that starts here is larger than {} MiB; is a quote left open?",
                    MAX_RECORD >> 20
                ),
            ),
        };
        Problem::new(place(self.file, line), message)
    }
}
