//! The network's gradients, part by part in reverse.
//!
//! Written out rather than left to candle's automatic differentiation, which adds each gradient to
//! a tensor of zeros in steps that spin for threads: on two busy cores this is more than twice as fast.

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::kernels;
use crate::llama::{Layer, Llama, Packed, Step, Tape};
use crate::ops::{self, like, with_values};

/// One gradient per tensor, in the order of
/// [`LlamaConfig::tensors`](crate::config::LlamaConfig::tensors).
pub(crate) type Gradients = Vec<Vec<f32>>;

/// A pass over some sequences that can be gone back.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    llama: &'a Llama,
    batch: Packed,
    tape: Tape,
    /// The rows of the hidden states that have a target.
    rows: Tensor,
    targets: Vec<u32>,
    hidden: Tensor,
    logits: Tensor,
    log_probs: Vec<f32>,
}

impl<'a> Pass<'a> {
    /// Finds how likely each target is after its row of the batch.
    pub(crate) fn forward(
        llama: &'a Llama,
        batch: Packed,
        targets: impl IntoIterator<Item = (usize, u32)>,
    ) -> Result<Self> {
        let (rows, targets): (Vec<u32>, Vec<u32>) =
            targets.into_iter().map(|(row, target)| (row as u32, target)).unzip();
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let (hidden, tape) = llama.hidden(&batch)?;
        // Logits are the dearest rows of all, so only those with a target are made.
        let hidden = hidden.index_select(&rows, 0)?;
        let logits = llama.logits(&hidden)?;
        let log_probs = with_values([&logits], |[logits]| kernels::log_probs(logits, &targets))?;
        Ok(Self { llama, batch, tape, rows, targets, hidden, logits, log_probs })
    }

    /// The log-probability of each target, in order.
    pub(crate) fn log_probs(&self) -> &[f32] {
        &self.log_probs
    }

    /// The gradients of a loss, given its gradient by each log-probability.
    ///
    /// `smoothing` is the share of each target that is spread over all tokens; 0 spreads nothing.
    pub(crate) fn backward(self, by_log_probs: &[f32], smoothing: f32) -> Result<Gradients> {
        let Self { llama, batch, tape, rows, targets, hidden, logits, .. } = self;
        let by_logits = with_values([&logits], |[logits]| {
            kernels::log_probs_back(logits, &targets, by_log_probs, smoothing)
        })?;
        let by_logits = like(by_logits, &logits)?;
        let by_head = by_weight(&by_logits, &hidden)?;
        let by_hidden = spread(&by_logits.matmul(&llama.head)?, &rows, &tape.last)?;
        let (mut by_x, by_norm) = llama.norm_back(&tape.last, &llama.norm, &by_hidden)?;

        let mut layers = Vec::with_capacity(llama.layers.len());
        for (layer, step) in llama.layers.iter().zip(tape.layers).rev() {
            let (by_input, gradients) = llama.layer_back(layer, step, by_x, &batch)?;
            by_x = by_input;
            layers.push(gradients);
        }

        let mut by_embedding = vec![0.0; llama.embedding.elem_count()];
        let width = llama.config.hidden_size;
        with_values([&by_x], |[by_x]| {
            for (token, row) in batch.tokens.iter().zip(by_x.chunks_exact(width)) {
                let at = *token as usize * width;
                kernels::accumulate(&mut by_embedding[at..at + width], row);
            }
        })?;
        let mut gradients = Vec::with_capacity(3 + layers.len() * 9);
        if llama.config.tie_word_embeddings {
            kernels::accumulate(&mut by_embedding, &by_head);
            gradients.push(by_embedding);
            gradients.extend(layers.into_iter().rev().flatten());
            gradients.push(by_norm);
        } else {
            gradients.push(by_embedding);
            gradients.extend(layers.into_iter().rev().flatten());
            gradients.extend([by_norm, by_head]);
        }
        Ok(gradients)
    }
}

