//! RMSNorm (Zhang and Sennrich 2019).

use rayon::prelude::*;

use super::ROWS;
#[cfg(feature = "train")]
use super::lanes::add_scaled;
use super::lanes::{dot, wide};

/// RMSNorm over rows as long as `weight`.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let mut y = vec![0.0; x.len()];
    if x.len() <= width * ROWS {
        rows(&mut y, x, weight, eps);
    } else {
        y.par_chunks_mut(width * ROWS)
            .zip(x.par_chunks(width * ROWS))
            .for_each(|(y, x)| rows(y, x, weight, eps));
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
        .map(|((by_x, x), grad)| rows_back(by_x, x, weight, eps, grad))
        .collect();
    let mut by_weight = vec![0.0; width];
    for part in &partial {
        add_scaled(&mut by_weight, 1.0, part);
    }
    (by_x, by_weight)
}

wide! {
    fn rows(y: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
        let width = weight.len();
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = inverse_rms(x, eps);
            for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
                *y = x * scale * weight;
            }
        }
    }
}

#[cfg(feature = "train")]
wide! {
    /// Fills in the gradient by `x`, and returns these rows' share of that by the weight.
    fn rows_back(by_x: &mut [f32], x: &[f32], weight: &[f32], eps: f32, grad: &[f32]) -> Vec<f32> {
        let width = weight.len();
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
    }
}

#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt()
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;
    use crate::kernels::tests::{check_gradient, noise, total};

    #[test]
    fn the_gradient_of_rms_norm_agrees_with_differences() {
        let (x, weight, grad) = (noise(1, 36), noise(2, 12), noise(3, 36));
        let (by_x, by_weight) = rms_norm_back(&x, &weight, 1e-5, &grad);
        check_gradient(&x, &by_x, |x| total(&rms_norm(x, &weight, 1e-5), &grad));
        check_gradient(&weight, &by_weight, |weight| total(&rms_norm(&x, weight, 1e-5), &grad));
    }
}
