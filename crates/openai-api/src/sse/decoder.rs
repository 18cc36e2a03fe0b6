//! From bytes to events.

use std::fmt;
use std::mem;
use std::time::Duration;

use memchr::memchr2;

use crate::mend::BYTE_ORDER_MARK;
use crate::sse::assembly::{self, Assembly, Whole};
use crate::sse::field::{self, Field};
use crate::sse::{Event, TooLong};

/// Takes a stream in pieces of any size and gives its events.
///
/// However the stream is cut, the events are the same. Each byte is searched once and copied once at
/// most: what lies whole within a piece is handed out where it lies. Buffers are used again from
/// event to event and hold no more than the event under way.
pub struct Decoder {
    assembly: Assembly,
    /// How much of a byte order mark the stream has begun with; `None` after the beginning.
    mark: Option<usize>,
    /// Whether the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    cut_line: CutLine,
    /// The beginning of the cut line and, unless it is data, its value.
    cut_bytes: Vec<u8>,
    outdated: Outdated,
    takes_errors: bool,
    /// How many bytes were searched for the end of a line.
    #[cfg(test)]
    pub(super) searched: usize,
}

impl Decoder {
    /// The limit of [`new`](Self::new): 16 MiB.
    pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

    /// Begins a stream whose events may have [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) bytes each.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// Begins a stream whose events may have `bytes` bytes each.
    ///
    /// What counts is the values of an event's fields and the line feeds between its lines of data.
    /// Comments and unknown fields are skipped as they come, so they may have any length.
    #[must_use]
    pub const fn with_limit(bytes: usize) -> Self {
        Self {
            assembly: Assembly::new(bytes),
            mark: Some(0),
            after_cr: false,
            cut_line: CutLine::Beginning,
            cut_bytes: Vec::new(),
            outdated: Outdated::Nothing,
            takes_errors: false,
            #[cfg(test)]
            searched: 0,
        }
    }

    /// Takes a field `error` for an event of that kind with its value as data.
    ///
    /// The standard knows no such field, and llama.cpp sent one until September 2025.
    pub(crate) const fn with_errors(mut self) -> Self {
        self.takes_errors = true;
        self
    }

