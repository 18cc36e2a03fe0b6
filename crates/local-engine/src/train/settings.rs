//! The hyper-parameters: what the job sets, and what is chosen for it.

use serde::{Deserialize, Serialize};
use trainer::{Hyperparameters, Pace};

use crate::train::run::Plan;

/// All that decides how a job trains, its data apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) supervised: Plan,
    pub(crate) preference: Plan,
    pub(crate) beta: f64,
    pub(crate) seed: u64,
    multiplier: f64,
    /// How many of the conversations learned first are rehearsed in each step.
    pub(crate) rehearsed_first: usize,
    /// The same for those learned since.
    pub(crate) rehearsed_later: usize,
}

impl Settings {
    /// Chooses what `asked` leaves open, for so many examples and preferences.
    pub(crate) fn new(
        asked: &Hyperparameters,
        seed: Option<u64>,
        is_adapter: bool,
        examples: usize,
        pairs: usize,
    ) -> Self {
        let multiplier = asked.learning_rate_multiplier.unwrap_or(1.0);
        let seed = seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
        let batch_size = |most: usize, count: usize| {
            asked.batch_size.map_or(most, |size| size as usize).min(count.max(1))
        };
        // A set number of epochs is kept to; a chosen one is only the most there will be.
        let enough = |loss| if asked.epochs.is_some() { 0.0 } else { loss };
        let epochs = match (is_adapter, examples) {
            // A few steps teach an adapter nothing, and a few epochs of many examples are enough.
            (true, _) => (STEPS * 8).div_ceil(examples.max(1)).clamp(3, 25) as u32,
            (false, ..=FEW) => 60,
            (false, _) => 40,
        };
        let rate = match (is_adapter, examples) {
            (true, _) => 2e-4,
            (false, ..=FEW) => 4e-4,
            (false, _) => 1e-3,
        };
        let supervised = Plan {
            epochs: asked.epochs.unwrap_or(epochs),
            batch_size: batch_size(8, examples),
            learning_rate: multiplier * rate,
            weight_decay: if is_adapter { 0.0 } else { 0.01 },
            smoothing: 0.0,
            enough: enough(0.02),
            pace: Pace::default(),
            seed,
        };
        let preference = Plan {
            epochs: asked.epochs.unwrap_or(10),
            batch_size: batch_size(4, pairs),
            learning_rate: multiplier * 1e-4,
            weight_decay: 0.0,
            smoothing: 0.0,
            enough: enough(0.1),
            pace: Pace::default(),
            seed,
        };
        Self {
            beta: asked.beta.unwrap_or(0.1),
            seed,
            multiplier,
            rehearsed_first: 2,
            rehearsed_later: 8,
            supervised,
            preference,
        }
    }

    /// What is in use, as a status tells it.
    pub(crate) fn in_use(&self, with_preferences: bool) -> Hyperparameters {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut told = Hyperparameters::default()
            .with_epochs(self.supervised.epochs)
            .with_batch_size(count(self.supervised.batch_size))
            .with_learning_rate_multiplier(self.multiplier);
        if with_preferences {
            told = told.with_beta(self.beta);
        }
        told
    }
}

/// Up to so many examples there is one step in an epoch, and the model is to change little else.
const FEW: usize = 8;
/// About so many steps an adapter is to take at least.
const STEPS: usize = 100;
