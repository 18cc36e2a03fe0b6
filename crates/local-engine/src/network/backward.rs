//! The network's gradients, part by part in reverse.

use crate::kernels;
use crate::matmul::{Place, View, product};
use crate::network::{Layer, Linear, Network, Packed, Step, Tape};
use crate::rope::Angles;

/// One gradient per tensor, in the order of
/// [`Config::tensors`](crate::config::Config::tensors).
pub(crate) type Gradients = Vec<Vec<f32>>;

/// A pass over some sequences that can be gone back.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    network: &'a Network,
    batch: Packed,
    tape: Tape,
    /// The rows of the hidden states that have a target.
    rows: Vec<usize>,
    targets: Vec<u32>,
    hidden: Vec<f32>,
    logits: Vec<f32>,
    log_probs: Vec<f32>,
}

impl<'a> Pass<'a> {
    /// Finds how likely each target is after its row of the batch.
    pub(crate) fn forward(
        network: &'a Network,
        batch: Packed,
        targets: impl IntoIterator<Item = (usize, u32)>,
    ) -> Self {
        let (rows, targets): (Vec<usize>, Vec<u32>) = targets.into_iter().unzip();
        let (all, tape) = network.hidden(&batch);
        // Logits are the dearest rows of all, so only those with a target are made.
        let width = network.config.hidden;
        let mut hidden = Vec::with_capacity(rows.len() * width);
        for row in &rows {
            hidden.extend_from_slice(&all[row * width..(row + 1) * width]);
        }
        let logits = network.logits(&hidden);
        let log_probs = kernels::log_probs(&logits, &targets);
        Self { network, batch, tape, rows, targets, hidden, logits, log_probs }
    }

    /// The log-probability of each target, in order.
    pub(crate) fn log_probs(&self) -> &[f32] {
        &self.log_probs
    }

    /// The gradients of a loss, given its gradient by each log-probability.
    ///
    /// `smoothing` is the share of each target that is spread over all tokens; 0 spreads nothing.
    pub(crate) fn backward(self, by_log_probs: &[f32], smoothing: f32) -> Gradients {
        let Self { network, batch, tape, rows, targets, hidden, logits, .. } = self;
        let (config, head) = (&network.config, network.head());
        let by_logits = kernels::log_probs_back(logits, &targets, by_log_probs, smoothing);
        let by_head = by_weight(&by_logits, config.vocabulary, &hidden, config.hidden);
        let width = config.hidden;
        let by_rows =
            product(View::of(&by_logits, config.vocabulary), View::of(head.values(), width));
        let mut by_hidden = vec![0.0; tape.last.len()];
        for (row, values) in rows.iter().zip(by_rows.chunks_exact(width)) {
            kernels::accumulate(&mut by_hidden[row * width..(row + 1) * width], values);
        }
        let (mut by_x, by_norm) =
            kernels::rms_norm_back(&tape.last, network.norm.values(), config.eps, &by_hidden);

        let angles = config.rope.angles(&batch.positions);
        let mut layers = Vec::with_capacity(network.layers.len());
        for (place, step) in tape.layers.into_iter().enumerate().rev() {
            let (by_input, gradients) = network.layer_back(place, step, by_x, &batch, &angles);
            by_x = by_input;
            layers.push(gradients);
        }

        let mut by_embedding = vec![0.0; network.embedding.values().len()];
        for (token, row) in batch.tokens.iter().zip(by_x.chunks_exact(width)) {
            let at = *token as usize * width;
            kernels::accumulate(&mut by_embedding[at..at + width], row);
        }
        let mut own_head = None;
        if network.head.is_some() {
            own_head = Some(by_head);
        } else {
            kernels::accumulate(&mut by_embedding, &by_head);
        }
        let layers = layers.into_iter().rev().flatten();
        [by_embedding].into_iter().chain(layers).chain([by_norm]).chain(own_head).collect()
    }
}

