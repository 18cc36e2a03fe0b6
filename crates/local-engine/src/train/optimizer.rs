//! AdamW with gradient clipping.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::kernels;
use crate::network::Gradients;
use crate::tensor::Tensor;
use crate::train::forecast::SIDE_BY_SIDE;
use crate::train::learner::Learner;

/// What AdamW remembers of each weight.
#[derive(Debug)]
pub(crate) struct Optimizer {
    moments: Vec<Moments>,
    steps: i32,
    norm: f64,
}

#[derive(Debug)]
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
    decays: bool,
}

/// What a step of the optimizer goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// The gradient is scaled down to this length where it is longer.
    pub(crate) clip: f64,
    /// How much is kept of the mean gradient, and of the mean square.
    pub(crate) betas: [f64; 2],
    /// What keeps a step from dividing by zero.
    pub(crate) epsilon: f64,
}

impl Default for Rates {
    /// Those of `PyTorch`'s `AdamW` without decay, and a clip at 1.
    fn default() -> Self {
        let (learning_rate, weight_decay, clip) = (1e-3, 0.0, 1.0);
        Self { learning_rate, weight_decay, clip, betas: [0.9, 0.999], epsilon: 1e-8 }
    }
}

impl Optimizer {
    /// For what this learner learns.
    pub(crate) fn new(learner: &Learner) -> Self {
        let moments = learner.tensors().map(|tensor| {
            let zeros = vec![0.0; tensor.values().len()];
            // Norms and biases are left to find their own size.
            Moments { mean: zeros.clone(), square: zeros, decays: tensor.shape().len() > 1 }
        });
        Self { moments: moments.collect(), steps: 0, norm: 0.0 }
    }

    /// Takes one step down the gradient of a loss that is a sum over `shards`.
    ///
    /// `part` returns the gradients of one shard's share, and a number to add up and return; it is
    /// told which shard it has.
    /// A few shards run side by side, and all are added up in order, so that no thread's speed
    /// shows in the result.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the numbers or the gradients are not finite; nothing is changed then.
    pub(crate) fn step<S: Sync>(
        &mut self,
        learner: &mut Learner,
        shards: &[S],
        rates: Rates,
        part: impl Fn(&Learner, usize, &S) -> (Gradients, f64) + Sync,
    ) -> Result<f64> {
        let (mut gradients, mut number) = (Gradients::new(), 0.0);
        let mut place = 0;
        for some in shards.chunks(SIDE_BY_SIDE) {
            let one = |(i, shard)| part(learner, place + i, shard);
            let shares: Vec<(Gradients, f64)> = some.par_iter().enumerate().map(one).collect();
            place += some.len();
            for (share, of_share) in shares {
                number += of_share;
                add(&mut gradients, share);
            }
        }
        if !number.is_finite() {
            return Err(self.diverged());
        }
        if shards.is_empty() {
            return Ok(number);
        }
        self.descend(learner, &gradients, rates)?;
        Ok(number)
    }

    /// How many steps were taken.
    pub(crate) fn steps(&self) -> i32 {
        self.steps
    }

    /// What is remembered of each weight: its mean gradient, and the mean of its square.
    pub(crate) fn moments(&self) -> impl Iterator<Item = [&Vec<f32>; 2]> {
        self.moments.iter().map(|moments| [&moments.mean, &moments.square])
    }

    /// Takes up what was remembered; `false`, and nothing is changed, if it is of other weights.
    pub(crate) fn restore(&mut self, steps: i32, kept: Vec<[Vec<f32>; 2]>) -> bool {
        let fits = |(own, kept): (&Moments, &[Vec<f32>; 2])| {
            kept.iter().all(|kept| kept.len() == own.mean.len())
        };
        if kept.len() != self.moments.len() || !self.moments.iter().zip(&kept).all(fits) {
            return false;
        }
        for (own, [mean, square]) in self.moments.iter_mut().zip(kept) {
            (own.mean, own.square) = (mean, square);
        }
        self.steps = steps;
        true
    }

    /// How long the gradient of the last step was, before it was scaled down.
    pub(crate) fn last_norm(&self) -> f64 {
        self.norm
    }

    fn diverged(&self) -> Error {
        Error::Diverged { step: u64::from(self.steps.unsigned_abs()) + 1 }
    }

