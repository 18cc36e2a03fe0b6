//! Causal attention, with as many heads of keys as there are or fewer (Ainslie et al. 2023).

use std::ops::Range;

use rayon::prelude::*;

use crate::config::Heads;

mod blocks;
mod rows;

impl Heads {
    fn group(self) -> usize {
        self.query / self.key
    }

    fn scale(self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// The columns of head `head`.
    fn columns(self, head: usize) -> Range<usize> {
        head * self.dim..(head + 1) * self.dim
    }

    /// Where head `head` of row `row` lies in a matrix of `heads` heads.
    fn at(self, row: usize, heads: usize, head: usize) -> Range<usize> {
        let start = (row * heads + head) * self.dim;
        start..start + self.dim
    }
}

/// Rows that belong to one sequence; its last query sits at its last key.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) queries: Range<usize>,
    pub(crate) keys: Range<usize>,
}

impl Span {
    /// The keys that the query in row `row` may look at: at most the last `window`.
    fn visible(&self, row: usize, window: Option<usize>) -> Range<usize> {
        let end = self.keys.end - (self.queries.end - row) + 1;
        let first = window.map_or(0, |window| end.saturating_sub(window));
        self.keys.start.max(first)..end
    }
}

/// The last rows of a sequence, and all of its keys and values, which lie in pages.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// The last of them sits at the last key.
    pub(crate) queries: &'a [f32],
    /// Keys and values; there may be room behind the last.
    pub(crate) pages: Vec<[&'a [f32]; 2]>,
    /// How many tokens a page has room for.
    pub(crate) page: usize,
    /// How far apart the heads of a page are, and the rows of a head.
    pub(crate) steps: [usize; 2],
    /// How many keys there are.
    pub(crate) keys: usize,
}

impl Seen<'_> {
    /// The keys that a query may look at, of so many queries: at most the last `window`.
    fn visible(&self, nth: usize, queries: usize, window: Option<usize>) -> Range<usize> {
        let end = self.keys - (queries - nth) + 1;
        window.map_or(0, |window| end.saturating_sub(window))..end
    }
}

