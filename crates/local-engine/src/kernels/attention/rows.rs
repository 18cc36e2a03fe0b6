//! Attention from a row or two, which are too few for products of matrices to pay.

use std::ops::Range;

use super::Seen;
use crate::config::Heads;
use crate::kernels::lanes::{LANES, dot, softmax, wide};

wide! {
    /// What one head of some queries sees.
    pub(super) fn forward(
        heads: Heads,
        window: Option<usize>,
        head: usize,
        seen: &Seen<'_>,
    ) -> Vec<f32> {
        let (key_head, page) = (head / heads.group(), seen.page);
        let queries = seen.queries.len() / (heads.query * heads.dim);
        let mut weights = vec![0.0; seen.keys];
        let mut part = vec![0.0; queries * heads.dim];
        for (row, out) in part.chunks_exact_mut(heads.dim).enumerate() {
            let visible = seen.visible(row, queries, window);
            let weights = &mut weights[..visible.len()];
            let query = &seen.queries[heads.at(row, heads.query, head)];
            let mut place = weights.iter_mut();
            for (nth, rows) in in_pages(visible.clone(), page) {
                let [keys, _] = seen.pages[nth];
                for (row, weight) in rows.zip(&mut place) {
                    let key = &keys[heads.at(row, heads.key, key_head)];
                    *weight = dot(query, key) * heads.scale();
                }
            }
            softmax(weights);
            let mut start = 0;
            for (nth, rows) in in_pages(visible, page) {
                let ([_, values], weights) = (seen.pages[nth], &weights[start..][..rows.len()]);
                start += rows.len();
                let first = heads.at(rows.start, heads.key, key_head).start;
                add_rows(out, weights, &values[first..], heads.key * heads.dim);
            }
        }
        part
    }
}

/// The pages that hold these rows, and which of its rows each page has of them.
#[inline(always)]
fn in_pages(rows: Range<usize>, page: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (rows.start / page..rows.end.div_ceil(page)).map(move |nth| {
        let first = nth * page;
        (nth, rows.start.max(first) - first..rows.end.min(first + page) - first)
    })
}

/// Adds rows to `out`, each times its weight; they begin `step` values after one another.
#[inline(always)]
fn add_rows(out: &mut [f32], weights: &[f32], rows: &[f32], step: usize) {
    let (parts, rest) = out.as_chunks_mut::<PART>();
    let done = parts.len() * PART;
    for (nth, part) in parts.iter_mut().enumerate() {
        let mut sums = *part;
        for (row, weight) in rows.chunks(step).zip(weights) {
            let Some(row) = row.get(nth * PART..).and_then(<[f32]>::first_chunk::<PART>) else {
                continue;
            };
            for lane in 0..PART {
                sums[lane] += weight * row[lane];
            }
        }
        *part = sums;
    }
    for (row, weight) in rows.chunks(step).zip(weights) {
        for (sum, value) in rest.iter_mut().zip(&row[done..]) {
            *sum += weight * value;
        }
    }
}

/// So many sums stay in registers while rows are added to them.
const PART: usize = 4 * LANES;