    /// Takes `input` up to the end of the next event, or as a whole if it ends none.
    ///
    /// Call it until it gives `None`, then with the next piece. An event whose only line of data
    /// lies in `input` together with its blank line is a slice of `input`; others are assembled.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if the event under way exceeds the limit, then and from then on until
    /// [`finish`](Self::finish).
    pub fn next<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'d>>, TooLong> {
        self.forget_what_is_outdated();
        self.assembly.check_size()?;
        self.skip_mark(input);
        self.skip_line_feed(input);
        let mut whole = Whole::default();
        while !input.is_empty() {
            let Some(end) = self.find_line_end(input) else {
                self.assembly.keep(&mut whole);
                self.take_piece(mem::take(input))?;
                break;
            };
            let (line, rest) = input.split_at(end);
            self.after_cr = rest[0] == b'\r';
            *input = &rest[1..];
            self.skip_line_feed(input);
            if self.has_cut_line() {
                self.take_piece(line)?;
                self.end_cut_line()?;
            } else if line.is_empty() {
                self.assembly.settle_id();
                if self.assembly.has_data() {
                    self.outdated = Outdated::Event;
                    return Ok(Some(self.assembly.event(&whole)));
                }
                self.assembly.forget_event();
                whole = Whole::default();
            } else if let Some((field, value)) = self.parse(line) {
                self.assembly.take_whole(field, value, &mut whole)?;
            }
        }
        self.assembly.keep(&mut whole);
        Ok(None)
    }

    /// Ends the stream and gives the event that it breaks off in, if that has data.
    ///
    /// The standard drops this event, since it may be cut short: ignore it to do so too. Yet servers
    /// that forget the last blank line are common. Of a last line without its end, an `id` or a
    /// `retry` is left out: it may be half of one. Nor does the event's id become the
    /// [`last_event_id`](Self::last_event_id).
    ///
    /// Afterwards the decoder is ready for the stream of the next connection.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if the event exceeds the limit.
    pub fn finish(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        self.forget_what_is_outdated();
        self.outdated = Outdated::Stream;
        self.assembly.check_size()?;
        self.begin_short_value()?;
        if matches!(self.cut_line, CutLine::Value(Field::Data | Field::Event)) {
            self.end_cut_line()?;
        }
        let has_data = self.assembly.has_data();
        Ok(has_data.then(|| self.assembly.event(&Whole::default())))
    }

    /// The id to tell the server in `Last-Event-ID` when connecting again; empty if there is none.
    ///
    /// It is the last one that came with its blank line.
    #[must_use]
    pub fn last_event_id(&self) -> &[u8] {
        self.assembly.last_id()
    }

    /// How long to wait before connecting again, if the server has said so.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.assembly.retry()
    }

    fn forget_what_is_outdated(&mut self) {
        match mem::replace(&mut self.outdated, Outdated::Nothing) {
            Outdated::Nothing => {}
            Outdated::Event => self.assembly.forget_event(),
            Outdated::Stream => {
                self.assembly.forget_event();
                self.forget_cut_line();
                self.mark = Some(0);
                self.after_cr = false;
            }
        }
    }

    /// Skips the byte order mark that a stream may begin with.
    fn skip_mark(&mut self, input: &mut &[u8]) {
        while let (Some(seen), Some(&byte)) = (self.mark, input.first()) {
            if BYTE_ORDER_MARK[seen] == byte {
                *input = &input[1..];
                self.mark = (seen + 1 < BYTE_ORDER_MARK.len()).then_some(seen + 1);
            } else {
                self.mark = None;
                if seen > 0 {
                    // No known field begins with part of a mark.
                    self.cut_line = CutLine::Ignored;
                }
            }
        }
    }

    /// Skips the LF of a CRLF whose CR has ended a line.
    fn skip_line_feed(&mut self, input: &mut &[u8]) {
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            *input = input.strip_prefix(b"\n").unwrap_or(input);
        }
    }

    fn parse<'l>(&self, line: &'l [u8]) -> Option<(Field, &'l [u8])> {
        field::parse(line).filter(|(field, _)| *field != Field::Error || self.takes_errors)
    }

    fn find_line_end(&mut self, input: &[u8]) -> Option<usize> {
        let end = memchr2(b'\n', b'\r', input);
        #[cfg(test)]
        {
            self.searched += end.map_or(input.len(), |end| end + 1);
        }
        end
    }

    /// How much memory the buffers have.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.assembly.capacity() + self.cut_bytes.capacity()
    }

    fn has_cut_line(&self) -> bool {
        !matches!(self.cut_line, CutLine::Beginning) || !self.cut_bytes.is_empty()
    }

    /// Takes part of a line, without the line's end.
    fn take_piece(&mut self, mut piece: &[u8]) -> Result<(), TooLong> {
        if let CutLine::Beginning = self.cut_line {
            let missing = field::LONGEST_BEGINNING - self.cut_bytes.len();
            let (beginning, rest) = piece.split_at(missing.min(piece.len()));
            self.cut_bytes.extend_from_slice(beginning);
            if self.cut_bytes.len() < field::LONGEST_BEGINNING {
                return Ok(());
            }
            self.begin_value()?;
            piece = rest;
        }
        match self.cut_line {
            CutLine::Value(Field::Data) => self.assembly.append_data(piece),
            CutLine::Value(_) => {
                self.assembly.grow(piece.len())?;
                self.cut_bytes.extend_from_slice(piece);
                Ok(())
            }
            CutLine::Beginning | CutLine::Ignored => Ok(()),
        }
    }

    /// Reads the beginning of a cut line, of which there is enough to know the field.
    fn begin_value(&mut self) -> Result<(), TooLong> {
        let Some((mut field, value)) = self.parse(&self.cut_bytes) else {
            self.cut_line = CutLine::Ignored;
            return Ok(());
        };
        if field == Field::Error {
            self.assembly.set(field, b"");
            field = Field::Data;
        }
        self.cut_line = CutLine::Value(field);
        if field == Field::Data {
            self.assembly.begin_data()?;
            self.assembly.append_data(value)?;
            self.cut_bytes.clear();
        } else {
            self.assembly.grow(value.len())?;
            let name = self.cut_bytes.len() - value.len();
            self.cut_bytes.drain(..name);
        }
        Ok(())
    }

    /// Reads a cut line whose end has come before there was as much of it.
    fn begin_short_value(&mut self) -> Result<(), TooLong> {
        match self.cut_line {
            CutLine::Beginning if !self.cut_bytes.is_empty() => self.begin_value(),
            _ => Ok(()),
        }
    }

    fn end_cut_line(&mut self) -> Result<(), TooLong> {
        self.begin_short_value()?;
        if let CutLine::Value(field) = self.cut_line {
            self.assembly.set(field, &self.cut_bytes);
        }
        self.forget_cut_line();
        Ok(())
    }

    fn forget_cut_line(&mut self) {
        self.cut_line = CutLine::Beginning;
        assembly::empty(&mut self.cut_bytes);
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limit", &self.assembly.limit())
            .field("size", &self.assembly.size())
            .field("retry", &self.assembly.retry())
            .finish_non_exhaustive()
    }
}

/// A line that lies in several pieces.
#[derive(Clone, Copy)]
enum CutLine {
    /// Nothing of it has come, or too little to know the field.
    Beginning,
    Value(Field),
    /// A comment, or a field that is unknown.
    Ignored,
}

/// What the decoder holds only because it has handed it out.
enum Outdated {
    Nothing,
    Event,
    Stream,
}
