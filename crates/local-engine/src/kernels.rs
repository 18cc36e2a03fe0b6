//! The arithmetic on plain slices: each step of the network with its derivative.
//!
//! Matrices are row-major. Every reduction runs in one fixed order, however many threads there
//! are and however wide the machine's vectors, so that the same input gives the same bits.

mod attention;
mod gemv;
mod lanes;
#[cfg(feature = "train")]
mod log_probs;
#[cfg(feature = "train")]
mod mask;
mod norm;
mod swiglu;

#[cfg(feature = "train")]
pub(crate) use self::attention::{AttentionBack, attention_back};
pub(crate) use self::attention::{Seen, Span, attention, attention_few};
pub(crate) use self::gemv::{FEW, Packed, few_rows, many_rows, widen};
use self::lanes::{add_scaled, dot};
#[cfg(feature = "train")]
pub(crate) use self::log_probs::{log_probs, log_probs_back};
#[cfg(feature = "train")]
pub(crate) use self::mask::Mask;
pub(crate) use self::norm::rms_norm;
#[cfg(feature = "train")]
pub(crate) use self::norm::rms_norm_back;
pub(crate) use self::swiglu::swiglu;
#[cfg(feature = "train")]
pub(crate) use self::swiglu::swiglu_slopes;

/// `y *= x`
#[cfg(feature = "train")]
pub(crate) fn multiply(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y *= x;
    }
}

/// `y += x`
pub(crate) fn accumulate(y: &mut [f32], x: &[f32]) {
    add_scaled(y, 1.0, x);
}

/// How long a row is, as a vector.
pub(crate) fn length(row: &[f32]) -> f32 {
    dot(row, row).sqrt()
}

/// Multiplies each column by its factor.
pub(crate) fn scale_columns(y: &mut [f32], factors: &[f32]) {
    for row in y.chunks_exact_mut(factors.len()) {
        for (value, factor) in row.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}

/// For each of `width` columns, the product of that of `x` with that of `y`.
#[cfg(feature = "train")]
pub(crate) fn column_dots(x: &[f32], y: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact(width)) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums
}

/// Rows that one task takes; fixed, so that sums do not depend on the thread count.
const ROWS: usize = 16;

#[cfg(test)]
mod tests {
    pub(super) fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
    }

    #[cfg(feature = "train")]
    pub(super) fn total(values: &[f32], weights: &[f32]) -> f64 {
        values.iter().zip(weights).map(|(v, w)| f64::from(*v) * f64::from(*w)).sum()
    }

    /// Compares a gradient with central differences of `loss`.
    #[cfg(feature = "train")]
    #[track_caller]
    pub(super) fn check_gradient(x: &[f32], gradient: &[f32], loss: impl Fn(&[f32]) -> f64) {
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
}
