//! The head in training: how likely targets are, without all logits at once.

use crate::kernels;
use crate::matmul::{Place, View, product};
use crate::network::Network;

impl Network {
    /// The log-probability of each target after its row of `hidden`.
    pub(super) fn target_log_probs(&self, hidden: &[f32], targets: &[u32]) -> Vec<f32> {
        let chunks = hidden.chunks(HEAD_ROWS * self.config.hidden).zip(targets.chunks(HEAD_ROWS));
        chunks
            .flat_map(|(hidden, targets)| kernels::log_probs(&self.logits(hidden), targets))
            .collect()
    }

    /// The same, with the gradient of a loss by `hidden`, given that by the log-probabilities.
    ///
    /// The gradient by the head's weights is added to `by_head`, if there is such.
    pub(super) fn head_back(
        &self,
        hidden: &[f32],
        targets: &[u32],
        by_log_probs: &[f32],
        smoothing: f32,
        mut by_head: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>) {
        let (width, vocabulary) = (self.config.hidden, self.config.vocabulary);
        let head = View::of(self.head().values(), width);
        let (mut told, mut by_hidden) = (Vec::new(), Vec::with_capacity(hidden.len()));
        let chunks = hidden.chunks(HEAD_ROWS * width).zip(targets.chunks(HEAD_ROWS));
        for ((hidden, targets), grad) in chunks.zip(by_log_probs.chunks(HEAD_ROWS)) {
            let mut logits = self.logits(hidden);
            told.extend(kernels::log_probs_back(&mut logits, targets, grad, smoothing));
            let by_logits = View::of(&logits, vocabulary);
            by_hidden.extend(product(by_logits, head));
            if let Some(by_head) = &mut by_head {
                let place = Place::of(by_head, width).adding();
                place.product(by_logits.transposed(), View::of(hidden, width));
            }
        }
        (told, by_hidden)
    }
}

/// How many rows of logits there are at once. A row is as long as the vocabulary.
pub(crate) const HEAD_ROWS: usize = 128;
