//! A file cut into blocks of whole records, so that memory stays bounded whatever its size.

use std::io::{self, Read};

use memchr::{memchr_iter, memrchr};

use crate::read::cells::{self, QuoteFault};
use crate::read::elements;

/// Where a block may end.
#[derive(Debug)]
pub(crate) enum Cut {
    /// After a CSV record, with cells parted by this byte.
    Record(u8),
    /// After a line.
    Line,
    /// After a JSON value.
    Element(elements::Scanner),
}

/// Bytes that hold whole records.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// The line of the first byte, from 1.
    pub(crate) line: u64,
    /// How many bytes of the input come before it.
    pub(crate) offset: u64,
}

/// What comes behind a block.
#[derive(Debug)]
pub(crate) struct End {
    /// Nothing that could be read.
    pub(crate) is_last: bool,
    /// Why not, unless the file ends there.
    pub(crate) stop: Option<Stop>,
}

/// Why the rest of a file cannot be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// A quote of a CSV file.
    Quote {
        /// The line on which the quote opens.
        line: u64,
        /// The line on which it closes, with text behind it.
        closed: Option<u64>,
    },
    /// JSON that cannot be taken apart.
    Json {
        /// The line of the fault.
        line: u64,
        /// What is wrong.
        message: &'static str,
    },
    /// A record that does not end.
    TooLong {
        /// The line on which it starts.
        line: u64,
    },
}

/// Cuts what is read into blocks.
pub(crate) struct Blocks<'a> {
    input: Box<dyn Read + Send + 'a>,
    cut: Cut,
    rest: Vec<u8>,
    line: u64,
    offset: u64,
    is_ended: bool,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(input: Box<dyn Read + Send + 'a>, cut: Cut) -> Self {
        Self { input, cut, rest: Vec::new(), line: 1, offset: 0, is_ended: false }
    }

    /// Fills `block` with the next whole records, and says whether there are more.
    pub(crate) fn fill(&mut self, block: &mut Block) -> io::Result<End> {
        block.bytes.clear();
        (block.line, block.offset) = (self.line, self.offset);
        if self.is_ended {
            return Ok(End { is_last: true, stop: None });
        }
        block.bytes.append(&mut self.rest);
        let mut size = BLOCK;
        loop {
            let wanted = size.saturating_sub(block.bytes.len()).max(BLOCK / 4);
            let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut block.bytes)?;
            self.is_ended = read < wanted;
            let (end, stop) = self.end(&block.bytes);
            if stop.is_some() || end > 0 || self.is_ended {
                self.is_ended |= stop.is_some();
                self.rest.extend_from_slice(&block.bytes[end..]);
                block.bytes.truncate(end);
                self.offset += end as u64;
                self.line += breaks(&block.bytes, 0, end);
                return Ok(End { is_last: self.is_ended, stop });
            }
            if block.bytes.len() >= MAX_RECORD {
                self.is_ended = true;
                let line = self.line;
                block.bytes.clear();
                return Ok(End { is_last: true, stop: Some(Stop::TooLong { line }) });
            }
            size = block.bytes.len() * 2;
        }
    }

    /// How many of `bytes` are whole records, and why there are no more.
    fn end(&mut self, bytes: &[u8]) -> (usize, Option<Stop>) {
        let line = self.line;
        let line_at = |at: usize| line + breaks(bytes, 0, at);
        match &mut self.cut {
            Cut::Record(delimiter) => {
                let end = cells::last_end(bytes, *delimiter, self.is_ended);
                let stop = end.fault.map(|fault| match fault {
                    QuoteFault::Unclosed { opens } => {
                        Stop::Quote { line: line_at(opens), closed: None }
                    }
                    QuoteFault::TextAfter { opens, closes } => {
                        Stop::Quote { line: line_at(opens), closed: Some(line_at(closes)) }
                    }
                });
                (end.at, stop)
            }
            Cut::Line if self.is_ended => (bytes.len(), None),
            Cut::Line => (memrchr(b'\n', bytes).map_or(0, |at| at + 1), None),
            Cut::Element(scanner) => {
                let (end, fault) = scanner.last_end(bytes, self.is_ended);
                let stop = fault
                    .map(|fault| Stop::Json { line: line_at(fault.at), message: fault.message });
                (end, stop)
            }
        }
    }
}

/// How many lines end in a part of `bytes`: `\n`, `\r\n` and a lone `\r` each end one.
pub(crate) fn breaks(bytes: &[u8], from: usize, to: usize) -> u64 {
    let Some(part) = bytes.get(from..to) else {
        return 0;
    };
    let is_lone = |at: &usize| bytes.get(from + at + 1) != Some(&b'\n');
    let returns = memchr_iter(b'\r', part).filter(is_lone).count();
    (memchr_iter(b'\n', part).count() + returns) as u64
}

/// Large enough for the processor to be kept busy, small enough for several to be at hand.
const BLOCK: usize = 512 << 10;

/// A record is refused beyond this: it is a quote that was left open, or no record at all.
pub(crate) const MAX_RECORD: usize = 64 << 20;
