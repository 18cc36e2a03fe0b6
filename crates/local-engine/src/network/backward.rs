//! The network's gradients, part by part in reverse.

use crate::config::Module;
use crate::kernels;
use crate::matmul::{Place, View, product};
use crate::network::{Attend, Linear, Network, Packed, Step, Tuning};
use crate::rope::Angles;

/// One gradient per tensor that is learned: those of an adapter in the order of
/// [`Adapter::tensors`](super::Adapter::tensors), or all in that of
/// [`Config::tensors`](crate::config::Config::tensors).
pub(crate) type Gradients = Vec<Vec<f32>>;

/// A pass over some sequences that can be gone back.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    network: &'a Network,
    tuning: Option<Tuning<'a>>,
    batch: Packed,
    layers: Vec<Kept>,
    /// What the last norm took in.
    last: Vec<f32>,
    /// The rows of the hidden states that have a target.
    rows: Vec<usize>,
    targets: Vec<u32>,
    /// What the head takes in: those rows.
    hidden: Vec<f32>,
}

/// What is kept of each layer until the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What is dear to find again.
    Steps,
    /// Its input alone: the layer is run once more on the way back (Chen et al. 2016).
    Inputs,
}

#[derive(Debug)]
enum Kept {
    Step(Box<Step>),
    Input(Vec<f32>),
}

impl<'a> Pass<'a> {
    /// Runs the network up to its head, on the rows of the batch that have a target.
    pub(crate) fn forward(
        network: &'a Network,
        tuning: Option<Tuning<'a>>,
        batch: Packed,
        targets: impl IntoIterator<Item = (usize, u32)>,
        keep: Keep,
    ) -> Self {
        let mut layers = Vec::with_capacity(network.layers.len());
        let last = network.run(&batch, tuning, |step| {
            layers.push(match keep {
                Keep::Steps => Kept::Step(Box::new(step)),
                Keep::Inputs => Kept::Input(step.x),
            });
        });
        let (rows, targets): (Vec<usize>, Vec<u32>) = targets.into_iter().unzip();
        let hidden = network.normed(&network.rows(&last, &rows), &network.norm);
        Self { network, tuning, batch, layers, last, rows, targets, hidden }
    }

    /// The log-probability of each target, in order.
    pub(crate) fn log_probs(&self) -> Vec<f32> {
        self.network.target_log_probs(&self.hidden, &self.targets)
    }

    /// The log-probabilities, and the gradients of a loss, given its gradient by each of them.
    ///
    /// `smoothing` is the share of each target that is spread over all tokens; 0 spreads nothing.
    pub(crate) fn backward(self, by_log_probs: &[f32], smoothing: f32) -> (Vec<f32>, Gradients) {
        let Self { network, tuning, batch, layers, last, rows, targets, hidden } = self;
        let config = &network.config;
        let mut by_head = match tuning {
            None => vec![0.0; network.head().values().len()],
            Some(_) => Vec::new(),
        };
        let for_head = tuning.is_none().then_some(&mut by_head[..]);
        let (log_probs, by_hidden) =
            network.head_back(&hidden, &targets, by_log_probs, smoothing, for_head);
        drop(hidden);
        let width = config.hidden;
        let inputs = network.rows(&last, &rows);
        let (by_rows, by_norm) =
            kernels::rms_norm_back(&inputs, network.norm.values(), config.eps, &by_hidden);
        let mut by_x = vec![0.0; last.len()];
        drop(last);
        for (row, values) in rows.iter().zip(by_rows.chunks_exact(width)) {
            kernels::accumulate(&mut by_x[row * width..(row + 1) * width], values);
        }

        let way =
            Way { network, tuning, batch: &batch, angles: config.rope.angles(&batch.positions) };
        let mut by_layers = Vec::with_capacity(layers.len());
        for (place, kept) in layers.into_iter().enumerate().rev() {
            let step = match kept {
                Kept::Step(step) => *step,
                Kept::Input(x) => way.again(place, x),
            };
            let (by_input, gradients) = way.back(place, step, by_x);
            by_x = by_input;
            by_layers.push(gradients);
        }
        let by_layers = by_layers.into_iter().rev().flatten();
        if tuning.is_some() {
            return (log_probs, by_layers.collect());
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
        let gradients =
            [by_embedding].into_iter().chain(by_layers).chain([by_norm]).chain(own_head);
        (log_probs, gradients.collect())
    }
}

impl Network {
    /// The log-probability of each target after its row of the batch.
    pub(crate) fn log_probs(
        &self,
        tuning: Option<Tuning<'_>>,
        batch: &Packed,
        targets: impl IntoIterator<Item = (usize, u32)>,
    ) -> Vec<f32> {
        let last = self.run(batch, tuning, drop);
        let (rows, targets): (Vec<usize>, Vec<u32>) = targets.into_iter().unzip();
        self.target_log_probs(&self.normed(&self.rows(&last, &rows), &self.norm), &targets)
    }

