//! How likely targets are under logits.

use rayon::prelude::*;

use super::lanes::{exp_and_sum, max, wide};

/// The log-probability of each row's target under the row's logits.
pub(crate) fn log_probs(logits: &[f32], targets: &[u32]) -> Vec<f32> {
    let width = logits.len() / targets.len().max(1);
    let rows = logits.par_chunks(width.max(1)).zip(targets);
    rows.map(|(row, target)| log_prob(row, *target as usize)).collect()
}

/// The log-probabilities, and their gradient by the logits in the logits' place.
///
/// With a `smoothing` above 0, the gradient is that of a mean instead: so much of each target's
/// log-probability gives way to the average over all tokens (Szegedy et al. 2016).
pub(crate) fn log_probs_back(
    logits: &mut [f32],
    targets: &[u32],
    grad: &[f32],
    smoothing: f32,
) -> Vec<f32> {
    let width = logits.len() / targets.len().max(1);
    let rows = logits.par_chunks_mut(width.max(1)).zip(targets).zip(grad);
    rows.map(|((row, target), grad)| row_back(row, *target as usize, *grad, smoothing)).collect()
}

wide! {
    fn log_prob(row: &[f32], target: usize) -> f32 {
        let mut scratch = row.to_vec();
        let shift = max(row);
        row[target] - shift - exp_and_sum(&mut scratch, shift).ln()
    }
}

wide! {
    fn row_back(row: &mut [f32], target: usize, grad: f32, smoothing: f32) -> f32 {
        let (shift, told) = (max(row), row[target]);
        let sum = exp_and_sum(row, shift);
        let (scale, share) = (grad / sum, grad * smoothing / row.len() as f32);
        for value in row.iter_mut() {
            *value = share - *value * scale;
        }
        row[target] += grad * (1.0 - smoothing);
        told - shift - sum.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::{check_gradient, noise, total};

    #[test]
    fn the_gradient_of_log_probs_agrees_with_differences() {
        let (logits, targets, grad) = (noise(1, 33), [2, 0, 10], noise(2, 3));
        let mut by_logits = logits.clone();
        let told = log_probs_back(&mut by_logits, &targets, &grad, 0.0);
        assert_eq!(told, log_probs(&logits, &targets));
        check_gradient(&logits, &by_logits, |x| total(&log_probs(x, &targets), &grad));
    }

    #[test]
    fn so_does_the_gradient_of_smoothed_log_probs() {
        let (logits, targets, grad) = (noise(1, 33), [2, 0, 10], noise(2, 3));
        let mut by_logits = logits.clone();
        log_probs_back(&mut by_logits, &targets, &grad, 0.25);
        check_gradient(&logits, &by_logits, |x| {
            let every = (0..11).map(|token| total(&log_probs(x, &[token; 3]), &grad));
            0.75 * total(&log_probs(x, &targets), &grad) + 0.25 * every.sum::<f64>() / 11.0
        });
    }
}