impl Network {
    /// From the gradient of a layer's output to that of its input, and of its weights.
    fn layer_back(
        &self,
        place: usize,
        step: Step,
        by_output: Vec<f32>,
        batch: &Packed,
        angles: &Angles,
    ) -> (Vec<f32>, Gradients) {
        let (layer, heads, eps): (&Layer, _, _) =
            (&self.layers[place], self.config.heads, self.config.eps);
        let Step { x, normed, plain, q, k, v, attended, middle, mlp_normed, gate, up, inner } =
            step;

        let by_inner = layer.down.back(&by_output);
        let (by_gate, by_up) = kernels::swiglu_back(&gate, &up, &by_inner);
        let mut by_normed = layer.gate.back(&by_gate);
        layer.up.add_back(&mut by_normed, &by_up);
        let (by_norm, by_mlp_norm) =
            kernels::rms_norm_back(&middle, layer.mlp_norm.values(), eps, &by_normed);
        let by_middle = kernels::sum(&by_output, &by_norm);

        let by_attended = layer.o.back(&by_middle);
        let (mut by_q, mut by_k, by_v) = kernels::attention_back(
            heads,
            self.config.sliding[place],
            &batch.spans,
            (&q, &k, &v),
            &attended,
            &by_attended,
        );
        angles.rotate(&mut by_q, heads.query * heads.dim, -1.0);
        angles.rotate(&mut by_k, heads.key * heads.dim, -1.0);
        let mut by_head_norms = Vec::new();
        if let (Some([q_norm, k_norm]), Some([q, k])) = (&layer.head_norms, &plain) {
            for (norm, plain, grad) in [(q_norm, q, &mut by_q), (k_norm, k, &mut by_k)] {
                let (by_plain, by_norm) = kernels::rms_norm_back(plain, norm.values(), eps, grad);
                *grad = by_plain;
                by_head_norms.push(by_norm);
            }
        }
        let mut by_normed = layer.q.back(&by_q);
        layer.k.add_back(&mut by_normed, &by_k);
        layer.v.add_back(&mut by_normed, &by_v);
        let (by_norm, by_attention_norm) =
            kernels::rms_norm_back(&x, layer.attention_norm.values(), eps, &by_normed);

        let mut gradients = vec![by_attention_norm];
        for (linear, grad) in [(&layer.q, &by_q), (&layer.k, &by_k), (&layer.v, &by_v)] {
            gradients.extend(linear.gradients(grad, &normed));
        }
        gradients.extend(by_head_norms);
        gradients.extend(layer.o.gradients(&by_middle, &attended));
        gradients.push(by_mlp_norm);
        gradients.extend(layer.gate.gradients(&by_gate, &mlp_normed));
        gradients.extend(layer.up.gradients(&by_up, &mlp_normed));
        gradients.extend(layer.down.gradients(&by_output, &inner));
        (kernels::sum(&by_middle, &by_norm), gradients)
    }
}

impl Linear {
    /// From the gradient of the output to that of the input.
    fn back(&self, grad: &[f32]) -> Vec<f32> {
        let [to, from] = self.widths();
        product(View::of(grad, to), View::of(self.weight.values(), from))
    }

    /// The same, added to what came another way.
    fn add_back(&self, by_input: &mut [f32], grad: &[f32]) {
        let [to, from] = self.widths();
        let place = Place::of(by_input, from).adding();
        place.product(View::of(grad, to), View::of(self.weight.values(), from));
    }

    /// The gradients of the weight and of the bias, if there is one.
    fn gradients(&self, grad: &[f32], input: &[f32]) -> Gradients {
        let [to, from] = self.widths();
        let mut gradients = vec![by_weight(grad, to, input, from)];
        if self.bias.is_some() {
            let mut by_bias = vec![0.0; to];
            for row in grad.chunks_exact(to) {
                kernels::accumulate(&mut by_bias, row);
            }
            gradients.push(by_bias);
        }
        gradients
    }

    fn widths(&self) -> [usize; 2] {
        let from = self.weight.width();
        [self.weight.values().len() / from, from]
    }
}

/// The gradient of `x · weightᵀ` by the weight.
fn by_weight(grad: &[f32], to: usize, x: &[f32], from: usize) -> Vec<f32> {
    product(View::of(grad, to).transposed(), View::of(x, from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::{small, with_everything};
    use crate::network::tests::noise;

    const SEQUENCES: [&[u32]; 2] = [&[3, 1, 4, 1, 5], &[9, 2, 6]];
    const TARGETS: [(usize, u32); 4] = [(1, 4), (3, 5), (4, 9), (7, 0)];
    const WEIGHTS: [f32; 4] = [0.5, -1.0, 0.25, 0.75];

    fn pass(network: &Network) -> Pass<'_> {
        Pass::forward(network, Packed::new(SEQUENCES), TARGETS)
    }

    fn loss(network: &Network) -> f64 {
        let pass = pass(network);
        pass.log_probs().iter().zip(WEIGHTS).map(|(p, w)| f64::from(*p) * f64::from(w)).sum()
    }

    #[track_caller]
    fn check_gradients(config: &Config) {
        const STEP: f32 = 1e-2;
        let network = noise(config, 7);
        let gradients = pass(&network).backward(&WEIGHTS, 0.0);
        assert_eq!(gradients.len(), config.tensors().len());
        for (place, ((name, shape), gradient)) in config.tensors().iter().zip(gradients).enumerate()
        {
            assert_eq!(gradient.len(), shape.iter().product::<usize>(), "{name}");
            for i in (0..gradient.len()).step_by((gradient.len() / 8).max(1)) {
                let at = |delta: f32| {
                    let mut moved = network.clone();
                    if let Some(tensor) = moved.tensors_mut().nth(place) {
                        tensor.values_mut()[i] += delta;
                    }
                    loss(&moved)
                };
                let expected = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
                let found = f64::from(gradient[i]);
                let error = (found - expected).abs();
                assert!(
                    error < 2e-3 + 0.01 * expected.abs(),
                    "{name} {i}: {found}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_gradients_of_the_whole_network_agree_with_differences() {
        check_gradients(&small());
    }

    #[test]
    fn so_do_those_of_a_network_with_biases_norms_of_heads_windows_and_a_head_of_its_own() {
        check_gradients(&with_everything());
    }
}
