//! The head in training: how likely targets are, without all logits at once.

use crate::kernels;
use crate::matmul::{Place, View, product};
use crate::network::Network;

impl Network {
    /// The log-probability of each target after its row of `hidden`.
    pub(super) fn target_log_probs(&self, hidden: &[f32], targets: &[u32]) -> Vec<f32> {
        let rows = head_rows(self.config.vocabulary, targets.len());
        let chunks = hidden.chunks(rows * self.config.hidden).zip(targets.chunks(rows));
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
        let rows = head_rows(vocabulary, targets.len());
        let chunks = hidden.chunks(rows * width).zip(targets.chunks(rows));
        for ((hidden, targets), grad) in chunks.zip(by_log_probs.chunks(rows)) {
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

/// How many rows of logits there are at once, of so many: a row is as long as the vocabulary.
///
/// Each chunk goes through the whole head, so there are as few as memory allows, all about as large.
pub(crate) fn head_rows(vocabulary: usize, rows: usize) -> usize {
    let most = (VALUES / vocabulary.max(1)).clamp(LEAST, MOST);
    rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
}

/// How many logits there are at once: 32 MiB of them.
const VALUES: usize = 8 << 20;
/// With fewer rows, reading the head costs more than computing with it; with more, nothing is won.
const LEAST: usize = 64;
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::head_rows;

    #[test]
    fn chunks_of_rows_are_as_large_as_memory_allows_and_about_equal() {
        assert_eq!(head_rows(49_152, 129), 129);
        assert_eq!(head_rows(49_152, 342), 114);
        assert_eq!(head_rows(1 << 30, 100), 50);
        assert_eq!(head_rows(300, 4096), 512);
        assert_eq!(head_rows(300, 0), 1);
    }
}
