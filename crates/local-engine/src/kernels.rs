//! The arithmetic on plain slices: each step of the network with its derivative.
//!
//! Matrices are row-major. Every reduction runs in one fixed order, however many threads there
//! are, so that the same input gives the same bits.

use std::ops::Range;

use rayon::prelude::*;

use crate::config::Heads;

/// `exp(x)`, exact to about 1e-7 of the value, in a form that compilers turn into vector code.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // 2^n · e^f with |f| ≤ ln 2 / 2; adding and taking away 1.5 · 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let f = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * f + 1.398_2e-3;
    let p = p * f + 8.333_452e-3;
    let p = p * f + 4.166_579_6e-2;
    let p = p * f + 1.666_666_5e-1;
    let p = p * f + 0.5;
    let y = p * f * f + f + 1.0;
    f32::from_bits((((n as i32) + 127) << 23) as u32) * y
}

#[inline(always)]
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (mut xs, mut ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for (x, y) in (&mut xs).zip(&mut ys) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// `y += a · x`
#[inline(always)]
fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

#[inline(always)]
fn max(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            best[lane] = if chunk[lane] > best[lane] { chunk[lane] } else { best[lane] };
        }
    }
    best.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |a, b| a.max(*b))
}

/// Replaces each value by `exp(value - shift)` and returns the sum.
#[inline(always)]
fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let mut chunks = x.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            sums[lane] += chunk[lane];
        }
    }
    let mut total: f32 = sums.iter().sum();
    for value in chunks.into_remainder() {
        *value = exp(*value - shift);
        total += *value;
    }
    total
}

#[inline(always)]
fn softmax(x: &mut [f32]) {
    let shift = max(x);
    let scale = 1.0 / exp_and_sum(x, shift);
    for value in x {
        *value *= scale;
    }
}

/// `x + y`
pub(crate) fn sum(x: &[f32], y: &[f32]) -> Vec<f32> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

/// `y += x`
pub(crate) fn accumulate(y: &mut [f32], x: &[f32]) {
    add_scaled(y, 1.0, x);
}

/// RMSNorm over rows as long as `weight`.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let rows = |(y, x): (&mut [f32], &[f32])| {
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = inverse_rms(x, eps);
            for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
                *y = x * scale * weight;
            }
        }
    };
    let mut y = vec![0.0; x.len()];
    if x.len() <= width * ROWS {
        rows((&mut y, x));
    } else {
        y.par_chunks_mut(width * ROWS).zip(x.par_chunks(width * ROWS)).for_each(rows);
    }
    y
}

/// The gradients of [`rms_norm`] by its input and its weight.
#[cfg(feature = "train")]
pub(crate) fn rms_norm_back(
    x: &[f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let mut by_x = vec![0.0; x.len()];
    let partial: Vec<Vec<f32>> = by_x
        .par_chunks_mut(width * ROWS)
        .zip(x.par_chunks(width * ROWS))
        .zip(grad.par_chunks(width * ROWS))
        .map(|((by_x, x), grad)| {
            let mut by_weight = vec![0.0; width];
            let rows = by_x.chunks_exact_mut(width).zip(x.chunks_exact(width));
            for ((by_x, x), grad) in rows.zip(grad.chunks_exact(width)) {
                let scale = inverse_rms(x, eps);
                for i in 0..width {
                    by_weight[i] += grad[i] * x[i] * scale;
                    by_x[i] = grad[i] * weight[i];
                }
                let pull = dot(by_x, x) * scale * scale / width as f32;
                for (by_x, x) in by_x.iter_mut().zip(x) {
                    *by_x = scale * (*by_x - x * pull);
                }
            }
            by_weight
        })
        .collect();
    let mut by_weight = vec![0.0; width];
    for part in &partial {
        add_scaled(&mut by_weight, 1.0, part);
    }
    (by_x, by_weight)
}

fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt()
}

/// `silu(gate) · up`
pub(crate) fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let block = |((y, gate), up): ((&mut [f32], &[f32]), &[f32])| {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate / (1.0 + exp(-gate)) * up;
        }
    };
    let mut y = vec![0.0; gate.len()];
    if gate.len() <= BLOCK {
        block(((&mut y, gate), up));
    } else {
        y.par_chunks_mut(BLOCK)
            .zip(gate.par_chunks(BLOCK))
            .zip(up.par_chunks(BLOCK))
            .for_each(block);
    }
    y
}

