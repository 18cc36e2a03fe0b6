//! Bytes of a file or of text in the hand, as UTF-8 without a byte order mark.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Problem, Result};
use crate::read::{FileType, place};

/// Where records come from.
#[derive(Clone)]
pub(crate) enum Source<'a> {
    /// A file.
    File(PathBuf),
    /// Text that was handed over, and the file it came from.
    Text(&'a [u8], Option<PathBuf>),
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(text, _) => write!(f, "{} bytes", text.len()),
        }
    }
}

impl Source<'_> {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_, path) => path.as_deref(),
        }
    }
}

/// Bytes to read, of which the first have been looked at.
pub(crate) struct Input<'a> {
    bytes: Box<dyn Read + Send + 'a>,
    head: Vec<u8>,
}

impl<'a> Input<'a> {
    /// Opens a source whose bytes should be of a type, or says what they are instead.
    ///
    /// UTF-16 with a byte order mark is read as what it says.
    pub(crate) fn open(source: &'a Source<'_>, wanted: FileType) -> Result<Result<Self, Problem>> {
        let failed = |error| Error::Io {
            action: "read",
            path: source.file().unwrap_or(Path::new("data")).to_owned(),
            source: error,
        };
        let bytes: Box<dyn Read + Send + 'a> = match source {
            Source::File(path) => Box::new(File::open(path).map_err(failed)?),
            Source::Text(text, _) => Box::new(Cursor::new(*text)),
        };
        let fault = |message| Ok(Err(Problem::new(place(source.file(), 0), message)));
        let opened = Self::sniff(bytes).map_err(failed)?;
        if opened.head.trim_ascii().is_empty() && opened.head.len() < HEAD {
            return fault(if source.file().is_some() { EMPTY_FILE } else { EMPTY_TEXT }.to_owned());
        }
        for (start, name, advice) in OTHER_FORMATS {
            if opened.head.starts_with(start) {
                return fault(format!("this is {name}, not {}; {advice}", wanted.name()));
            }
        }
        Ok(Ok(opened))
    }

    fn sniff(mut bytes: Box<dyn Read + Send + 'a>) -> io::Result<Self> {
        let mut head = Vec::new();
        bytes.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        if let Some(order) = ByteOrder::of(&head) {
            let all = Cursor::new(head.split_off(2)).chain(bytes);
            let decoded = Box::new(Utf16 { units: all, order, high: None, out: Vec::new(), at: 0 });
            return Self::sniff(decoded);
        }
        if head.starts_with(BOM) {
            head.drain(..BOM.len());
        }
        Ok(Self { bytes, head })
    }

    /// The first bytes, up to 64 KiB.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All bytes, from the first on.
    pub(crate) fn into_read(self) -> Box<dyn Read + Send + 'a> {
        Box::new(Cursor::new(self.head).chain(self.bytes))
    }
}

/// Which byte of two comes first.
#[derive(Clone, Copy, Debug)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }
}

/// UTF-16 as UTF-8, a buffer at a time; half a pair becomes `U+FFFD`.
struct Utf16<R> {
    units: R,
    order: ByteOrder,
    high: Option<u16>,
    out: Vec<u8>,
    at: usize,
}

impl<R: Read> Utf16<R> {
    fn refill(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.units.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        let is_last = bytes.len() < HEAD;
        let (pairs, rest) = bytes.as_chunks::<2>();
        let mut units: Vec<u16> = self.high.take().into_iter().collect();
        units.extend(pairs.iter().map(|pair| match self.order {
            ByteOrder::Little => u16::from_le_bytes(*pair),
            ByteOrder::Big => u16::from_be_bytes(*pair),
        }));
        // The second half of a pair may come with the next bytes.
        if !is_last && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            self.high = units.pop();
        }
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        let mut text: String = text.collect();
        if !rest.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        self.out = text.into_bytes();
        self.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.out.len() {
            self.refill()?;
        }
        let n = (&self.out[self.at..]).read(buf)?;
        self.at += n;
        Ok(n)
    }
}

const EMPTY_FILE: &str = "the file is empty";
const EMPTY_TEXT: &str = "the text is empty";

const BOM: &[u8] = b"\xef\xbb\xbf";
/// So many bytes tell what a file is.
const HEAD: usize = 64 << 10;

const OTHER_FORMATS: [(&[u8], &str, &str); 5] = [
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "export it as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export it as CSV in UTF-8"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"PAR1", "a Parquet file", "export it as CSV or JSONL"),
    (b"%PDF", "a PDF document", "export its data as CSV in UTF-8"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        let source = Source::Text(bytes, None);
        let mut out = String::new();
        Input::open(&source, FileType::Csv)
            .unwrap()
            .unwrap()
            .into_read()
            .read_to_string(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        assert_eq!(text_of(b"\xef\xbb\xbfa,b"), "a,b");
    }

    #[test]
    fn half_a_pair_of_utf_16_is_a_replacement_character() {
        assert_eq!(text_of(b"\xff\xfea\0\x00\xd8b\0"), "a\u{fffd}b");
        assert_eq!(text_of(b"\xff\xfea\0b"), "a\u{fffd}");
    }

    proptest! {
        #[test]
        fn utf_16_reads_as_what_was_meant(text in "\\PC{1,50}", times in 1..3000usize, big in any::<bool>()) {
            let text = format!("x{}", text.repeat(times));
            let units = text.encode_utf16();
            let bytes: Vec<u8> = if big {
                [0xfe, 0xff].into_iter().chain(units.flat_map(u16::to_be_bytes)).collect()
            } else {
                [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect()
            };
            prop_assert_eq!(text_of(&bytes), text);
        }
    }
}