    fn descend(
        &mut self,
        learner: &mut Learner,
        gradients: &Gradients,
        rates: Rates,
    ) -> Result<()> {
        let squares = |grad: &Vec<f32>| grad.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        let squares: Vec<f64> = gradients.par_iter().map(squares).collect();
        let length = squares.iter().sum::<f64>().sqrt();
        if !length.is_finite() {
            return Err(self.diverged());
        }
        self.norm = length;
        // What `clip_grad_norm_` of PyTorch does, to the last term.
        let scale = (rates.clip / (length + 1e-6)).min(1.0) as f32;
        self.steps += 1;
        let steps = self.steps;
        let weights: Vec<&mut [f32]> = learner.tensors_mut().map(Tensor::values_mut).collect();
        let parts = self.moments.par_iter_mut().zip(weights).zip(gradients);
        parts.for_each(|((moments, values), grad)| {
            moments.step(values, grad, scale, rates, steps);
        });
        learner.changed();
        Ok(())
    }
}

/// Adds a share to the sum of those before it.
fn add(sum: &mut Gradients, share: Gradients) {
    if sum.is_empty() {
        *sum = share;
        return;
    }
    let both = sum.par_iter_mut().zip(share);
    both.for_each(|(sum, share): (&mut Vec<f32>, Vec<f32>)| kernels::accumulate(sum, &share));
}

impl Moments {
    fn step(&mut self, values: &mut [f32], grad: &[f32], scale: f32, rates: Rates, steps: i32) {
        let [beta_1, beta_2] = rates.betas;
        let rate = (rates.learning_rate / (1.0 - beta_1.powi(steps))) as f32;
        let root = (1.0 / (1.0 - beta_2.powi(steps)).sqrt()) as f32;
        let decay = if self.decays { rates.learning_rate * rates.weight_decay } else { 0.0 };
        let keep = (1.0 - decay) as f32;
        let (new_1, new_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        let (beta_2, epsilon) = (beta_2 as f32, rates.epsilon as f32);
        let state = self.mean.iter_mut().zip(&mut self.square);
        for ((value, (mean, square)), grad) in values.iter_mut().zip(state).zip(grad) {
            let grad = grad * scale;
            *mean += new_1 * (grad - *mean);
            *square = beta_2 * *square + new_2 * grad * grad;
            *value = *value * keep - rate * *mean / (square.sqrt() * root + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;
    use crate::network::tests::noise;

    fn learner() -> Learner {
        Learner::full(noise(&small(), 1))
    }

    fn values(learner: &Learner) -> Vec<Vec<f32>> {
        learner.tensors().map(|tensor| tensor.values().to_vec()).collect()
    }

    #[test]
    fn a_step_with_a_loss_or_a_gradient_that_is_not_finite_is_not_taken() {
        let mut learner = learner();
        let (before, mut optimizer) = (values(&learner), Optimizer::new(&learner));
        let rates = Rates { learning_rate: 0.01, ..Rates::default() };
        for (gradient, loss) in [(0.0, f64::NAN), (f32::INFINITY, 1.0), (f32::NAN, 1.0)] {
            let shard = |learner: &Learner, _, (): &()| {
                let filled = learner.tensors().map(|it| vec![gradient; it.values().len()]);
                (filled.collect(), loss)
            };
            let error = optimizer.step(&mut learner, &[()], rates, shard).unwrap_err();
            assert!(matches!(error, Error::Diverged { step: 1 }), "{error:?}");
        }
        assert_eq!(values(&learner), before);
    }

    #[test]
    fn a_first_step_moves_each_weight_by_the_learning_rate_against_its_gradient() {
        let mut learner = learner();
        let (before, mut optimizer) = (values(&learner), Optimizer::new(&learner));
        let specs = small().tensors();
        let place = specs.iter().position(|(name, _)| name == "model.norm.weight").unwrap();
        let rates = Rates { learning_rate: 0.01, ..Rates::default() };
        let shard = |learner: &Learner, _, share: &f32| {
            let zeros = learner.tensors().map(|it| vec![0.0; it.values().len()]);
            let mut gradients: Gradients = zeros.collect();
            gradients[place] = [3.0 * share, -0.1 * share].repeat(8);
            (gradients, f64::from(*share))
        };
        let sum = optimizer.step(&mut learner, &[0.25, 0.75], rates, shard).unwrap();
        assert_eq!(sum, 1.0);
        for (i, (before, after)) in before.iter().zip(values(&learner)).enumerate() {
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
