//! What training makes small.

use rayon::prelude::*;

use crate::network::Gradients;
use crate::train::encode::Encoded;
use crate::train::learner::Learner;

/// The summed negative log-probability of each example's targets, and the gradients of their sum
/// times `scale`.
///
/// The gradients, not the losses, are those of targets of which the share `smoothing` is spread
/// over all tokens. `seed` decides what is dropped.
pub(crate) fn supervised(
    learner: &Learner,
    examples: &[&Encoded],
    scale: f64,
    smoothing: f64,
    seed: u64,
) -> (Vec<f64>, Gradients) {
    let targets = examples.iter().map(|example| example.targets.len()).sum();
    let by_log_probs = vec![-scale as f32; targets];
    let pass = learner.pass(examples, Some(seed));
    let (log_probs, gradients) = pass.backward(&by_log_probs, smoothing as f32);
    (sums(&log_probs, examples).map(|log_prob| -log_prob).collect(), gradients)
}

/// The loss per target over many examples.
pub(crate) fn mean_loss(learner: &Learner, examples: &[Encoded]) -> f64 {
    let sum = |batch: &Vec<&Encoded>| -sums(&learner.log_probs(batch), batch).sum::<f64>();
    let sums: Vec<f64> = batches(examples).par_iter().map(sum).collect();
    let targets: usize = examples.iter().map(|example| example.targets.len()).sum();
    sums.iter().sum::<f64>() / targets.max(1) as f64
}

/// The direct-preference loss of each `[preferred, rejected]` pair, and the gradients of their sum
/// times `scale`.
///
/// `reference` holds, pair by pair, how much likelier the frozen model finds the preferred answer.
pub(crate) fn preferences(
    learner: &Learner,
    pairs: &[&[Encoded; 2]],
    reference: &[f64],
    beta: f64,
    scale: f64,
) -> (Vec<f64>, Gradients) {
    let examples: Vec<&Encoded> = pairs.iter().flat_map(|pair| pair.iter()).collect();
    // What is dropped at random would drown the little that the two answers differ by.
    let pass = learner.pass(&examples, None);
    let log_probs: Vec<f64> = sums(&pass.log_probs(), &examples).collect();
    let (mut losses, mut by_log_probs) = (Vec::new(), Vec::new());
    for ((pair, both), reference) in pairs.iter().zip(log_probs.chunks_exact(2)).zip(reference) {
        let margin = beta * (both[0] - both[1] - reference);
        // -ln σ(margin), written so that it cannot overflow.
        losses.push((-margin).max(0.0) + (-margin.abs()).exp().ln_1p());
        let by_margin = -1.0 / (1.0 + margin.exp());
        let pull = (scale * beta * by_margin) as f32;
        by_log_probs.extend(vec![pull; pair[0].targets.len()]);
        by_log_probs.extend(vec![-pull; pair[1].targets.len()]);
    }
    (losses, pass.backward(&by_log_probs, 0.0).1)
}

/// How much likelier the model finds each preferred answer than the rejected one, in nats.
pub(crate) fn margins(learner: &Learner, pairs: &[[Encoded; 2]]) -> Vec<f64> {
    let margin = |pair: &[Encoded; 2]| {
        let examples: Vec<&Encoded> = pair.iter().collect();
        let log_probs: Vec<f64> = sums(&learner.log_probs(&examples), &examples).collect();
        log_probs[0] - log_probs[1]
    };
    pairs.par_iter().map(margin).collect()
}

/// The summed log-probability of each example's targets.
fn sums<'a>(log_probs: &'a [f32], examples: &'a [&Encoded]) -> impl Iterator<Item = f64> + 'a {
    let mut rest = log_probs;
    examples.iter().map(move |example| {
        let (own, others) = rest.split_at(example.targets.len());
        rest = others;
        own.iter().map(|p| f64::from(*p)).sum()
    })
}

/// Groups examples so that no batch takes much memory.
fn batches(examples: &[Encoded]) -> Vec<Vec<&Encoded>> {
    let mut batches: Vec<Vec<&Encoded>> = Vec::new();
    let mut tokens = 0;
    for example in examples {
        if batches.is_empty() || tokens + example.tokens() > BATCH_TOKENS {
            batches.push(Vec::new());
            tokens = 0;
        }
        tokens += example.tokens();
        if let Some(batch) = batches.last_mut() {
            batch.push(example);
        }
    }
    batches
}

const BATCH_TOKENS: usize = 1024;