    /// Runs the layers over several sequences at once; `keep` receives what happened in each.
    pub(super) fn run(
        &self,
        batch: &Packed,
        tuning: Option<Tuning<'_>>,
        mut keep: impl FnMut(Step),
    ) -> Vec<f32> {
        let angles = self.config.rope.angles(&batch.positions);
        let mut x = self.embed(&batch.tokens);
        for place in 0..self.layers.len() {
            let (step, next) = self.layer(place, x, &angles, tuning, &mut batch.attend(self));
            keep(step);
            x = next;
        }
        x
    }

    /// Some rows of hidden states.
    fn rows(&self, all: &[f32], rows: &[usize]) -> Vec<f32> {
        let width = self.config.hidden;
        rows.iter().flat_map(|row| &all[row * width..(row + 1) * width]).copied().collect()
    }
}

impl Packed {
    /// Each token looks at those of its own sequence.
    fn attend<'a>(
        &'a self,
        network: &'a Network,
    ) -> impl FnMut(usize, &[f32], &[f32], &[f32]) -> Vec<f32> + 'a {
        let config = &network.config;
        |layer, q, k, v| {
            kernels::attention(config.heads, config.sliding[layer], &self.spans, q, k, v)
        }
    }
}

/// What the way back goes by.
struct Way<'a> {
    network: &'a Network,
    tuning: Option<Tuning<'a>>,
    batch: &'a Packed,
    angles: Angles,
}

