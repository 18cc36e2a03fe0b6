//! Records from files, folders and text: one after the other, and in bounded memory.

mod batch;
mod blocks;
mod cells;
mod columns;
mod elements;
mod in_order;
mod input;
mod place;
mod pool;
mod record;
mod rows;
mod shapes;
mod text;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::dataset::Label;
use crate::error::{Error, Problem, Result};
use crate::read::batch::Plan;
use crate::read::blocks::{Block, Blocks};
use crate::read::input::{Input, Source};

pub(crate) use crate::read::batch::Batch;
pub use crate::read::place::Place;
pub(crate) use crate::read::place::place;
pub(crate) use crate::read::pool::Pool;
pub use crate::read::record::{Pair, Record};
pub use crate::read::text::Text;

/// Reads records from files, folders and text, in order, and keeps no more than a few blocks of half a
/// MiB in memory, but for a record that is larger itself: up to 64 MiB.
///
/// # CSV
///
/// The first line holds the headings, in any case and order; these sets are known:
///
/// | headings | record |
/// |---|---|
/// | `prompt`, `completion` | the question and its answer |
/// | `question`, `answer`, and `context` if present | the context stands before the question |
/// | `instruction`, `output`, and `input` if present | the input stands after the instruction |
/// | `instruction`, `response` | the question and its answer |
/// | `input`, `output` | the question and its answer |
/// | `prompt`, `chosen`, `rejected` | a preference |
/// | `text`, `label` | a text and the class it belongs to, which is the answer |
/// | `messages` | a JSON array of messages that ends with the assistant's |
///
/// A column `system` begins the conversation; a column `label`, or `kto_tag` (`positive` or
/// `negative`, `true` or `false`, `1` or `0`) goes before the reader's label, which stands where
/// the cell is empty. Other columns are left alone, and so are rows whose cells are all empty. The
/// delimiter is a comma; a semicolon or a tab where only that makes known headings.
///
/// Cells are taken as they are: nothing is trimmed or escaped.
///
/// # JSON Lines and JSON
///
/// One object on each line, or an array of objects. An object has one of these shapes:
///
/// | fields | record | known from |
/// |---|---|---|
/// | `messages` | a conversation that ends with the assistant's answer | OpenAI, TRL |
/// | `input.messages`, `preferred_output`, `non_preferred_output` | a preference | OpenAI |
/// | `prompt`, `completion`: strings or messages | a question and its answer | TRL |
/// | `messages`, `chosen`, `rejected` | a preference | axolotl |
/// | `chosen`, `rejected`, and `prompt` if they do not hold it: strings or messages | a preference | TRL |
/// | `conversations` of `from` and `value`, `system` if present | a conversation | ShareGPT |
/// | `conversations`, `chosen`, `rejected` | a preference | LLaMA-Factory |
/// | `instruction`, `output`, and `input`, `system`, `history` if present | a conversation | Alpaca |
/// | `instruction`, `chosen`, `rejected` | a preference | LLaMA-Factory |
/// | `question`, `answer`; `instruction`, `response`; `input`, `output` | a question and its answer | |
///
/// A field `label` or `kto_tag` (`true` or `false`, `1` or `0`, `"positive"` or `"negative"`)
/// says whether the answer is one to learn. Further fields, of an OpenAI preference those of
/// `input`, are kept in `extra`.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use trainer::{Label, Reader, Record};
///
/// let text = "prompt,completion\nhi,hello\n\"who, me?\",yes\n";
/// let reader = Reader::text(text, trainer::FileType::Csv);
/// let mut answers = Vec::new();
/// reader.for_each(|place, record| {
///     if let Ok(Record::Pair(pair)) = record {
///         answers.push((place.line(), pair.completion.decode().into_owned()));
///     }
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(answers, [(2, "hello".to_owned()), (3, "yes".to_owned())]);
/// # Ok::<(), trainer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    sources: Vec<(Source<'a>, FileType)>,
    label: Label,
}

/// How records lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileType {
    /// Comma-separated values, or others, with headings.
    Csv,
    /// One JSON object on each line.
    JsonLines,
    /// A JSON array of objects, or objects one after another.
    Json,
}

