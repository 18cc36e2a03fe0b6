//! From files of one shape to a file of another, at the speed of the disk.

mod redact;

use std::fmt;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use crate::dataset::{Dataset, Example, Preference};
use crate::error::{Error, Problem, Result};
use crate::read::{Batch, Pool, Reader, Record};
use crate::scan::exact::{Exact, key};
use crate::scan::personal::Redactor;
use crate::text::Problems;
use crate::whole_file::{self, Readers};
use crate::write::{Format, Kind};

/// Writes what a [`Reader`] finds in the [`Format`] of another program, line by line.
///
/// Every record is checked on the way, and a fault anywhere keeps the whole from being used: see
/// [`to_file`](Self::to_file). What rides along under a name that the format has a meaning for is
/// left out. Memory stays at a few MiB whatever the size, but for a set of
/// preferences that is made from single answers, which are kept until all are known.
///
/// # Examples
///
/// ```
/// use trainer::{Conversion, FileType, Format, Reader};
///
/// let reader = Reader::text("question,answer\nHow deep?,\"1,642 m\"\n", FileType::Csv);
/// let mut out = Vec::new();
/// let told = Conversion::new(reader, Format::ShareGpt).write_to(&mut out)?;
/// assert_eq!(told.written, 1);
/// assert_eq!(
///     String::from_utf8_lossy(&out),
///     "{\"conversations\":[{\"from\":\"human\",\"value\":\"How deep?\"},\
///      {\"from\":\"gpt\",\"value\":\"1,642 m\"}]}\n",
/// );
/// # Ok::<(), trainer::Error>(())
/// ```
pub struct Conversion<'a> {
    reader: Reader<'a>,
    format: Format,
    kind: Kind,
    threads: NonZeroUsize,
    is_once: bool,
    redactor: Option<Redactor>,
    progress: Option<Box<dyn FnMut(u64) + 'a>>,
}

/// What became of a conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// How many records were read.
    pub read: u64,
    /// How many lines were written.
    pub written: u64,
    /// How many records say what an earlier one says, and were left out.
    pub duplicates: u64,
    /// How many records had something personal or secret in them that was taken out.
    pub redacted: u64,
    /// How many answers to avoid have no good one beside them, and so made no preference.
    pub unpaired: u64,
    /// How many bytes were read.
    pub bytes_read: u64,
    /// How many bytes were written.
    pub bytes_written: u64,
    /// Whether a record brings tools.
    pub has_tools: bool,
}

impl<'a> Conversion<'a> {
    /// Supervised examples in a format.
    #[must_use]
    pub fn new(reader: Reader<'a>, format: Format) -> Self {
        Self {
            reader,
            format,
            kind: Kind::Supervised,
            threads: NonZeroUsize::MIN,
            is_once: false,
            redactor: None,
            progress: None,
        }
    }

    /// A set of a kind in a format.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidJob`] if the format has no such files: OpenAI's and axolotl's none of
    /// unpaired answers.
    pub fn of_kind(reader: Reader<'a>, format: Format, kind: Kind) -> Result<Self> {
        if !format.offers(kind) {
            let problem =
                format!("{format} has no form for unpaired answers; take another, such as trl");
            return Err(Error::invalid_job("format", problem));
        }
        Ok(Self { kind, ..Self::new(reader, format) })
    }

    /// How many threads convert. With one, as by default, it is the one that calls; with more, that
    /// one reads and writes beside them, and `2 × threads + 1` blocks are in memory.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Leaves out every record whose line an earlier one has made already, at 29 bytes of memory
    /// for each that is left; see [`Exact`] for how sure that is.
    #[must_use]
    pub fn without_duplicates(mut self) -> Self {
        self.is_once = true;
        self
    }