/// Causal attention of a few rows of each of several sequences.
///
/// What a row sees depends on its own sequence alone, to the bit.
pub(crate) fn attention_few(heads: Heads, window: Option<usize>, seen: &[Seen<'_>]) -> Vec<f32> {
    let tasks: Vec<_> =
        seen.iter().flat_map(|seen| (0..heads.key).map(move |head| (seen, head))).collect();
    let group = heads.group();
    let one = |(seen, head): &(&Seen<'_>, usize)| {
        rows::forward(heads, window, head * group..(head + 1) * group, seen)
    };
    let work: usize = seen.iter().map(|seen| seen.queries.len() * seen.keys).sum();
    let parts: Vec<Vec<f32>> = if work <= SMALL {
        tasks.iter().map(one).collect()
    } else {
        tasks.par_iter().map(one).collect()
    };
    let mut out = Vec::new();
    for (seen, parts) in seen.iter().zip(parts.chunks_exact(heads.key)) {
        let start = out.len();
        out.resize(start + seen.queries.len(), 0.0);
        let of_head = seen.queries.len() / heads.query;
        let parts = parts.iter().flat_map(|part| part.chunks_exact(of_head));
        for (head, part) in parts.enumerate() {
            scatter(heads, &mut out[start..], (0, heads.query, head), part);
        }
    }
    out
}

/// Causal attention inside each span; nothing looks across spans, or further back than a window.
pub(crate) fn attention(
    heads: Heads,
    window: Option<usize>,
    spans: &[Span],
    q: &[f32],
    k: &[f32],
    v: &[f32],
) -> Vec<f32> {
    let tasks: Vec<_> =
        spans.iter().flat_map(|span| (0..heads.query).map(move |head| (span, head))).collect();
    // How a span is computed depends on the span alone, so that its neighbours change no bit.
    let one = |(span, head): &(&Span, usize)| match span.queries.len() {
        ..=FEW_ROWS => {
            let (query, key) = (heads.query * heads.dim, heads.key * heads.dim);
            let keys = span.keys.start * key..span.keys.end * key;
            let seen = Seen {
                queries: &q[span.queries.start * query..span.queries.end * query],
                pages: vec![[&k[keys.clone()], &v[keys]]],
                page: span.keys.len(),
                steps: [heads.dim, key],
                keys: span.keys.len(),
            };
            rows::forward(heads, window, *head..head + 1, &seen)
        }
        _ => blocks::forward(heads, window, span, *head, (q, k, v)),
    };
    // Waking the other threads takes longer than to attend from a token or two.
    let parts: Vec<Vec<f32>> = if q.len() <= FEW_ROWS * heads.query * heads.dim {
        tasks.iter().map(one).collect()
    } else {
        tasks.par_iter().map(one).collect()
    };
    let mut out = vec![0.0; q.len()];
    for ((span, head), part) in tasks.iter().zip(&parts) {
        scatter(heads, &mut out, (span.queries.start, heads.query, *head), part);
    }
    out
}

/// [`attention`] once more, and its gradients.
#[cfg(feature = "train")]
pub(crate) struct AttentionBack {
    pub(crate) out: Vec<f32>,
    pub(crate) by_q: Vec<f32>,
    pub(crate) by_k: Vec<f32>,
    pub(crate) by_v: Vec<f32>,
}

/// The gradients of [`attention`] by queries, keys and values.
#[cfg(feature = "train")]
pub(crate) fn attention_back(
    heads: Heads,
    window: Option<usize>,
    spans: &[Span],
    (q, k, v): (&[f32], &[f32], &[f32]),
    grad: &[f32],
) -> AttentionBack {
    let tasks: Vec<_> =
        spans.iter().flat_map(|span| (0..heads.key).map(move |head| (span, head))).collect();
    let parts: Vec<blocks::Back> = tasks
        .par_iter()
        .map(|(span, head)| blocks::backward(heads, window, span, *head, (q, k, v), grad))
        .collect();
    let of = |rows: &[f32]| vec![0.0; rows.len()];
    let mut back = AttentionBack { out: of(q), by_q: of(q), by_k: of(k), by_v: of(v) };
    for ((span, key_head), part) in tasks.iter().zip(&parts) {
        for (member, (out, by_q)) in part.of_queries.iter().enumerate() {
            let head = key_head * heads.group() + member;
            let place = (span.queries.start, heads.query, head);
            scatter(heads, &mut back.out, place, out);
            scatter(heads, &mut back.by_q, place, by_q);
        }
        let place = (span.keys.start, heads.key, *key_head);
        scatter(heads, &mut back.by_k, place, &part.by_k);
        scatter(heads, &mut back.by_v, place, &part.by_v);
    }
    back
}

/// Puts one head's rows, which start at `row`, to their place in a matrix of `count` heads.
fn scatter(
    heads: Heads,
    matrix: &mut [f32],
    (row, count, head): (usize, usize, usize),
    part: &[f32],
) {
    for (i, values) in part.chunks_exact(heads.dim).enumerate() {
        matrix[heads.at(row + i, count, head)].copy_from_slice(values);
    }
}

/// So many rows are too few for products of matrices, and for a second thread.
const FEW_ROWS: usize = 4;
/// So many values of queries, each times the keys that it sees, are not worth a second thread.
const SMALL: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;
    #[cfg(feature = "train")]
    use crate::kernels::tests::{check_gradient, total};

    #[cfg(feature = "train")]
    #[test]
    fn the_gradient_of_attention_agrees_with_differences() {
        for window in [None, Some(2)] {
            check_attention(window);
        }
    }

    #[cfg(feature = "train")]
    #[track_caller]
    fn check_attention(window: Option<usize>) {
        let heads = Heads { query: 4, key: 2, dim: 6 };
        let spans = [Span { queries: 0..4, keys: 0..4 }, Span { queries: 4..7, keys: 4..7 }];
        let (q, k, v) = (noise(1, 7 * 24), noise(2, 7 * 12), noise(3, 7 * 12));
        let grad = noise(4, 7 * 24);
        let out = attention(heads, window, &spans, &q, &k, &v);
        let back = attention_back(heads, window, &spans, (&q, &k, &v), &grad);
        for (again, out) in back.out.iter().zip(&out) {
            assert!((again - out).abs() < 1e-6, "{again} and {out}");
        }
        let AttentionBack { by_q, by_k, by_v, .. } = back;
        check_gradient(&q, &by_q, |q| total(&attention(heads, window, &spans, q, &k, &v), &grad));
        check_gradient(&k, &by_k, |k| total(&attention(heads, window, &spans, &q, k, &v), &grad));
        check_gradient(&v, &by_v, |v| total(&attention(heads, window, &spans, &q, &k, v), &grad));
    }

    #[test]
    fn many_rows_at_once_see_what_each_sees_alone() {
        let heads = Heads { query: 4, key: 2, dim: 8 };
        let (q, k, v) = (noise(1, 150 * 32), noise(2, 150 * 16), noise(3, 150 * 16));
        let spans =
            [Span { queries: 0..140, keys: 0..140 }, Span { queries: 140..150, keys: 140..150 }];
        for window in [None, Some(1), Some(5), Some(64), Some(100)] {
            let together = attention(heads, window, &spans, &q, &k, &v);
            for row in [0, 1, 63, 64, 100, 127, 128, 139, 140, 149] {
                let start = if row < 140 { 0 } else { 140 };
                let alone = [Span { queries: 0..1, keys: start..row + 1 }];
                let query = &q[row * 32..(row + 1) * 32];
                let alone = attention(heads, window, &alone, query, &k, &v);
                for (together, alone) in together[row * 32..(row + 1) * 32].iter().zip(&alone) {
                    assert!(
                        (together - alone).abs() < 1e-5,
                        "{row} {window:?}: {together}, {alone}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_row_sees_the_same_in_pages_and_whatever_is_beside_it() {
        let heads = Heads { query: 4, key: 2, dim: 8 };
        // As many keys as each sequence has, and rows of queries.
        let sequences = [(1, 1), (64, 1), (150, 3), (65, 8), (64, 64)];
        for window in [None, Some(1), Some(20), Some(70)] {
            let rows: Vec<_> = (0..)
                .zip(sequences)
                .map(|(seed, (keys, queries))| {
                    let part = |seed, len| noise(seed, len);
                    let (k, v) = (part(seed + 10, keys * 16), part(seed + 20, keys * 16));
                    (part(seed, queries * 32), k, v)
                })
                .collect();
            let seen: Vec<Seen<'_>> = rows
                .iter()
                .zip(sequences)
                .map(|((q, k, v), (keys, _))| {
                    let pages = k.chunks(16 * 16).zip(v.chunks(16 * 16)).map(|(k, v)| [k, v]);
                    Seen { queries: q, pages: pages.collect(), page: 16, steps: [8, 16], keys }
                })
                .collect();
            let together = attention_few(heads, window, &seen);
            let mut start = 0;
            for ((q, k, v), (keys, queries)) in rows.iter().zip(sequences) {
                let together = &together[start..start + q.len()];
                start += q.len();
                let span = Span { queries: 0..queries, keys: 0..keys };
                let alone = attention(heads, window, &[span], q, k, v);
                if queries <= FEW_ROWS {
                    assert_eq!(together, alone);
                }
                for (together, alone) in together.iter().zip(&alone) {
                    assert!((together - alone).abs() < 1e-5, "{together} and {alone}");
                }
            }
        }
    }

    #[test]
    fn a_span_cannot_see_another() {
        let heads = Heads { query: 2, key: 1, dim: 4 };
        let (q, k, v) = (noise(1, 5 * 8), noise(2, 5 * 4), noise(3, 5 * 4));
        let both = [Span { queries: 0..2, keys: 0..2 }, Span { queries: 2..5, keys: 2..5 }];
        let packed = attention(heads, None, &both, &q, &k, &v);
        let alone = [Span { queries: 0..3, keys: 0..3 }];
        let second = attention(heads, None, &alone, &q[16..], &k[8..], &v[8..]);
        assert_eq!(packed[16..], second);
    }
}
