//! Attention from a few rows, which are too few for products of matrices to pay.

use std::ops::Range;

use super::Seen;
use crate::config::Heads;
use crate::kernels::lanes::{LANES, prefetch, softmax, wide};

wide! {
    /// What some heads of some queries see, which look at the same head of keys: head by head.
    ///
    /// A page is read from memory once for all of them, and from the cache after that.
    pub(super) fn forward(
        heads: Heads,
        window: Option<usize>,
        members: Range<usize>,
        seen: &Seen<'_>,
    ) -> Vec<f32> {
        let (key_head, page) = (members.start / heads.group(), seen.page);
        let [head_step, step] = seen.steps;
        let rows = seen.queries.len() / (heads.query * heads.dim);
        let queries: Vec<(usize, Range<usize>)> = members
            .flat_map(|head| (0..rows).map(move |row| (head, row)))
            .map(|(head, row)| (head, seen.visible(row, rows, window)))
            .collect();
        let mut weights = vec![0.0; queries.len() * seen.keys];
        for (nth, in_page) in in_pages(0..seen.keys, page) {
            let ([keys, _], first) = (seen.pages[nth], nth * page);
            for (i, (head, visible)) in queries.iter().enumerate() {
                let query = &seen.queries[heads.at(i % rows, heads.query, *head)];
                let part = within(visible, &in_page, first);
                if part.is_empty() {
                    continue;
                }
                let weights =
                    &mut weights[i * seen.keys..][first + part.start..first + part.end];
                let keys = &keys[key_head * head_step + part.start * step..];
                // The first query brings them in for the others.
                scores(weights, query, keys, (step, i == 0), heads.scale());
            }
        }
        for (weights, (_, visible)) in weights.chunks_exact_mut(seen.keys).zip(&queries) {
            softmax(&mut weights[visible.clone()]);
        }
        let mut out = vec![0.0; queries.len() * heads.dim];
        for (nth, in_page) in in_pages(0..seen.keys, page) {
            let ([_, values], first) = (seen.pages[nth], nth * page);
            for (i, (_, visible)) in queries.iter().enumerate() {
                let part = within(visible, &in_page, first);
                if part.is_empty() {
                    continue;
                }
                let weights = &weights[i * seen.keys..][first + part.start..first + part.end];
                let values = &values[key_head * head_step + part.start * step..];
                let out = &mut out[i * heads.dim..][..heads.dim];
                add_rows(out, weights, values, (step, i == 0));
            }
        }
        out
    }
}

/// The rows of a page, which begins at `first`, that are visible.
#[inline(always)]
fn within(visible: &Range<usize>, in_page: &Range<usize>, first: usize) -> Range<usize> {
    let start = visible.start.max(first + in_page.start) - first;
    let end = visible.end.min(first + in_page.end).saturating_sub(first);
    start..end.max(start)
}

/// The pages that hold these rows, and which of its rows each page has of them.
#[inline(always)]
fn in_pages(rows: Range<usize>, page: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (rows.start / page..rows.end.div_ceil(page)).map(move |nth| {
        let first = nth * page;
        (nth, rows.start.max(first) - first..rows.end.min(first + page) - first)
    })
}

/// How a query agrees with some keys, which begin `step` values after one another.
///
/// What comes next is asked for ahead if it `is_new`.
#[inline(always)]
fn scores(out: &mut [f32], query: &[f32], keys: &[f32], (step, is_new): (usize, bool), scale: f32) {
    let (parts, rest) = query.as_chunks::<LANES>();
    let done = parts.len() * LANES;
    // Vectors of sums are put aside and added up later: a compiler that sees both at once takes the
    // vectors apart.
    let mut sums = [[0.0_f32; LANES]; ASIDE];
    for (out, keys) in out.chunks_mut(ASIDE).zip(keys.chunks(ASIDE * step)) {
        if is_new {
            (0..out.len()).for_each(|nth| prefetch(keys, nth * step + AHEAD, query.len()));
        }
        let sums = &mut sums[..out.len()];
        let (fours, ones) = sums.as_chunks_mut::<4>();
        let (first, last) = keys.split_at((fours.len() * 4 * step).min(keys.len()));
        for (sums, keys) in fours.iter_mut().zip(first.chunks(4 * step)) {
            *sums = products(parts, keys, step);
        }
        for (sums, key) in ones.iter_mut().zip(last.chunks(step)) {
            [*sums] = products(parts, key, step);
        }
        for ((out, sums), key) in out.iter_mut().zip(&*sums).zip(keys.chunks(step)) {
            let more: f32 = rest.iter().zip(&key[done..]).map(|(x, y)| x * y).sum();
            *out = (sums.iter().sum::<f32>() + more) * scale;
        }
    }
}

/// The products of a query with `N` keys, each in several sums.
#[inline(always)]
fn products<const N: usize>(
    query: &[[f32; LANES]],
    keys: &[f32],
    step: usize,
) -> [[f32; LANES]; N] {
    let mut rows = [query; N];
    for (nth, row) in rows.iter_mut().enumerate() {
        *row = &keys[nth * step..].as_chunks().0[..query.len()];
    }
    let mut sums = [[0.0; LANES]; N];
    for (i, query) in query.iter().enumerate() {
        for n in 0..N {
            for lane in 0..LANES {
                sums[n][lane] += query[lane] * rows[n][i][lane];
            }
        }
    }
    sums
}

/// Adds rows to `out`, each times its weight; they begin `step` values after one another.
///
/// What comes next is asked for ahead if it `is_new`.
#[inline(always)]
fn add_rows(out: &mut [f32], weights: &[f32], rows: &[f32], (step, is_new): (usize, bool)) {
    let width = out.len();
    for (weights, rows) in weights.chunks(ASIDE).zip(rows.chunks(ASIDE * step)) {
        if is_new {
            (0..weights.len()).for_each(|nth| prefetch(rows, nth * step + AHEAD, width));
        }
        let (wide, rest) = out.as_chunks_mut::<{ 2 * PART }>();
        let mut at = 0;
        for part in wide {
            add_part(part, weights, rows, (step, at));
            at += part.len();
        }
        let (parts, rest) = rest.as_chunks_mut::<PART>();
        for part in parts {
            add_part(part, weights, rows, (step, at));
            at += part.len();
        }
        for (row, weight) in rows.chunks(step).zip(weights) {
            for (sum, value) in rest.iter_mut().zip(&row[at..]) {
                *sum += weight * value;
            }
        }
    }
}

/// Adds as many values of each row, from `at` on.
#[inline(always)]
fn add_part<const N: usize>(
    part: &mut [f32; N],
    weights: &[f32],
    rows: &[f32],
    (step, at): (usize, usize),
) {
    let mut sums = *part;
    for (row, weight) in rows.chunks(step).zip(weights) {
        let Some(row) = row.get(at..).and_then(<[f32]>::first_chunk::<N>) else { continue };
        for lane in 0..N {
            sums[lane] += weight * row[lane];
        }
    }
    *part = sums;
}

/// So many keys are looked at before their sums are added up.
const ASIDE: usize = 16;
/// So many sums stay in registers while rows are added to them, or twice as many.
const PART: usize = 4 * LANES;
/// What lies so many values further on is asked for ahead.
const AHEAD: usize = 1024;
