//! From files of one shape to a file of another, at the speed of the disk.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use crate::dataset::{Dataset, Example, Preference};
use crate::error::{Error, Problem, Result};
use crate::read::{Batch, Reader, Record};
use crate::text::Problems;
use crate::write::{Format, Kind};

/// Writes what a [`Reader`] finds in the [`Format`] of another program, line by line.
///
/// Every record is checked on the way, and a fault anywhere keeps the whole from being used: see
/// [`to_file`](Self::to_file). Memory stays at a few MiB whatever the size, but for a set of
/// preferences that is made from single answers, which are kept until all are known.
///
/// # Examples
///
/// ```
/// use trainer::{Conversion, FileType, Format, Reader};
///
/// let reader = Reader::text("question,answer\nHow deep?,\"1,642 m\"\n", FileType::Csv);
/// let mut out = Vec::new();
/// let told = Conversion::new(reader, Format::ShareGpt)?.write_to(&mut out)?;
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
    ///
    /// # Errors
    ///
    /// None as yet; a later version may refuse what a format cannot hold.
    pub fn new(reader: Reader<'a>, format: Format) -> Result<Self> {
        Self::of_kind(reader, format, Kind::Supervised)
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
        let threads = NonZeroUsize::MIN;
        Ok(Self { reader, format, kind, threads, progress: None })
    }

    /// How many threads read and write beside the one that calls; by default none.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
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
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut draft = tempfile::Builder::new()
            .prefix(".attune-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(failed)?;
        let converted = self.run(draft.as_file_mut(), path)?;
        draft.as_file().sync_all().map_err(failed)?;
        draft.persist(path).map_err(|error| failed(error.error))?;
        #[cfg(unix)]
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(converted)
    }

    fn run(mut self, out: &mut dyn Write, path: &Path) -> Result<Converted> {
        let failed = |source| Error::Io { action: "write", path: path.to_owned(), source };
        let (format, kind) = (self.format, self.kind);
        let mut told = Converted::default();
        let mut problems = Problems::default();
        let mut answers = Dataset::default();
        let then = |chunk: Chunk| {
            told.add(&chunk);
            chunk.problems.into_iter().for_each(|problem| problems.push(problem));
            answers.examples.extend(chunk.answers);
            // What is known to be of no use is not written.
            if problems.is_empty() {
                out.write_all(&chunk.lines).map_err(failed)?;
            }
            if let Some(progress) = &mut self.progress {
                progress(told.bytes_read);
            }
            Ok(if problems.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let map = |batch: &Batch<'_>| Chunk::of(batch, format, kind);
        self.reader.map_batches(self.threads, map, then)?;
        problems.or_ok(())?;
        if kind == Kind::Preference {
            let set = answers.curate();
            told.unpaired = set.unpaired.len() as u64;
            let pairs = Chunk::of_pairs(set.preferences, format)?;
            told.written += pairs.written;
            told.bytes_written += pairs.lines.len() as u64;
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
            .finish_non_exhaustive()
    }
}

impl Converted {
    fn add(&mut self, chunk: &Chunk) {
        self.read += chunk.read;
        self.written += chunk.written;
        self.bytes_read += chunk.bytes_read;
        self.bytes_written += chunk.lines.len() as u64;
        self.has_tools |= chunk.has_tools;
    }
}

/// What comes of a batch.
#[derive(Default)]
struct Chunk {
    lines: Vec<u8>,
    read: u64,
    written: u64,
    bytes_read: u64,
    has_tools: bool,
    /// Single answers, of which preferences are made when all are known.
    answers: Vec<Example>,
    problems: Vec<Problem>,
}

impl Chunk {
    fn of(batch: &Batch<'_>, format: Format, kind: Kind) -> Self {
        let size = batch.len();
        let mut chunk = Self {
            // A little more than is read: the names of the fields come on top.
            lines: Vec::with_capacity(size + size / 2),
            bytes_read: size as u64,
            ..Self::default()
        };
        let _ = batch.for_each(&mut |place, record| {
            let record = match record {
                Ok(record) => record,
                Err(problem) => {
                    chunk.problems.push(problem);
                    return ControlFlow::Continue(());
                }
            };
            chunk.read += 1;
            match record {
                Record::Pair(pair) if kind == Kind::Preference => {
                    chunk.answers.push(pair.to_example().with_origin(place.origin()));
                }
                Record::Example(example) if kind == Kind::Preference => chunk.answers.push(example),
                record => match format.write(kind, &record, &mut chunk.lines) {
                    Ok(()) => {
                        chunk.written += 1;
                        chunk.has_tools |= has_tools(&record);
                    }
                    Err(fault) => chunk.problems.push(Problem::of(fault, place.origin())),
                },
            }
            ControlFlow::Continue(())
        });
        chunk
    }

    fn of_pairs(pairs: Vec<Preference>, format: Format) -> Result<Self> {
        let (mut chunk, mut problems) = (Self::default(), Problems::default());
        for pair in pairs {
            match format.write_preference(&pair, &mut chunk.lines) {
                Ok(()) => chunk.written += 1,
                Err(fault) => problems.push(Problem::of(fault, pair.origin)),
            }
        }
        problems.or_ok(chunk)
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
