//! What a client understood, compared with what the server sent.

use anyhow::{Result, ensure};

use crate::allocations::Allocations;

/// A whole answer, as the client understood it.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub total_tokens: u64,
}

impl Answer {
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.text == fixture::ANSWER, "the answer is not what the server sent");
        ensure!(self.total_tokens == fixture::ANSWER_TOKENS, "the usage is not what was sent");
        Ok(())
    }
}

/// A streamed answer, as far as the client has given it.
#[derive(Debug)]
pub struct Seen {
    expected: String,
    pieces: usize,
    /// Bytes of text so far.
    read: usize,
    /// Pieces of text so far.
    count: usize,
    total_tokens: Option<u64>,
    weighs: bool,
    /// What the chunks held on the heap.
    held: Allocations,
}

impl Seen {
    /// Expects the answer in these pieces.
    pub(crate) fn expecting<P: AsRef<str>>(pieces: impl Iterator<Item = P>) -> Self {
        let mut expected = String::new();
        let mut count = 0;
        for piece in pieces {
            expected.push_str(piece.as_ref());
            count += 1;
        }
        Self {
            expected,
            pieces: count,
            read: 0,
            count: 0,
            total_tokens: None,
            weighs: false,
            held: Allocations::default(),
        }
    }

    /// Whether to [`weigh`](Self::weigh) as well.
    pub(crate) fn weighing(mut self, weighs: bool) -> Self {
        self.weighs = weighs;
        self
    }

    /// Takes a chunk's text; some chunks have none.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let expected = self.expected.as_bytes().get(self.read..).unwrap_or_default();
        // What does not fit is found by `check`, by its length.
        if expected.starts_with(text.as_bytes()) {
            self.read += text.len();
            self.count += 1;
        }
    }

    /// Takes the usage, from the chunk that tells it.
    pub fn total_tokens(&mut self, total: u64) {
        self.total_tokens = Some(total);
    }

    /// Counts what a chunk holds on the heap, by what it takes to copy it.
    pub fn weigh<T: Clone>(&mut self, chunk: &T) {
        if self.weighs {
            let before = Allocations::so_far();
            drop(std::hint::black_box(chunk.clone()));
            self.held.add(Allocations::so_far().since(before));
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.count == self.pieces && self.read == self.expected.len(),
            "{} of {} chunks came, with {} of {} bytes",
            self.count,
            self.pieces,
            self.read,
            self.expected.len(),
        );
        ensure!(
            self.total_tokens == Some(fixture::STREAM_TOKENS),
            "the usage is not what was sent: {:?}",
            self.total_tokens,
        );
        Ok(())
    }

    /// Begins anew, for the next stream.
    pub(crate) fn rewind(&mut self) {
        (self.read, self.count, self.total_tokens) = (0, 0, None);
        self.held = Allocations::default();
    }

    /// What the chunks of this stream held on the heap. To find that out they were copied once,
    /// which was counted as well.
    pub(crate) fn held(&self) -> Allocations {
        self.held
    }
}
