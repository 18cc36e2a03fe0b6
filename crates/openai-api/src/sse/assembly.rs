//! The event under way.

use std::mem;
use std::time::Duration;

use memchr::memchr;

use crate::sse::field::Field;
use crate::sse::{Event, TooLong};

/// What a stream has told of the event under way, and of what outlasts it.
pub(super) struct Assembly {
    limit: usize,
    /// The bytes of all values so far, and of the line feeds between the lines of data.
    size: usize,
    /// Whether there is a line of data, be it an empty one.
    has_data: bool,
    /// The lines of data, with a line feed between them.
    data: Vec<u8>,
    kind: Vec<u8>,
    has_id: bool,
    /// The id that the event gives itself.
    id: Vec<u8>,
    /// The id that the blank line of an event made the last one.
    last_id: Vec<u8>,
    retry: Option<Duration>,
}

/// What lies whole in the input and is not copied.
#[derive(Default)]
pub(super) struct Whole<'i> {
    kind: Option<&'i [u8]>,
    /// The only line of data.
    data: Option<&'i [u8]>,
}

impl Assembly {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            size: 0,
            has_data: false,
            data: Vec::new(),
            kind: Vec::new(),
            has_id: false,
            id: Vec::new(),
            last_id: Vec::new(),
            retry: None,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn has_data(&self) -> bool {
        self.has_data
    }

    pub(super) fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        [&self.data, &self.kind, &self.id, &self.last_id].map(Vec::capacity).iter().sum()
    }

    /// Takes a field whose line lies whole in the input.
    pub(super) fn take_whole<'i>(
        &mut self,
        field: Field,
        value: &'i [u8],
        whole: &mut Whole<'i>,
    ) -> Result<(), TooLong> {
        match field {
            Field::Data if !self.has_data => {
                self.grow(value.len())?;
                self.has_data = true;
                whole.data = Some(value);
            }
            Field::Data => {
                self.keep(whole);
                self.begin_data()?;
                self.append_data(value)?;
            }
            Field::Event => {
                self.grow(value.len())?;
                whole.kind = Some(value);
            }
            Field::Error => {
                whole.kind = Some(ERROR);
                self.take_whole(Field::Data, value, whole)?;
            }
            Field::Id | Field::Retry => {
                self.grow(value.len())?;
                self.set(field, value);
            }
        }
        Ok(())
    }

    /// Copies what lies in the input, because the event does not end there.
    pub(super) fn keep(&mut self, whole: &mut Whole<'_>) {
        if let Some(kind) = whole.kind.take() {
            self.set(Field::Event, kind);
        }
        if let Some(line) = whole.data.take() {
            self.data.extend_from_slice(line);
        }
    }

    pub(super) fn begin_data(&mut self) -> Result<(), TooLong> {
        if mem::replace(&mut self.has_data, true) {
            self.append_data(b"\n")?;
        }
        Ok(())
    }

    pub(super) fn append_data(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        self.grow(piece.len())?;
        self.data.extend_from_slice(piece);
        Ok(())
    }

    /// Sets what each line sets anew.
    pub(super) fn set(&mut self, field: Field, value: &[u8]) {
        match field {
            Field::Data => {}
            Field::Error => replace(&mut self.kind, ERROR),
            Field::Event => replace(&mut self.kind, value),
            Field::Id => {
                if memchr(0, value).is_none() {
                    self.has_id = true;
                    replace(&mut self.id, value);
                }
            }
            Field::Retry => {
                if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
                    let milliseconds = value.iter().fold(0_u64, |number, digit| {
                        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
                    });
                    self.retry = Some(Duration::from_millis(milliseconds));
                }
            }
        }
    }

    /// Counts bytes of a value, before it is known whether they matter.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), TooLong> {
        self.size = self.size.saturating_add(bytes);
        self.check_size()
    }

    pub(super) fn check_size(&self) -> Result<(), TooLong> {
        if self.size > self.limit { Err(TooLong { limit: self.limit }) } else { Ok(()) }
    }

    /// Makes the event's id, if it has one, the last that came whole.
    pub(super) fn settle_id(&mut self) {
        if mem::take(&mut self.has_id) {
            mem::swap(&mut self.id, &mut self.last_id);
        }
    }

    pub(super) fn event<'a>(&'a self, whole: &Whole<'a>) -> Event<'a> {
        Event {
            kind: whole.kind.unwrap_or(&self.kind),
            data: whole.data.unwrap_or(&self.data),
            id: if self.has_id { &self.id } else { &self.last_id },
            retry: self.retry,
        }
    }

    pub(super) fn forget_event(&mut self) {
        self.size = 0;
        self.has_data = false;
        self.has_id = false;
        for buffer in [&mut self.data, &mut self.kind, &mut self.id] {
            empty(buffer);
        }
    }
}

fn replace(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(value);
}

/// Empties a buffer, and gives memory back if an event was giant.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_CAPACITY);
}

const ERROR: &[u8] = b"error";
const KEPT_CAPACITY: usize = 64 * 1024;