impl FileType {
    /// What the extension of a file says: `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json`.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::Json => "JSON",
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads files by their extension, and of folders all files whose extension is known, sorted
    /// by name; folders within a folder are left alone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a path cannot be looked at, [`Error::InvalidData`] if an extension does
    /// not tell what a file holds, or a folder has no such file.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut sources = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
            if !std::fs::metadata(path).map_err(failed)?.is_dir() {
                let kind = FileType::of(path).ok_or_else(|| unknown_extension(path))?;
                sources.push((Source::File(path.to_owned()), kind));
                continue;
            }
            // LLaMA-Factory's list of files lies beside them, and is none.
            let is_list = |file: &Path| file.file_name().is_some_and(|n| n == "dataset_info.json");
            let files = files_of(path, |file| FileType::of(file).is_some() && !is_list(file))?;
            if files.is_empty() {
                let message = "there is no file with an extension that is known in this folder; \
                               expected .csv, .tsv, .jsonl, .ndjson or .json";
                return Err(Error::invalid_data(Problem::new(place(Some(path), 0), message)));
            }
            let known = files.into_iter().filter_map(|file| {
                let kind = FileType::of(&file)?;
                Some((Source::File(file), kind))
            });
            sources.extend(known);
        }
        Ok(Self { sources, label: Label::Positive })
    }

    /// Reads files of a type, whatever their extensions.
    pub fn files(paths: impl IntoIterator<Item = PathBuf>, kind: FileType) -> Self {
        let sources = paths.into_iter().map(|path| (Source::File(path), kind)).collect();
        Self { sources, label: Label::Positive }
    }

    /// Reads text that is in the hand.
    pub fn text(text: &'a (impl AsRef<[u8]> + ?Sized), kind: FileType) -> Self {
        let source = Source::Text(text.as_ref(), None);
        Self { sources: vec![(source, kind)], label: Label::Positive }
    }

    /// Names the file that the text in the hand came from, for places and faults; files have names
    /// of their own.
    #[must_use]
    pub fn named(mut self, path: &Path) -> Self {
        for (source, _) in &mut self.sources {
            if let Source::Text(_, name) = source {
                *name = Some(path.to_owned());
            }
        }
        self
    }

    /// Sets the label of what does not say whether it is good or bad; else positive.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// How many bytes the files and texts hold together; `None` if a file does not tell, as a pipe.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let sizes = self.sources.iter().map(|(source, _)| match source {
            Source::File(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
            }
            Source::Text(text, _) => Some(text.len() as u64),
        });
        sizes.sum()
    }

    /// Calls `each` with every record, or what is wrong with it, until it breaks off.
    ///
    /// A fault that leaves the rest of a file unreadable, such as a quote that is never closed, is
    /// the last of its file; the next file is read all the same. A byte that is not UTF-8 hides
    /// what follows it in the same half MiB.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be read.
    pub fn for_each(
        &self,
        mut each: impl FnMut(Place<'_>, Result<Record<'_>, Problem>) -> ControlFlow<()>,
    ) -> Result<()> {
        let map = |batch: &Batch<'_>| batch.for_each(&mut each);
        self.on_this_thread(map, Ok)
    }

    /// Calls `map` with blocks of records on `threads` threads, and `then` on this one with what
    /// came of each, in the order of the files, until it breaks off.
    ///
    /// With one thread all happens on this one. At most `2 × threads + 1` blocks are in memory.
    pub(crate) fn map_batches<T: Send>(
        &self,
        threads: NonZeroUsize,
        map: impl Fn(&Batch<'_>) -> T + Sync,
        mut then: impl FnMut(T) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if threads.get() == 1 {
            return self.on_this_thread(map, then);
        }
        let pool = Pool::<Block>::default();
        self.each_file(|opened| {
            let (plan, mut blocks) = match opened {
                Ok(opened) => opened,
                Err(problem) => return then(map(&Batch::Fault(problem))),
            };
            let read = || {
                let mut block = pool.take();
                let end = blocks.fill(&mut block).map_err(|e| plan.failed(e))?;
                Ok(((block, end.stop), end.is_last))
            };
            let map_block = |(block, stop): (Block, _)| {
                let mapped = map(&Batch::Records { plan: &plan, block: &block, stop });
                pool.give(block);
                mapped
            };
            let flow = in_order::run(threads, read, map_block, &mut then)?;
            match plan.nothing().filter(|_| flow.is_continue()) {
                Some(problem) => then(map(&Batch::Fault(problem))),
                None => Ok(flow),
            }
        })
    }

    fn on_this_thread<T>(
        &self,
        mut map: impl FnMut(&Batch<'_>) -> T,
        mut then: impl FnMut(T) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut block = Block::default();
        self.each_file(|opened| {
            let (plan, mut blocks) = match opened {
                Ok(opened) => opened,
                Err(problem) => return then(map(&Batch::Fault(problem))),
            };
            loop {
                let end = blocks.fill(&mut block).map_err(|e| plan.failed(e))?;
                let batch = Batch::Records { plan: &plan, block: &block, stop: end.stop };
                if then(map(&batch))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if end.is_last {
                    break;
                }
            }
            match plan.nothing() {
                Some(problem) => then(map(&Batch::Fault(problem))),
                None => Ok(ControlFlow::Continue(())),
            }
        })
    }

    /// Opens each file and hands its blocks on, or what keeps the file from being read as what it
    /// should be.
    fn each_file(
        &self,
        mut each: impl FnMut(Result<(Plan<'_>, Blocks<'_>), Problem>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        for (source, kind) in &self.sources {
            let opened = match Input::open(source, *kind)? {
                Ok(input) => Plan::new(source.file(), *kind, self.label, input),
                Err(problem) => Err(problem),
            };
            if each(opened)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The files of a folder that are wanted, sorted by name.
pub(crate) fn files_of(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Io { action: "read", path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_wanted(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unknown_extension(path: &Path) -> Error {
    let message = "the extension does not tell what the file holds; \
                   expected .csv, .tsv, .jsonl, .ndjson or .json";
    Error::invalid_data(Problem::new(place(Some(path), 0), message))
}

#[cfg(test)]
mod tests;