/// The gradients of [`swiglu`] by `gate` and `up`.
#[cfg(feature = "train")]
pub(crate) fn swiglu_back(gate: &[f32], up: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut by_gate, mut by_up) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
    by_gate
        .par_chunks_mut(BLOCK)
        .zip(by_up.par_chunks_mut(BLOCK))
        .zip(gate.par_chunks(BLOCK))
        .zip(up.par_chunks(BLOCK))
        .zip(grad.par_chunks(BLOCK))
        .for_each(|((((by_gate, by_up), gate), up), grad)| {
            let outputs = by_gate.iter_mut().zip(by_up);
            for ((((by_gate, by_up), gate), up), grad) in outputs.zip(gate).zip(up).zip(grad) {
                let sigmoid = 1.0 / (1.0 + exp(-gate));
                let silu = gate * sigmoid;
                *by_up = grad * silu;
                *by_gate = grad * up * (sigmoid + silu * (1.0 - sigmoid));
            }
        });
    (by_gate, by_up)
}

impl Heads {
    fn group(self) -> usize {
        self.query / self.key
    }

    fn scale(self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
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
    let one = |(span, head): &(&Span, usize)| {
        let key_head = head / heads.group();
        let mut weights = vec![0.0; span.keys.len()];
        let mut part = vec![0.0; span.queries.len() * heads.dim];
        for (row, out) in span.queries.clone().zip(part.chunks_exact_mut(heads.dim)) {
            let visible = span.visible(row, window);
            let weights = &mut weights[..visible.len()];
            attention_weights(heads, q, k, (row, *head), visible.clone(), weights);
            for (weight, row) in weights.iter().zip(visible) {
                add_scaled(out, *weight, &v[heads.at(row, heads.key, key_head)]);
            }
        }
        part
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

/// The gradients of [`attention`] by queries, keys and values; `out` is what it returned.
#[cfg(feature = "train")]
pub(crate) fn attention_back(
    heads: Heads,
    window: Option<usize>,
    spans: &[Span],
    (q, k, v): (&[f32], &[f32], &[f32]),
    out: &[f32],
    grad: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let tasks: Vec<_> =
        spans.iter().flat_map(|span| (0..heads.key).map(move |head| (span, head))).collect();
    let parts: Vec<_> = tasks
        .par_iter()
        .map(|(span, key_head)| {
            let dim = heads.dim;
            let (mut by_k, mut by_v) =
                (vec![0.0; span.keys.len() * dim], vec![0.0; span.keys.len() * dim]);
            let mut weights = vec![0.0; span.keys.len()];
            let by_q: Vec<Vec<f32>> = (0..heads.group())
                .map(|member| {
                    let head = key_head * heads.group() + member;
                    let mut by_q = vec![0.0; span.queries.len() * dim];
                    for (row, by_q) in span.queries.clone().zip(by_q.chunks_exact_mut(dim)) {
                        let visible = span.visible(row, window);
                        let weights = &mut weights[..visible.len()];
                        attention_weights(heads, q, k, (row, head), visible.clone(), weights);
                        let at = heads.at(row, heads.query, head);
                        let (query, grad) = (&q[at.clone()], &grad[at.clone()]);
                        let mean = dot(&out[at], grad);
                        let keys = by_k.chunks_exact_mut(dim).zip(by_v.chunks_exact_mut(dim));
                        let keys = keys.skip(visible.start - span.keys.start);
                        for ((weight, row), (by_k, by_v)) in weights.iter().zip(visible).zip(keys) {
                            let at = heads.at(row, heads.key, *key_head);
                            let by_score =
                                weight * (dot(grad, &v[at.clone()]) - mean) * heads.scale();
                            add_scaled(by_q, by_score, &k[at]);
                            add_scaled(by_k, by_score, query);
                            add_scaled(by_v, *weight, grad);
                        }
                    }
                    by_q
                })
                .collect();
            (by_q, by_k, by_v)
        })
        .collect();
    let (mut by_q, mut by_k, mut by_v) =
        (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    for ((span, key_head), (q_parts, k_part, v_part)) in tasks.iter().zip(&parts) {
        for (member, part) in q_parts.iter().enumerate() {
            let head = key_head * heads.group() + member;
            scatter(heads, &mut by_q, (span.queries.start, heads.query, head), part);
        }
        scatter(heads, &mut by_k, (span.keys.start, heads.key, *key_head), k_part);
        scatter(heads, &mut by_v, (span.keys.start, heads.key, *key_head), v_part);
    }
    (by_q, by_k, by_v)
}

/// How much the query in (row, head) looks at each visible key.
#[inline(always)]
fn attention_weights(
    heads: Heads,
    q: &[f32],
    k: &[f32],
    (row, head): (usize, usize),
    visible: Range<usize>,
    weights: &mut [f32],
) {
    let query = &q[heads.at(row, heads.query, head)];
    for (weight, key) in weights.iter_mut().zip(visible) {
        *weight = dot(query, &k[heads.at(key, heads.key, head / heads.group())]) * heads.scale();
    }
    softmax(weights);
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

/// The log-probability of each row's target under the row's logits.
#[cfg(feature = "train")]
pub(crate) fn log_probs(logits: &[f32], targets: &[u32]) -> Vec<f32> {
    let width = logits.len() / targets.len().max(1);
    logits
        .par_chunks(width.max(1))
        .zip(targets)
        .map(|(row, target)| {
            let mut scratch = row.to_vec();
            let shift = max(row);
            row[*target as usize] - shift - exp_and_sum(&mut scratch, shift).ln()
        })
        .collect()
}

/// The gradient of [`log_probs`] by the logits, in their place.
///
/// With a `smoothing` above 0, that of a mean instead: so much of each target's log-probability
/// gives way to the average over all tokens (Szegedy et al. 2016).
#[cfg(feature = "train")]
pub(crate) fn log_probs_back(
    mut logits: Vec<f32>,
    targets: &[u32],
    grad: &[f32],
    smoothing: f32,
) -> Vec<f32> {
    let width = logits.len() / targets.len().max(1);
    let share = smoothing / width.max(1) as f32;
    logits.par_chunks_mut(width.max(1)).zip(targets).zip(grad).for_each(|((row, target), grad)| {
        softmax(row);
        for value in row.iter_mut() {
            *value = grad * (share - *value);
        }
        row[*target as usize] += grad * (1.0 - smoothing);
    });
    logits
}

/// Values handled side by side.
const LANES: usize = 8;
/// Rows, and values, that one task takes; fixed, so that sums do not depend on the thread count.
const ROWS: usize = 16;
const BLOCK: usize = 8192;
/// Up to so many rows of queries one thread does alone.
const FEW_ROWS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
    }

    #[cfg(feature = "train")]
    fn total(values: &[f32], weights: &[f32]) -> f64 {
        values.iter().zip(weights).map(|(v, w)| f64::from(*v) * f64::from(*w)).sum()
    }

    #[cfg(feature = "train")]
    /// Compares a gradient with central differences of `loss`.
    #[track_caller]
    fn check_gradient(x: &[f32], gradient: &[f32], loss: impl Fn(&[f32]) -> f64) {
        const STEP: f32 = 1e-2;
        assert_eq!(x.len(), gradient.len());
        for i in 0..x.len() {
            let at = |delta: f32| {
                let mut moved = x.to_vec();
                moved[i] += delta;
                loss(&moved)
            };
            let expected = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
            let found = f64::from(gradient[i]);
            assert!((found - expected).abs() < 2e-3, "{i}: {found} instead of {expected}");
        }
    }

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let relative = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 3e-7, "exp({x}) is off by {relative}");
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn the_gradient_of_rms_norm_agrees_with_differences() {
        let (x, weight, grad) = (noise(1, 36), noise(2, 12), noise(3, 36));
        let (by_x, by_weight) = rms_norm_back(&x, &weight, 1e-5, &grad);
        check_gradient(&x, &by_x, |x| total(&rms_norm(x, &weight, 1e-5), &grad));
        check_gradient(&weight, &by_weight, |weight| total(&rms_norm(&x, weight, 1e-5), &grad));
    }

    #[cfg(feature = "train")]
    #[test]
    fn the_gradient_of_swiglu_agrees_with_differences() {
        let (gate, up, grad) = (noise(1, 20), noise(2, 20), noise(3, 20));
        let (by_gate, by_up) = swiglu_back(&gate, &up, &grad);
        check_gradient(&gate, &by_gate, |gate| total(&swiglu(gate, &up), &grad));
        check_gradient(&up, &by_up, |up| total(&swiglu(&gate, up), &grad));
    }

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
        let (by_q, by_k, by_v) = attention_back(heads, window, &spans, (&q, &k, &v), &out, &grad);
        check_gradient(&q, &by_q, |q| total(&attention(heads, window, &spans, q, &k, &v), &grad));
        check_gradient(&k, &by_k, |k| total(&attention(heads, window, &spans, &q, k, &v), &grad));
        check_gradient(&v, &by_v, |v| total(&attention(heads, window, &spans, &q, &k, v), &grad));
    }

    #[cfg(feature = "train")]
    #[test]
    fn the_gradient_of_log_probs_agrees_with_differences() {
        let (logits, targets, grad) = (noise(1, 33), [2, 0, 10], noise(2, 3));
        let by_logits = log_probs_back(logits.clone(), &targets, &grad, 0.0);
        check_gradient(&logits, &by_logits, |x| total(&log_probs(x, &targets), &grad));
    }

    #[cfg(feature = "train")]
    #[test]
    fn so_does_the_gradient_of_smoothed_log_probs() {
        let (logits, targets, grad) = (noise(1, 33), [2, 0, 10], noise(2, 3));
        let by_logits = log_probs_back(logits.clone(), &targets, &grad, 0.25);
        check_gradient(&logits, &by_logits, |x| {
            let every = (0..11).map(|token| total(&log_probs(x, &[token; 3]), &grad));
            0.75 * total(&log_probs(x, &targets), &grad) + 0.25 * every.sum::<f64>() / 11.0
        });
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
