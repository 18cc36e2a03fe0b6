//! Where a record lies, counted only when somebody asks.

use std::cell::Cell;
use std::path::Path;

use crate::dataset::Origin;
use crate::read::blocks::{Block, breaks};

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    lines: &'a Lines<'a>,
    at: usize,
}

impl<'a> Place<'a> {
    pub(crate) fn new(lines: &'a Lines<'a>, at: usize) -> Self {
        Self { lines, at }
    }

    /// The line on which the record starts, from 1; 0 for a file as a whole.
    ///
    /// The lines up to here are counted when this is called, so it costs nothing not to.
    #[must_use]
    pub fn line(self) -> u64 {
        self.lines.line_at(self.at)
    }

    /// The file; `None` for text that was handed over.
    #[must_use]
    pub fn file(self) -> Option<&'a Path> {
        self.lines.file
    }

    /// The place to keep with what was read.
    #[must_use]
    pub fn origin(self) -> Origin {
        place(self.file(), self.line())
    }
}

/// A line of a file, or of text that was handed over.
pub(crate) fn place(file: Option<&Path>, line: u64) -> Origin {
    let origin = Origin::line(line);
    match file {
        Some(file) => origin.in_file(file),
        None => origin,
    }
}

/// Counts the lines of a block forward.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    file: Option<&'a Path>,
    bytes: &'a [u8],
    /// What was counted last: a byte, and its line.
    counted: Cell<(usize, u64)>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(file: Option<&'a Path>, block: &'a Block) -> Self {
        Self { file, bytes: &block.bytes, counted: Cell::new((0, block.line)) }
    }

    /// A file as a whole, which has no lines.
    pub(crate) fn of_file(file: Option<&'a Path>) -> Self {
        Self { file, bytes: &[], counted: Cell::new((0, 0)) }
    }

    /// The line that the byte at `to` stands on; it costs least when `to` does not go backwards.
    pub(crate) fn line_at(&self, to: usize) -> u64 {
        let (at, line) = self.counted.get();
        let line = match at <= to {
            true => line + breaks(self.bytes, at, to),
            false => line - breaks(self.bytes, to, at),
        };
        self.counted.set((to, line));
        line
    }
}