impl Llama {
    /// From the gradient of a layer's output to that of its input, and of its weights.
    fn layer_back(
        &self,
        layer: &Layer,
        step: Step,
        by_output: Tensor,
        batch: &Packed,
    ) -> Result<(Tensor, [Vec<f32>; 9])> {
        let Step { x, normed, q, k, v, attended, middle, mlp_normed, gate, up, inner } = step;

        let by_down = by_weight(&by_output, &inner)?;
        let by_inner = by_output.matmul(&layer.down)?;
        let (by_gate, by_up) = with_values([&gate, &up, &by_inner], |[gate, up, grad]| {
            kernels::swiglu_back(gate, up, grad)
        })?;
        let (by_gate, by_up) = (like(by_gate, &gate)?, like(by_up, &up)?);
        let by_normed = ops::add(&by_gate.matmul(&layer.gate)?, &by_up.matmul(&layer.up)?)?;
        let (by_middle, by_mlp_norm) = self.norm_back(&middle, &layer.mlp_norm, &by_normed)?;
        let by_middle = ops::add(&by_output, &by_middle)?;
        let (by_gate, by_up) = (by_weight(&by_gate, &mlp_normed)?, by_weight(&by_up, &mlp_normed)?);

        let by_o = by_weight(&by_middle, &attended)?;
        let by_attended = by_middle.matmul(&layer.o)?;
        let (by_q, by_k, by_v) =
            with_values([&q, &k, &v, &attended, &by_attended], |[q, k, v, out, grad]| {
                kernels::attention_back(self.heads(), &batch.spans, (q, k, v), out, grad)
            })?;
        let turn_back = |grad, like_it| -> Result<Tensor> {
            Ok(ops::rotate(&self.rope, &like(grad, like_it)?, &batch.positions, -1.0)?)
        };
        let (by_q, by_k, by_v) = (turn_back(by_q, &q)?, turn_back(by_k, &k)?, like(by_v, &v)?);
        let by_normed = ops::add(&by_q.matmul(&layer.q)?, &by_k.matmul(&layer.k)?)?;
        let by_normed = ops::add(&by_normed, &by_v.matmul(&layer.v)?)?;
        let (by_x, by_attention_norm) = self.norm_back(&x, &layer.attention_norm, &by_normed)?;
        let [by_q, by_k, by_v] = [by_q, by_k, by_v].map(|grad| by_weight(&grad, &normed));
        let gradients =
            [by_attention_norm, by_q?, by_k?, by_v?, by_o, by_mlp_norm, by_gate, by_up, by_down];
        Ok((ops::add(&by_middle, &by_x)?, gradients))
    }

    fn norm_back(&self, x: &Tensor, weight: &Tensor, grad: &Tensor) -> Result<(Tensor, Vec<f32>)> {
        let (by_x, by_weight) = with_values([x, weight, grad], |[x, weight, grad]| {
            kernels::rms_norm_back(x, weight, self.eps(), grad)
        })?;
        Ok((like(by_x, x)?, by_weight))
    }
}

/// The gradient of `linear(x, weight)` by its weight.
fn by_weight(grad: &Tensor, x: &Tensor) -> Result<Vec<f32>> {
    Ok(grad.t()?.matmul(x)?.flatten_all()?.to_vec1()?)
}

/// Puts rows to their places in a matrix of zeros like `matrix`; a place may come twice.
fn spread(values: &Tensor, rows: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let width = matrix.dim(1)?;
    let mut out = vec![0.0; matrix.elem_count()];
    let rows = rows.to_vec1::<u32>()?;
    with_values([values], |[values]| {
        for (row, values) in rows.iter().zip(values.chunks_exact(width)) {
            let at = *row as usize * width;
            kernels::accumulate(&mut out[at..at + width], values);
        }
    })?;
    Ok(like(out, matrix)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LlamaConfig;
    use crate::config::tests::small;
    use crate::llama::Tensors;
    use crate::llama::tests::noise_tensors;

    const SEQUENCES: [&[u32]; 2] = [&[3, 1, 4, 1, 5], &[9, 2, 6]];
    const TARGETS: [(usize, u32); 4] = [(1, 4), (3, 5), (4, 9), (7, 0)];
    const WEIGHTS: [f32; 4] = [0.5, -1.0, 0.25, 0.75];

    fn pass(llama: &Llama) -> Pass<'_> {
        Pass::forward(llama, Packed::new(SEQUENCES), TARGETS).unwrap()
    }

    fn loss(config: &LlamaConfig, tensors: &Tensors) -> f64 {
        let llama = Llama::new(config.clone(), tensors, "m").unwrap();
        let pass = pass(&llama);
        pass.log_probs().iter().zip(WEIGHTS).map(|(p, w)| f64::from(*p) * f64::from(w)).sum()
    }

    #[track_caller]
    fn check_gradients(config: &LlamaConfig) {
        const STEP: f32 = 1e-2;
        let tensors = noise_tensors(config, 7);
        let llama = Llama::new(config.clone(), &tensors, "m").unwrap();
        let gradients = pass(&llama).backward(&WEIGHTS, 0.0).unwrap();
        assert_eq!(gradients.len(), config.tensors().len());
        for ((name, shape), gradient) in config.tensors().into_iter().zip(gradients) {
            assert_eq!(gradient.len(), shape.iter().product::<usize>(), "{name}");
            let values = tensors[&name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for i in (0..values.len()).step_by(values.len() / 8) {
                let at = |delta: f32| {
                    let mut values = values.clone();
                    values[i] += delta;
                    let mut tensors = tensors.clone();
                    let moved = Tensor::from_vec(values, shape.clone(), &Device::Cpu).unwrap();
                    tensors.insert(name.clone(), moved);
                    loss(config, &tensors)
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
    fn so_do_those_of_a_network_with_a_head_of_its_own() {
        check_gradients(&LlamaConfig { tie_word_embeddings: false, ..small() });
    }
}