impl Way<'_> {
    /// Runs a layer once more.
    fn again(&self, place: usize, x: Vec<f32>) -> Step {
        let attend: &mut Attend<'_> = &mut self.batch.attend(self.network);
        self.network.layer(place, x, &self.angles, self.tuning, attend).0
    }

    /// From the gradient of a layer's output to that of its input, and of what is learned in it.
    fn back(&self, place: usize, step: Step, by_output: Vec<f32>) -> (Vec<f32>, Gradients) {
        let config = &self.network.config;
        let (layer, heads, eps) = (&self.network.layers[place], config.heads, config.eps);
        let Step { x, plain, q, k, v, attended, middle, gate, up } = step;
        let through = |module: Module, input: &[f32], grad: &[f32], by_input: &mut Vec<f32>| {
            self.linear_back(place, module, input, grad, by_input)
        };

        let inner = kernels::swiglu(&gate, &up);
        let mut by_inner = Vec::new();
        let by_down = through(Module::Down, &inner, &by_output, &mut by_inner);
        drop(inner);
        let (by_gate, by_up) = kernels::swiglu_back(&gate, &up, &by_inner);
        drop((gate, up, by_inner));
        let mlp_normed = self.network.normed(&middle, &layer.mlp_norm);
        let mut by_normed = Vec::new();
        let of_gate = through(Module::Gate, &mlp_normed, &by_gate, &mut by_normed);
        let of_up = through(Module::Up, &mlp_normed, &by_up, &mut by_normed);
        drop((mlp_normed, by_gate, by_up));
        let (by_norm, by_mlp_norm) =
            kernels::rms_norm_back(&middle, layer.mlp_norm.values(), eps, &by_normed);
        let by_middle = kernels::sum(&by_output, &by_norm);

        let mut by_attended = Vec::new();
        let of_o = through(Module::O, &attended, &by_middle, &mut by_attended);
        let (mut by_q, mut by_k, by_v) = kernels::attention_back(
            heads,
            config.sliding[place],
            &self.batch.spans,
            (&q, &k, &v),
            &attended,
            &by_attended,
        );
        drop((q, k, v, attended, by_attended));
        self.angles.rotate(&mut by_q, heads.query * heads.dim, -1.0);
        self.angles.rotate(&mut by_k, heads.key * heads.dim, -1.0);
        let mut of_head_norms = Vec::new();
        if let (Some([q_norm, k_norm]), Some([q, k])) = (&layer.head_norms, &plain) {
            for (norm, plain, grad) in [(q_norm, q, &mut by_q), (k_norm, k, &mut by_k)] {
                let (by_plain, by_norm) = kernels::rms_norm_back(plain, norm.values(), eps, grad);
                *grad = by_plain;
                of_head_norms.push(by_norm);
            }
        }
        let normed = self.network.normed(&x, &layer.attention_norm);
        let mut by_normed = Vec::new();
        let of_q = through(Module::Q, &normed, &by_q, &mut by_normed);
        let of_k = through(Module::K, &normed, &by_k, &mut by_normed);
        let of_v = through(Module::V, &normed, &by_v, &mut by_normed);
        let (by_norm, by_attention_norm) =
            kernels::rms_norm_back(&x, layer.attention_norm.values(), eps, &by_normed);

        let by_input = kernels::sum(&by_middle, &by_norm);
        if self.tuning.is_some() {
            return (by_input, [of_q, of_k, of_v, of_o, of_gate, of_up, by_down].concat());
        }
        let mut gradients = vec![by_attention_norm];
        gradients.extend([of_q, of_k, of_v, of_head_norms, of_o].into_iter().flatten());
        gradients.push(by_mlp_norm);
        gradients.extend([of_gate, of_up, by_down].into_iter().flatten());
        (by_input, gradients)
    }

    /// Adds to the gradient by a module's input, and returns those of what is learned of it.
    fn linear_back(
        &self,
        place: usize,
        module: Module,
        input: &[f32],
        grad: &[f32],
        by_input: &mut Vec<f32>,
    ) -> Gradients {
        let linear = self.network.layers[place].linear(module);
        match self.tuning {
            None => {
                linear.add_back(by_input, grad);
                linear.gradients(grad, input)
            }
            Some(tuning) => match tuning.at(place, module) {
                Some(delta) => delta.back(linear, input, grad, by_input),
                None => {
                    linear.add_back(by_input, grad);
                    Gradients::new()
                }
            },
        }
    }
}

impl Linear {
    /// From the gradient of the output to that of the input, added to what came another way, if
    /// something did.
    pub(super) fn add_back(&self, by_input: &mut Vec<f32>, grad: &[f32]) {
        let (to, from) = (self.weight.rows(), self.weight.width());
        let (grad, weight) = (View::of(grad, to), View::of(self.weight.values(), from));
        if by_input.is_empty() {
            *by_input = product(grad, weight);
        } else {
            Place::of(by_input, from).adding().product(grad, weight);
        }
    }

    /// The gradients of the weight and of the bias, if there is one.
    fn gradients(&self, grad: &[f32], input: &[f32]) -> Gradients {
        let (to, from) = (self.weight.rows(), self.weight.width());
        let by_weight = product(View::of(grad, to).transposed(), View::of(input, from));
        let mut gradients = vec![by_weight];
        if self.bias.is_some() {
            let mut by_bias = vec![0.0; to];
            for row in grad.chunks_exact(to) {
                kernels::accumulate(&mut by_bias, row);
            }
            gradients.push(by_bias);
        }
        gradients
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::{small, with_everything};
    use crate::network::adapter::Dropout;
    use crate::network::tests::noise;
    use crate::network::{Adapter, Lora};

    const SEQUENCES: [&[u32]; 2] = [&[3, 1, 4, 1, 5], &[9, 2, 6]];
    const TARGETS: [(usize, u32); 4] = [(1, 4), (3, 5), (4, 9), (7, 0)];
    const WEIGHTS: [f32; 4] = [0.5, -1.0, 0.25, 0.75];

    fn pass(network: &Network) -> Pass<'_> {
        Pass::forward(network, None, Packed::new(SEQUENCES), TARGETS, Keep::Steps)
    }

