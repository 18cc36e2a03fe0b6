//! The keys and values of the tokens that a sequence has taken in, in pages.
//!
//! A page holds those of [`PAGE`] tokens in all layers (the idea of Kwon et al. 2023). Sequences
//! that begin alike share pages, and what one of them writes into a page of others it writes into a
//! copy.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::{Config, Heads};

/// How many tokens a page has room for.
pub(crate) const PAGE: usize = 64;

/// Counts the bytes of the pages that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<AtomicU64>);

impl Pool {
    /// How many bytes all pages take that are in use or kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The keys and values of some tokens: layer by layer, in each first the keys, head by head.
///
/// What a head looks at lies side by side, as it is read from end to end.
pub(crate) struct Page {
    values: Vec<f32>,
    pool: Pool,
}

impl Page {
    fn new(values: Vec<f32>, pool: &Pool) -> Self {
        let page = Self { values, pool: pool.clone() };
        page.pool.0.fetch_add(page.bytes(), Ordering::Relaxed);
        page
    }

    /// How many bytes it takes.
    pub(crate) fn bytes(&self) -> u64 {
        size_of_val(&self.values[..]) as u64
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Clone for Page {
    fn clone(&self) -> Self {
        Self::new(self.values.clone(), &self.pool)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pool.0.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// What a sequence has taken in. Copies share its pages.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    layers: usize,
    heads: Heads,
    tokens: usize,
    pages: Vec<Arc<Page>>,
    pool: Pool,
}

impl Cache {
    /// An empty one, with pages of its own.
    #[cfg(test)]
    pub(crate) fn new(config: &Config) -> Self {
        Self::with_pages(config, &Pool::default(), Vec::new())
    }

    /// One that begins with whole pages of others.
    pub(crate) fn with_pages(config: &Config, pool: &Pool, pages: Vec<Arc<Page>>) -> Self {
        let (layers, heads) = (config.layers, config.heads);
        let tokens = pages.len() * PAGE;
        Self { layers, heads, tokens, pages, pool: pool.clone() }
    }

    /// How long a row of keys is, and one of values.
    fn width(&self) -> usize {
        self.heads.key * self.heads.dim
    }

    /// How many tokens were taken in.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// The pages that are full, and so will not change.
    pub(crate) fn whole_pages(&self) -> &[Arc<Page>] {
        &self.pages[..self.tokens / PAGE]
    }

    /// Puts rows of keys and values behind those that were taken in.
    pub(crate) fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let (width, dim) = (self.width(), self.heads.dim);
        let sources = keys.chunks_exact(width).zip(values.chunks_exact(width));
        let missing = (self.tokens + sources.len()).div_ceil(PAGE).saturating_sub(self.pages.len());
        let size = self.layers * 2 * PAGE * width;
        let fresh = || Arc::new(Page::new(vec![0.0; size], &self.pool));
        self.pages.extend(std::iter::repeat_with(fresh).take(missing));
        for (at, (keys, values)) in (self.tokens..).zip(sources) {
            let page = &mut Arc::make_mut(&mut self.pages[at / PAGE]).values;
            let (to_keys, to_values) =
                page[layer * 2 * PAGE * width..][..2 * PAGE * width].split_at_mut(PAGE * width);
            for (to, row) in [(to_keys, keys), (to_values, values)] {
                let heads = to.chunks_exact_mut(PAGE * dim).zip(row.chunks_exact(dim));
                heads.for_each(|(to, row)| to[at % PAGE * dim..][..dim].copy_from_slice(row));
            }
        }
    }

    /// Takes in so many tokens whose keys and values were written in every layer.
    pub(crate) fn settle(&mut self, tokens: usize) {
        self.tokens += tokens;
    }

    /// A layer's keys and values, page by page, with room behind the last.
    pub(super) fn layer(&self, layer: usize) -> impl Iterator<Item = [&[f32]; 2]> {
        let size = PAGE * self.width();
        self.pages.iter().map(move |page| {
            let (keys, values) = page.values[layer * 2 * size..][..2 * size].split_at(size);
            [keys, values]
        })
    }

    /// A layer's keys and values of some tokens, end to end.
    pub(super) fn gathered(&self, layer: usize, tokens: Range<usize>) -> [Vec<f32>; 2] {
        let dim = self.heads.dim;
        let mut rows = [(); 2].map(|()| Vec::with_capacity(tokens.len() * self.width()));
        for (nth, page) in self.layer(layer).enumerate() {
            let first = nth * PAGE;
            let [start, end] = [tokens.start, tokens.end].map(|at| at.clamp(first, first + PAGE));
            for (rows, part) in rows.iter_mut().zip(page) {
                for at in start - first..end - first {
                    let heads = part.chunks_exact(PAGE * dim);
                    heads.for_each(|head| rows.extend_from_slice(&head[at * dim..][..dim]));
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::small;

    /// What each layer would have in vectors that grow.
    type Plain = Vec<[Vec<f32>; 2]>;

    fn push(cache: &mut Cache, plain: &mut Plain, rows: usize, rng: &mut fastrand::Rng) {
        for (layer, plain) in plain.iter_mut().enumerate() {
            let [keys, values] =
                [(); 2].map(|()| (0..rows * cache.width()).map(|_| rng.f32()).collect::<Vec<_>>());
            cache.write(layer, &keys, &values);
            plain[0].extend(keys);
            plain[1].extend(values);
        }
        cache.settle(rows);
    }

    #[track_caller]
    fn holds(cache: &Cache, plain: &Plain) {
        for (layer, plain) in plain.iter().enumerate() {
            assert_eq!(cache.gathered(layer, 0..cache.tokens()), *plain);
        }
    }

    proptest! {
        #[test]
        fn pages_hold_what_vectors_would_and_copies_go_ways_of_their_own(
            before in prop::collection::vec(0..150_usize, 0..4),
            after in prop::collection::vec(0..150_usize, 1..4),
            seed: u64,
        ) {
            let config = small();
            let (mut cache, mut plain) = (Cache::new(&config), vec![[Vec::new(), Vec::new()]; 2]);
            let mut rng = fastrand::Rng::with_seed(seed);
            for rows in before {
                push(&mut cache, &mut plain, rows, &mut rng);
            }
            let (mut other, mut other_plain) = (cache.clone(), plain.clone());
            for rows in after {
                push(&mut cache, &mut plain, rows, &mut rng);
                push(&mut other, &mut other_plain, rows, &mut rng);
            }
            holds(&cache, &plain);
            holds(&other, &other_plain);
            let part = cache.tokens() / 3..cache.tokens() / 2;
            let [keys, _] = cache.gathered(1, part.clone());
            prop_assert_eq!(&keys[..], &plain[1][0][part.start * 8..part.end * 8]);
        }
    }

    #[test]
    fn pages_are_counted_once_while_anybody_has_them() {
        let (config, pool) = (small(), Pool::default());
        let mut cache = Cache::with_pages(&config, &pool, Vec::new());
        let mut plain = vec![[Vec::new(), Vec::new()]; 2];
        push(&mut cache, &mut plain, PAGE + 1, &mut fastrand::Rng::with_seed(1));
        let page = cache.pages[0].bytes();
        assert_eq!(page, (2 * 2 * PAGE * 8 * size_of::<f32>()) as u64);
        assert_eq!((pool.bytes(), cache.whole_pages().len()), (2 * page, 1));
        let mut copy = cache.clone();
        assert_eq!(pool.bytes(), 2 * page);
        push(&mut copy, &mut plain, 1, &mut fastrand::Rng::with_seed(2));
        assert_eq!(pool.bytes(), 3 * page);
        let begun = Cache::with_pages(&config, &pool, copy.whole_pages().to_vec());
        drop((cache, copy));
        assert_eq!((begun.tokens(), pool.bytes()), (PAGE, page));
        drop(begun);
        assert_eq!(pool.bytes(), 0);
    }
}
