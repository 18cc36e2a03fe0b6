//! A sequence of tokens that a model goes on with.

use std::fmt;
use std::sync::Arc;

use crate::model::LoadedModel;
use crate::network::{Cache, PAGE};
use crate::serve::keep::Keep;
use crate::serve::table::{Guest, Seat};

/// A sequence of tokens that a model has read, with what was computed on the way.
///
/// When it is dropped, its whole pages are kept for others that begin alike.
pub(crate) struct Sequence<'a> {
    model: &'a Arc<LoadedModel>,
    keep: &'a Keep,
    seat: Seat<'a>,
    tokens: Vec<u32>,
    /// None while it is in a step.
    cache: Option<Cache>,
}

impl<'a> Sequence<'a> {
    /// Reads tokens, but for those at the beginning whose pages were kept: says what may come next,
    /// and how many were not read anew.
    ///
    /// Returns nothing if nobody wants to know any more.
    pub(crate) fn read(
        model: &'a Arc<LoadedModel>,
        keep: &'a Keep,
        tokens: Vec<u32>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Option<(Self, Vec<f32>, usize)> {
        // The last token is read in any case, to see what comes after it.
        let pages = keep.take(&model.identity, &tokens[..tokens.len().saturating_sub(1)]);
        let cached = pages.len() * PAGE;
        let cache = Cache::with_pages(model.network.config(), keep.pool(), pages);
        let seat = model.table.seat();
        let mut sequence =
            Self { model, keep, seat, tokens: tokens[..cached].to_vec(), cache: Some(cache) };
        let logits = sequence.advance(&tokens[cached..], is_wanted)?;
        sequence.put();
        Some((sequence, logits, cached))
    }

    /// Takes more tokens in: says what may come after the last of them.
    ///
    /// Returns nothing if nobody wants to know any more.
    pub(crate) fn advance(
        &mut self,
        tokens: &[u32],
        is_wanted: &dyn Fn() -> bool,
    ) -> Option<Vec<f32>> {
        let guest = Guest::new(Arc::clone(self.model), self.cache.take()?, tokens.to_vec());
        let Guest { cache, logits, .. } = self.seat.advance(guest, is_wanted)?;
        self.tokens.extend_from_slice(tokens);
        if self.tokens.len() % PAGE < tokens.len() {
            self.keep.make_room();
        }
        self.cache = Some(cache);
        Some(logits)
    }

    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn put(&self) {
        if let Some(cache) = &self.cache {
            self.keep.put(&self.model.identity, &self.tokens, cache.whole_pages());
        }
    }
}

impl fmt::Debug for Sequence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

impl Clone for Sequence<'_> {
    fn clone(&self) -> Self {
        Self {
            seat: self.model.table.seat(),
            tokens: self.tokens.clone(),
            cache: self.cache.clone(),
            ..*self
        }
    }
}

impl Drop for Sequence<'_> {
    fn drop(&mut self) {
        self.put();
        // What is in use is not counted as too much.
        self.cache = None;
        self.keep.make_room();
    }
}