    fn loss(network: &Network) -> f64 {
        pass(network)
            .log_probs()
            .iter()
            .zip(WEIGHTS)
            .map(|(p, w)| f64::from(*p) * f64::from(w))
            .sum()
    }

    #[track_caller]
    fn check_gradients(config: &Config) {
        const STEP: f32 = 1e-2;
        let network = noise(config, 7);
        let (told, gradients) = pass(&network).backward(&WEIGHTS, 0.0);
        assert_eq!(told, pass(&network).log_probs());
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

    #[test]
    fn a_layer_that_is_run_once_more_gives_the_same_gradients() {
        let network = noise(&with_everything(), 7);
        let with = |keep| {
            let pass = Pass::forward(&network, None, Packed::new(SEQUENCES), TARGETS, keep);
            pass.backward(&WEIGHTS, 0.0)
        };
        assert_eq!(with(Keep::Inputs), with(Keep::Steps));
    }

    fn adapter(network: &Network, learns_lengths: bool) -> Adapter {
        let lora =
            Lora { rank: 3, alpha: 6.0, dropout: 0.0, has_root_scale: false, learns_lengths };
        let mut adapter = Adapter::fresh(network, lora, &Module::ALL, 3);
        let mut rng = fastrand::Rng::with_seed(5);
        for tensor in adapter.tensors_mut() {
            tensor.values_mut().iter_mut().for_each(|value| *value += 0.2 * (rng.f32() - 0.5));
        }
        adapter.measure(network);
        adapter
    }

    /// The lengths of rows are constants to PEFT's gradient, so they are not measured anew here.
    #[track_caller]
    fn check_adapter(learns_lengths: bool, dropout: Option<Dropout>) {
        const STEP: f32 = 1e-2;
        let network = noise(&with_everything(), 7);
        let adapter = adapter(&network, learns_lengths);
        let pass = |adapter: &Adapter| {
            let tuning = Some(Tuning { dropout, ..Tuning::new(adapter) });
            let pass =
                Pass::forward(&network, tuning, Packed::new(SEQUENCES), TARGETS, Keep::Inputs);
            let told = pass.log_probs();
            let loss = told.iter().zip(WEIGHTS).map(|(p, w)| f64::from(*p) * f64::from(w));
            (loss.sum::<f64>(), pass.backward(&WEIGHTS, 0.0).1)
        };
        let gradients = pass(&adapter).1;
        assert_eq!(gradients.len(), adapter.tensors().count());
        for (place, gradient) in gradients.iter().enumerate() {
            for i in (0..gradient.len()).step_by((gradient.len() / 3).max(1)) {
                let at = |delta: f32| {
                    let mut moved = adapter.clone();
                    if let Some(tensor) = moved.tensors_mut().nth(place) {
                        assert_eq!(tensor.values().len(), gradient.len());
                        tensor.values_mut()[i] += delta;
                    }
                    pass(&moved).0
                };
                let expected = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
                let found = f64::from(gradient[i]);
                let error = (found - expected).abs();
                assert!(
                    error < 3e-3 + 0.02 * expected.abs(),
                    "{place} {i}: {found}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_gradients_of_an_adapter_agree_with_differences() {
        check_adapter(false, None);
        check_adapter(false, Some(Dropout { rate: 0.3, seed: 9 }));
    }

    #[test]
    fn so_do_those_of_one_that_learns_lengths() {
        check_adapter(true, None);
        check_adapter(true, Some(Dropout { rate: 0.3, seed: 9 }));
    }
}
