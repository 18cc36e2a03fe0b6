//! How much memory a training takes, foreseen before its first step.

use crate::error::{Error, Result};
use crate::network::{Adapter, Keep, head_rows};
use crate::train::learner::Learner;

/// How a training is fitted into the memory there is. Neither changes what is learned, but for the
/// order in which gradients are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) keep: Keep,
    /// A part of a batch that is gone through at once has at most so many tokens, or one example.
    pub(crate) tokens: usize,
    /// What it takes at most, in bytes, the model's own weights among it.
    pub(crate) bytes: u64,
}

/// What is to be gone through: the tokens of the longest example, and of a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) longest: usize,
    pub(crate) batch: usize,
    /// Whether the best epoch is kept beside the last.
    pub(crate) keeps_best: bool,
}

/// Finds the fastest way that fits into so many bytes; everything fits where they are not known.
///
/// # Errors
///
/// [`Error::Memory`] if none does.
pub(crate) fn fit(learner: &Learner, load: Load, available: Option<u64>) -> Result<Fit> {
    let available = available.unwrap_or(u64::MAX);
    let part = |share: usize| load.batch.div_ceil(share).max(load.longest).max(1);
    // Smaller parts cost next to nothing, and running layers twice a third of the time.
    let shares = || (0..16).map(|halvings| part(SIDE_BY_SIDE << halvings));
    let ways = [Keep::Steps, Keep::Inputs].into_iter().flat_map(|keep| {
        shares().map(move |tokens| Fit {
            keep,
            tokens,
            bytes: bytes(learner, keep, tokens, load.keeps_best),
        })
    });
    let mut least = None;
    for way in ways {
        if way.bytes <= available {
            return Ok(way);
        }
        least = Some(way.bytes.min(least.unwrap_or(u64::MAX)));
    }
    Err(Error::Memory { needed: least.unwrap_or(0), available })
}

/// What it takes to go through parts of so many tokens.
fn bytes(learner: &Learner, keep: Keep, tokens: usize, keeps_best: bool) -> u64 {
    let config = learner.network.config();
    let (query, key) = (config.heads.query * config.heads.dim, config.heads.key * config.heads.dim);
    let (hidden, inner) = (config.hidden, config.inner);
    let norms = if config.has_head_norms { query + key } else { 0 };
    let sites = learner.adapter.iter().flat_map(Adapter::sites);
    let lows: usize = sites.map(|(_, _, site)| site.b.width()).sum();
    let step = 2 * hidden + query + 2 * key + 2 * inner + norms;
    let kept = match keep {
        Keep::Steps => config.layers * step + lows,
        Keep::Inputs => config.layers * hidden + step + lows,
    };
    // What a layer needs besides, on its way back: through the MLP, or through attention.
    let working = 4 * hidden + (2 * inner).max(5 * query + 4 * key);
    let head = head_rows(config.vocabulary, tokens) * config.vocabulary;
    let part = tokens * (kept + working + 3 * hidden) + head;
    let learned: usize = learner.tensors().map(|tensor| tensor.values().len()).sum();
    // The values that are learned and their moments; gradients, one for each part at work.
    let learned_copies = 3 + SIDE_BY_SIDE + usize::from(keeps_best);
    let floats = config.parameters() + learned_copies * learned + SIDE_BY_SIDE * part;
    floats as u64 * size_of::<f32>() as u64
}

/// How many parts of a batch are worked on side by side.
pub(crate) const SIDE_BY_SIDE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;
    use crate::network::tests::noise;

    const LOAD: Load = Load { longest: 100, batch: 800, keeps_best: false };

    fn learner() -> Learner {
        Learner::full(noise(&small(), 1))
    }

    #[test]
    fn with_memory_enough_a_batch_is_gone_through_in_as_few_parts_as_there_are_threads() {
        let fit = fit(&learner(), LOAD, None).unwrap();
        assert_eq!((fit.keep, fit.tokens), (Keep::Steps, 400));
    }

    #[test]
    fn with_less_it_is_gone_through_in_smaller_parts_and_at_last_with_layers_run_twice() {
        let learner = learner();
        let mut last = fit(&learner, LOAD, None).unwrap();
        let mut ways = Vec::new();
        while let Ok(less) = fit(&learner, LOAD, Some(last.bytes - 1)) {
            assert!(less.bytes < last.bytes);
            ways.push((less.keep, less.tokens));
            last = less;
        }
        let expected = [(Keep::Steps, 200), (Keep::Steps, 100), (Keep::Inputs, 100)];
        assert_eq!(ways, expected);
    }

    #[test]
    fn with_too_little_it_is_told_what_is_needed() {
        let error = fit(&learner(), LOAD, Some(1000)).unwrap_err();
        assert!(matches!(error, Error::Memory { available: 1000, needed: 1001.. }), "{error:?}");
    }
}
