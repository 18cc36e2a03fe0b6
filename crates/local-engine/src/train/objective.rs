//! What training makes small.

use rayon::prelude::*;

use crate::network::{Gradients, Network, Packed, Pass};
use crate::train::encode::Encoded;

/// The summed negative log-probability of each example's targets, and the gradients of their sum
/// times `scale`.
///
/// The gradients, not the losses, are those of targets of which the share `smoothing` is spread
/// over all tokens.
pub(crate) fn supervised(
    network: &Network,
    examples: &[&Encoded],
    scale: f64,
    smoothing: f64,
) -> (Vec<f64>, Gradients) {
    let pass = forward(network, examples);
    let losses = log_probs(&pass, examples).map(|log_prob| -log_prob).collect();
    let by_log_probs = vec![-scale as f32; pass.log_probs().len()];
    (losses, pass.backward(&by_log_probs, smoothing as f32))
}

/// The loss per target over many examples.
pub(crate) fn mean_loss(network: &Network, examples: &[Encoded]) -> f64 {
    let sum = |batch: &Vec<&Encoded>| {
        let pass = forward(network, batch);
        -log_probs(&pass, batch).sum::<f64>()
    };
    let sums: Vec<f64> = batches(examples).par_iter().map(sum).collect();
    let targets: usize = examples.iter().map(|example| example.targets.len()).sum();
    sums.iter().sum::<f64>() / targets.max(1) as f64
}

/// The direct-preference loss of each `[preferred, rejected]` pair, and the gradients of their sum
/// times `scale`.
///
/// `reference` holds, pair by pair, how much likelier the frozen model finds the preferred answer.
pub(crate) fn preferences(
    network: &Network,
    pairs: &[&[Encoded; 2]],
    reference: &[f64],
    beta: f64,
    scale: f64,
) -> (Vec<f64>, Gradients) {
    let examples: Vec<&Encoded> = pairs.iter().flat_map(|pair| pair.iter()).collect();
    let pass = forward(network, &examples);
    let log_probs: Vec<f64> = log_probs(&pass, &examples).collect();
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
    (losses, pass.backward(&by_log_probs, 0.0))
}

/// How much likelier the model finds each preferred answer than the rejected one, in nats.
pub(crate) fn margins(network: &Network, pairs: &[[Encoded; 2]]) -> Vec<f64> {
    let margin = |pair: &[Encoded; 2]| {
        let examples: Vec<&Encoded> = pair.iter().collect();
        let pass = forward(network, &examples);
        let log_probs: Vec<f64> = log_probs(&pass, &examples).collect();
        log_probs[0] - log_probs[1]
    };
    pairs.par_iter().map(margin).collect()
}

fn forward<'a>(network: &'a Network, examples: &[&Encoded]) -> Pass<'a> {
    let batch = Packed::new(examples.iter().map(|example| &example.input[..]));
    let starts: Vec<usize> = batch.rows().map(|rows| rows.start).collect();
    let targets = examples.iter().zip(starts).flat_map(|(example, start)| {
        example.targets.iter().map(move |(row, token)| (start + row, *token))
    });
    Pass::forward(network, batch, targets)
}

/// The summed log-probability of each example's targets.
fn log_probs<'a>(pass: &'a Pass<'_>, examples: &'a [&Encoded]) -> impl Iterator<Item = f64> + 'a {
    let mut rest = pass.log_probs();
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