    /// Puts a word such as `[EMAIL_1]` in the place of personal data and secrets, as
    /// [`Redactor`] does, the same one within an example for the same finding.
    #[must_use]
    pub fn redacted(mut self, redactor: Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// Is told now and then how many bytes of the input are done.
    #[must_use]
    pub fn with_progress(mut self, progress: impl FnMut(u64) + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Writes the lines to `out`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] with up to 20 faults, [`Error::Io`] if something cannot be read or
    /// written. What was written until then is not whole.
    pub fn write_to(self, mut out: impl Write) -> Result<Converted> {
        self.run(&mut out, Path::new("the output"))
    }

    /// Writes the lines to a file, which takes the place of an older one when all is well, and on
    /// the disk; else the older one stays as it is.
    ///
    /// # Errors
    ///
    /// Those of [`write_to`](Self::write_to).
    pub fn to_file(self, path: &Path) -> Result<Converted> {
        let failed = |source| Error::Io { action: "write", path: path.to_owned(), source };
        whole_file::replace(path, Readers::Usual, failed, |file| self.run(file, path))
    }

    fn run(mut self, out: &mut dyn Write, path: &Path) -> Result<Converted> {
        let failed = |source| Error::Io { action: "write", path: path.to_owned(), source };
        let how = How {
            format: self.format,
            kind: self.kind,
            is_once: self.is_once,
            redactor: self.redactor,
        };
        let (mut seen, pool) = (Exact::new(), Pool::<Vec<u8>>::default());
        let mut told = Converted::default();
        let mut problems = Problems::default();
        let mut answers = Dataset::default();
        let then = |mut chunk: Chunk| {
            chunk.leave_out(&mut seen);
            told.add(&chunk);
            chunk.problems.into_iter().for_each(|problem| problems.push(problem));
            answers.examples.extend(chunk.answers);
            // What is known to be of no use is not written.
            if problems.is_empty() {
                out.write_all(&chunk.lines).map_err(failed)?;
            }
            pool.give(chunk.lines);
            if let Some(progress) = &mut self.progress {
                progress(told.bytes_read);
            }
            Ok(if problems.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let map = |batch: &Batch<'_>| Chunk::of(batch, &how, pool.take());
        self.reader.map_batches(self.threads, map, then)?;
        problems.or_ok(())?;
        if how.kind == Kind::Preference {
            let set = answers.curate();
            told.unpaired = set.unpaired.len() as u64;
            let mut pairs = Chunk::of_pairs(set.preferences, &how)?;
            pairs.leave_out(&mut seen);
            told.add(&pairs);
            out.write_all(&pairs.lines).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        Ok(told)
    }
}

impl fmt::Debug for Conversion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversion")
            .field("reader", &self.reader)
            .field("format", &self.format)
            .field("kind", &self.kind)
            .field("threads", &self.threads)
            .field("is_once", &self.is_once)
            .finish_non_exhaustive()
    }
}

impl Converted {
    fn add(&mut self, chunk: &Chunk) {
        self.read += chunk.read;
        self.written += chunk.written;
        self.duplicates += chunk.duplicates;
        self.redacted += chunk.redacted;
        self.bytes_read += chunk.bytes_read;
        self.bytes_written += chunk.lines.len() as u64;
        self.has_tools |= chunk.has_tools;
    }
}

/// What is done with records.
struct How {
    format: Format,
    kind: Kind,
    is_once: bool,
    redactor: Option<Redactor>,
}

/// What comes of a batch.
#[derive(Default)]
struct Chunk {
    lines: Vec<u8>,
    /// Where each line ends, and what tells it from others; only where duplicates are left out.
    keys: Vec<(usize, u128)>,
    read: u64,
    written: u64,
    duplicates: u64,
    redacted: u64,
    bytes_read: u64,
    has_tools: bool,
    /// Single answers, of which preferences are made when all are known.
    answers: Vec<Example>,
    problems: Vec<Problem>,
}

impl Chunk {
    fn of(batch: &Batch<'_>, how: &How, mut lines: Vec<u8>) -> Self {
        let size = batch.len();
        lines.clear();
        // A little more than is read: the names of the fields come on top.
        lines.reserve(size + size / 2);
        let mut chunk = Self { lines, bytes_read: size as u64, ..Self::default() };
        let mut redactor = how.redactor.clone();
        let _ = batch.for_each(&mut |place, record| {
            let record = match record {
                Ok(record) => chunk.redacted(record, redactor.as_mut()),
                Err(problem) => return chunk.refuse(problem),
            };
            chunk.read += 1;
            match record {
                Record::Pair(pair) if how.kind == Kind::Preference => {
                    chunk.answers.push(pair.to_example().with_origin(place.origin()));
                }
                Record::Example(example) if how.kind == Kind::Preference => {
                    chunk.answers.push(example);
                }
                record => {
                    let start = chunk.lines.len();
                    match how.format.write(how.kind, &record, &mut chunk.lines) {
                        Ok(()) => chunk.written(start, how.is_once, has_tools(&record)),
                        Err(fault) => return chunk.refuse(Problem::of(fault, place.origin())),
                    }
                }
            }
            ControlFlow::Continue(())
        });
        chunk
    }

    fn of_pairs(pairs: Vec<Preference>, how: &How) -> Result<Self> {
        let (mut chunk, mut problems) = (Self::default(), Problems::default());
        for pair in pairs {
            let start = chunk.lines.len();
            match how.format.write_preference(&pair, &mut chunk.lines) {
                Ok(()) => chunk.written(start, how.is_once, pair.extra.contains_key("tools")),
                Err(fault) => problems.push(Problem::of(fault, pair.origin)),
            }
        }
        problems.or_ok(chunk)
    }

    /// Keeps a fault; one more than are told is of no use.
    fn refuse(&mut self, problem: Problem) -> ControlFlow<()> {
        self.problems.push(problem);
        let is_full = self.problems.len() >= Problems::MOST;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A record as it is to be written.
    fn redacted<'a>(&mut self, record: Record<'a>, redactor: Option<&mut Redactor>) -> Record<'a> {
        let Some(redactor) = redactor else {
            return record;
        };
        let (record, is_changed) = redact::redacted(record, redactor);
        self.redacted += u64::from(is_changed);
        record
    }

    /// A line was added, from the byte `start` on.
    fn written(&mut self, start: usize, is_once: bool, has_tools: bool) {
        self.written += 1;
        self.has_tools |= has_tools;
        if is_once {
            self.keys.push((self.lines.len(), key(&self.lines[start..])));
        }
    }

    /// Leaves out the lines that were seen before, and closes the gaps.
    fn leave_out(&mut self, seen: &mut Exact) {
        let (mut start, mut kept) = (0, 0);
        for (end, key) in std::mem::take(&mut self.keys) {
            if seen.insert_key(key) {
                if kept < start {
                    self.lines.copy_within(start..end, kept);
                }
                kept += end - start;
            } else {
                self.written -= 1;
                self.duplicates += 1;
            }
            start = end;
        }
        if start > 0 {
            self.lines.truncate(kept);
        }
    }
}

fn has_tools(record: &Record<'_>) -> bool {
    match record {
        Record::Pair(_) => false,
        Record::Example(example) => example.extra.contains_key("tools"),
        Record::Preference(pair) => pair.extra.contains_key("tools"),
    }
}

#[cfg(test)]
mod tests;
