//! AdamW with gradient clipping, and the learning rate over time.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::kernels;
use crate::network::{Gradients, Network};
use crate::tensor::Tensor;

/// What AdamW remembers of each weight.
#[derive(Debug)]
pub(crate) struct Optimizer {
    moments: Vec<Moments>,
    steps: i32,
}

#[derive(Debug)]
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
    decays: bool,
}

/// What a step of the optimizer goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// The gradient is scaled down to this length where it is longer.
    pub(crate) clip: f64,
}

impl Optimizer {
    /// For the weights of this network.
    pub(crate) fn new(network: &Network) -> Self {
        let moments = network.tensors().map(|tensor| {
            let zeros = vec![0.0; tensor.values().len()];
            // Norms and biases are left to find their own size.
            Moments { mean: zeros.clone(), square: zeros, decays: tensor.shape().len() > 1 }
        });
        Self { moments: moments.collect(), steps: 0 }
    }

    /// Takes one step down the gradient of a loss that is a sum over `shards`.
    ///
    /// `part` returns the gradients of one shard's share, and a number to add up and return.
    /// Shards run side by side and are added up in order, so that no thread's speed shows in the
    /// result.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the numbers or the gradients are not finite; nothing is changed then.
    pub(crate) fn step<S: Sync>(
        &mut self,
        network: &mut Network,
        shards: &[S],
        rates: Rates,
        part: impl Fn(&Network, &S) -> (Gradients, f64) + Sync,
    ) -> Result<f64> {
        let shares: Vec<(Gradients, f64)> =
            shards.par_iter().map(|shard| part(network, shard)).collect();
        let number: f64 = shares.iter().map(|(_, number)| number).sum();
        if !number.is_finite() {
            return Err(self.diverged());
        }
        let mut shares = shares.into_iter().map(|(gradients, _)| gradients);
        let Some(mut gradients) = shares.next() else { return Ok(number) };
        for share in shares {
            gradients.par_iter_mut().zip(share).for_each(
                |(sum, share): (&mut Vec<f32>, Vec<f32>)| {
                    kernels::accumulate(sum, &share);
                },
            );
        }
        self.descend(network, &gradients, rates)?;
        Ok(number)
    }

    fn diverged(&self) -> Error {
        Error::Diverged { step: u64::from(self.steps.unsigned_abs()) + 1 }
    }

    fn descend(
        &mut self,
        network: &mut Network,
        gradients: &Gradients,
        rates: Rates,
    ) -> Result<()> {
        let squares = |grad: &Vec<f32>| grad.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        let squares: Vec<f64> = gradients.par_iter().map(squares).collect();
        let length = squares.iter().sum::<f64>().sqrt();
        if !length.is_finite() {
            return Err(self.diverged());
        }
        let scale = if length > rates.clip { (rates.clip / length) as f32 } else { 1.0 };
        self.steps += 1;
        let steps = self.steps;
        let weights: Vec<&mut [f32]> = network.tensors_mut().map(Tensor::values_mut).collect();
        let parts = self.moments.par_iter_mut().zip(weights).zip(gradients);
        parts.for_each(|((moments, values), grad)| {
            moments.step(values, grad, scale, rates, steps);
        });
        Ok(())
    }
}

impl Moments {
    fn step(&mut self, values: &mut [f32], grad: &[f32], scale: f32, rates: Rates, steps: i32) {
        let mean_bias = 1.0 - BETA_1.powi(steps);
        let square_bias = 1.0 - BETA_2.powi(steps);
        let rate = (rates.learning_rate / mean_bias) as f32;
        let root = (1.0 / square_bias.sqrt()) as f32;
        let decay = if self.decays { rates.learning_rate * rates.weight_decay } else { 0.0 };
        let keep = (1.0 - decay) as f32;
        let (beta_1, beta_2) = (BETA_1 as f32, BETA_2 as f32);
        let state = self.mean.iter_mut().zip(&mut self.square);
        for ((value, (mean, square)), grad) in values.iter_mut().zip(state).zip(grad) {
            let grad = grad * scale;
            *mean = beta_1 * *mean + (1.0 - beta_1) * grad;
            *square = beta_2 * *square + (1.0 - beta_2) * grad * grad;
            *value = *value * keep - rate * *mean / (square.sqrt() * root + EPSILON);
        }
    }
}

/// The share of the learning rate in force at `step` of `total`: up in a line, down in a cosine.
pub(crate) fn schedule(step: u64, total: u64) -> f64 {
    let warm_up = (total / 20).clamp(1, 100);
    if step < warm_up {
        return (step + 1) as f64 / (warm_up + 1) as f64;
    }
    let progress = (step - warm_up) as f64 / (total - warm_up).max(1) as f64;
    LAST_SHARE + (1.0 - LAST_SHARE) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.99;
const EPSILON: f32 = 1e-8;
/// The learning rate ends at this share of its highest.
const LAST_SHARE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;
    use crate::network::tests::noise;

    #[test]
    fn the_learning_rate_rises_then_falls() {
        let shares: Vec<f64> = (0..100).map(|step| schedule(step, 100)).collect();
        assert!(shares[..5].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(shares[5..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(shares.iter().all(|share| *share > 0.0 && *share <= 1.0));
    }

    fn values(network: &Network) -> Vec<Vec<f32>> {
        network.tensors().map(|tensor| tensor.values().to_vec()).collect()
    }

    #[test]
    fn a_step_with_a_loss_or_a_gradient_that_is_not_finite_is_not_taken() {
        let mut network = noise(&small(), 1);
        let (before, mut optimizer) = (values(&network), Optimizer::new(&network));
        let rates = Rates { learning_rate: 0.01, weight_decay: 0.0, clip: 1.0 };
        for (gradient, loss) in [(0.0, f64::NAN), (f32::INFINITY, 1.0), (f32::NAN, 1.0)] {
            let shard = |network: &Network, _: &()| {
                let filled = network.tensors().map(|it| vec![gradient; it.values().len()]);
                (filled.collect(), loss)
            };
            let error = optimizer.step(&mut network, &[()], rates, shard).unwrap_err();
            assert!(matches!(error, Error::Diverged { step: 1 }), "{error:?}");
        }
        assert_eq!(values(&network), before);
    }

    #[test]
    fn a_first_step_moves_each_weight_by_the_learning_rate_against_its_gradient() {
        let mut network = noise(&small(), 1);
        let (before, mut optimizer) = (values(&network), Optimizer::new(&network));
        let specs = small().tensors();
        let place = specs.iter().position(|(name, _)| name == "model.norm.weight").unwrap();
        let rates = Rates { learning_rate: 0.01, weight_decay: 0.0, clip: 1.0 };
        let shard = |network: &Network, share: &f32| {
            let zeros = network.tensors().map(|it| vec![0.0; it.values().len()]);
            let mut gradients: Gradients = zeros.collect();
            gradients[place] = [3.0 * share, -0.1 * share].repeat(8);
            (gradients, f64::from(*share))
        };
        let sum = optimizer.step(&mut network, &[0.25, 0.75], rates, shard).unwrap();
        assert_eq!(sum, 1.0);
        for (i, (before, after)) in before.iter().zip(values(&network)).enumerate() {
            for (j, (before, after)) in before.iter().zip(after).enumerate() {
                let expected = match j % 2 {
                    _ if i != place => 0.0,
                    0 => -0.01,
                    _ => 0.01,
                };
                assert!((after - before - expected).abs() < 1e-5, "{i} {j}: {}", after - before);
            }
        }
    }
}
