//! Attention from many rows: blocks of queries against all keys that they see, as products of
//! matrices (the tiling of Dao et al. 2022, on the side of the queries).

use std::ops::Range;

use super::Span;
use crate::config::Heads;
#[cfg(feature = "train")]
use crate::kernels::lanes::dot;
use crate::kernels::lanes::{softmax, wide};
use crate::matmul::{Place, View};

/// What one head of a span's queries sees.
pub(super) fn forward(
    heads: Heads,
    window: Option<usize>,
    span: &Span,
    head: usize,
    (q, k, v): (&[f32], &[f32], &[f32]),
) -> Vec<f32> {
    let mut part = vec![0.0; span.queries.len() * heads.dim];
    let mut weights = Vec::new();
    for (block, out) in blocks(span, window).zip(part.chunks_mut(BLOCK * heads.dim)) {
        block.weights(heads, head, (q, k), &mut weights);
        let values = block.keys_of(heads, head / heads.group(), v);
        Place::of(out, heads.dim).alone().product(View::of(&weights, block.keys.len()), values);
    }
    part
}

/// What comes back by one head of keys and values.
#[cfg(feature = "train")]
pub(super) struct Back {
    /// For each head of queries that looks at it, what that sees, and the gradient by the queries.
    pub(super) of_queries: Vec<(Vec<f32>, Vec<f32>)>,
    pub(super) by_k: Vec<f32>,
    pub(super) by_v: Vec<f32>,
}

#[cfg(feature = "train")]
pub(super) fn backward(
    heads: Heads,
    window: Option<usize>,
    span: &Span,
    key_head: usize,
    (q, k, v): (&[f32], &[f32], &[f32]),
    grad: &[f32],
) -> Back {
    let dim = heads.dim;
    let (mut by_k, mut by_v) = (vec![0.0; span.keys.len() * dim], vec![0.0; span.keys.len() * dim]);
    let (mut weights, mut by_weights) = (Vec::new(), Vec::new());
    let mut of_queries = Vec::with_capacity(heads.group());
    for head in key_head * heads.group()..(key_head + 1) * heads.group() {
        let size = span.queries.len() * dim;
        let (mut out, mut by_q) = (vec![0.0; size], vec![0.0; size]);
        let places = out.chunks_mut(BLOCK * dim).zip(by_q.chunks_mut(BLOCK * dim));
        for (block, (out, by_q)) in blocks(span, window).zip(places) {
            let width = block.keys.len();
            block.weights(heads, head, (q, k), &mut weights);
            let by_out = block.queries_of(heads, head, grad);
            by_weights.resize(weights.len(), 0.0);
            let values = block.keys_of(heads, key_head, v);
            Place::of(out, dim).alone().product(View::of(&weights, width), values);
            Place::of(&mut by_weights, width).alone().product(by_out, values.transposed());
            by_scores(&block, heads, head, &weights, &mut by_weights, (out, grad));
            let (weights, by_scores) = (View::of(&weights, width), View::of(&by_weights, width));
            Place::of(by_q, dim).alone().product(by_scores, block.keys_of(heads, key_head, k));
            // Where the block's keys lie among those of the span.
            let start = block.keys.start - span.keys.start;
            let keys = start * dim..(start + width) * dim;
            let queries = block.queries_of(heads, head, q);
            let place = Place::of(&mut by_k[keys.clone()], dim).adding().alone();
            place.product(by_scores.transposed(), queries);
            let place = Place::of(&mut by_v[keys], dim).adding().alone();
            place.product(weights.transposed(), by_out);
        }
        of_queries.push((out, by_q));
    }
    Back { of_queries, by_k, by_v }
}

/// Some queries, and the keys that any of them sees.
struct Block<'a> {
    span: &'a Span,
    window: Option<usize>,
    queries: Range<usize>,
    keys: Range<usize>,
}

fn blocks(span: &Span, window: Option<usize>) -> impl Iterator<Item = Block<'_>> {
    let starts = span.queries.clone().step_by(BLOCK);
    starts.map(move |start| {
        let queries = start..(start + BLOCK).min(span.queries.end);
        let (first, last) = (span.visible(start, window), span.visible(queries.end - 1, window));
        Block { span, window, queries, keys: first.start..last.end }
    })
}

impl Block<'_> {
    /// One head of its queries, or of what has their shape.
    fn queries_of<'a>(&self, heads: Heads, head: usize, rows: &'a [f32]) -> View<'a> {
        View::part(rows, heads.query * heads.dim, self.queries.clone(), heads.columns(head))
    }

    /// One head of its keys, or of what has their shape.
    fn keys_of<'a>(&self, heads: Heads, head: usize, rows: &'a [f32]) -> View<'a> {
        View::part(rows, heads.key * heads.dim, self.keys.clone(), heads.columns(head))
    }

    /// How much each query of a head looks at each key: nothing where it does not see it.
    fn weights(&self, heads: Heads, head: usize, (q, k): (&[f32], &[f32]), out: &mut Vec<f32>) {
        out.resize(self.queries.len() * self.keys.len(), 0.0);
        let queries = self.queries_of(heads, head, q);
        let keys = self.keys_of(heads, head / heads.group(), k).transposed();
        let place = Place::of(out, self.keys.len()).alone();
        place.scaled(heads.scale()).product(queries, keys);
        look(self, out);
    }

    /// The keys that a query sees, among those of the block.
    fn visible(&self, row: usize) -> Range<usize> {
        let visible = self.span.visible(row, self.window);
        visible.start - self.keys.start..visible.end - self.keys.start
    }
}

wide! {
    /// From scores to weights.
    fn look(block: &Block<'_>, scores: &mut [f32]) {
        let rows = scores.chunks_exact_mut(block.keys.len());
        for (row, scores) in block.queries.clone().zip(rows) {
            let visible = block.visible(row);
            scores[..visible.start].fill(0.0);
            scores[visible.end..].fill(0.0);
            softmax(&mut scores[visible]);
        }
    }
}

#[cfg(feature = "train")]
wide! {
    /// From the gradient by weights to that by scores, in its place; `out` is what the block sees.
    fn by_scores(
        block: &Block<'_>,
        heads: Heads,
        head: usize,
        weights: &[f32],
        by_weights: &mut [f32],
        out_and_grad: (&[f32], &[f32]),
    ) {
        let (out, grad) = out_and_grad;
        let width = block.keys.len();
        let rows = weights.chunks_exact(width).zip(by_weights.chunks_exact_mut(width));
        let rows = rows.zip(out.chunks_exact(heads.dim));
        for (row, ((weights, by_weights), out)) in block.queries.clone().zip(rows) {
            let mean = dot(out, &grad[heads.at(row, heads.query, head)]);
            // A weight of what is not seen is nothing, and so is its gradient.
            for (by_weight, weight) in by_weights.iter_mut().zip(weights) {
                *by_weight = weight * (*by_weight - mean) * heads.scale();
            }
        }
    }
}

/// How many queries make a block; fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 64;
