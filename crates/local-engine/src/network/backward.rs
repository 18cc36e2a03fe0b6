//! The network's gradients, part by part in reverse.

use crate::config::Module;
use crate::kernels::{self, AttentionBack};
use crate::matmul::{Place, View, product};
use crate::network::adapter::{Back, Delta};
use crate::network::{Attend, Linear, Network, Packed, Step, Tuning, chosen};
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
    /// The rows that have a target.
    rows: Vec<usize>,
    targets: Vec<u32>,
    /// Of these rows, what the last norm took in, and what it gave to the head.
    last: Vec<f32>,
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
        let (rows, targets): (Vec<usize>, Vec<u32>) = targets.into_iter().unzip();
        let last = network.run(&batch, tuning, &rows, |step| {
            layers.push(match keep {
                Keep::Steps => Kept::Step(Box::new(step)),
                Keep::Inputs => Kept::Input(step.x),
            });
        });
        let hidden = network.normed(&last, &network.norm);
        Self { network, tuning, batch, layers, rows, targets, last, hidden }
    }

    /// The log-probability of each target, in order.
    pub(crate) fn log_probs(&self) -> Vec<f32> {
        self.network.target_log_probs(&self.hidden, &self.targets)
    }

    /// The log-probabilities, and the gradients of a loss, given its gradient by each of them.
    ///
    /// `smoothing` is the share of each target that is spread over all tokens; 0 spreads nothing.
    pub(crate) fn backward(self, by_log_probs: &[f32], smoothing: f32) -> (Vec<f32>, Gradients) {
        let Self { network, tuning, batch, layers, rows, targets, last, hidden } = self;
        let config = &network.config;
        let mut by_head = match tuning {
            None => vec![0.0; network.head().values().len()],
            Some(_) => Vec::new(),
        };
        let for_head = tuning.is_none().then_some(&mut by_head[..]);
        let (log_probs, by_hidden) =
            network.head_back(&hidden, &targets, by_log_probs, smoothing, for_head);
        drop(hidden);
        let (mut by_x, by_norm) =
            kernels::rms_norm_back(&last, network.norm.values(), config.eps, &by_hidden);
        drop((last, by_hidden));

        let angles = config.rope.angles(&batch.positions);
        let way = Way { network, tuning, batch: &batch, rows: &rows, angles };
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
        let width = config.hidden;
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
        let (rows, targets): (Vec<usize>, Vec<u32>) = targets.into_iter().unzip();
        let last = self.run(batch, tuning, &rows, drop);
        self.target_log_probs(&self.normed(&last, &self.norm), &targets)
    }

    /// Runs the layers over several sequences at once, for what comes out in some rows; `keep`
    /// receives what happened in each layer.
    pub(super) fn run(
        &self,
        batch: &Packed,
        tuning: Option<Tuning<'_>>,
        rows: &[usize],
        mut keep: impl FnMut(Step),
    ) -> Vec<f32> {
        let angles = self.config.rope.angles(&batch.positions);
        let mut x = self.embed(&batch.tokens);
        for place in 0..self.layers.len() {
            let rows = self.mattering(place, rows);
            let (step, next) = self.layer(place, x, &angles, tuning, rows, &mut batch.attend(self));
            keep(step);
            x = next;
        }
        x
    }

    /// The rows whose output matters, if not all: the others matter up to the last layer's keys.
    fn mattering<'r>(&self, place: usize, rows: &'r [usize]) -> Option<&'r [usize]> {
        (place + 1 == self.layers.len()).then_some(rows)
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
    /// Those that have a target.
    rows: &'a [usize],
    angles: Angles,
}

impl Way<'_> {
    /// Runs a layer once more.
    fn again(&self, place: usize, x: Vec<f32>) -> Step {
        let attend: &mut Attend<'_> = &mut self.batch.attend(self.network);
        let rows = self.network.mattering(place, self.rows);
        self.network.layer(place, x, &self.angles, self.tuning, rows, attend).0
    }

    /// From the gradient of a layer's output to that of its input, and of what is learned in it.
    ///
    /// Where nothing is learned before the layer, the gradient of its input is left empty.
    fn back(&self, place: usize, step: Step, by_output: Vec<f32>) -> (Vec<f32>, Gradients) {
        let config = &self.network.config;
        let (layer, heads, eps) = (&self.network.layers[place], config.heads, config.eps);
        let Step { x, plain, q, k, v, middle, mut gate, mut up, lows } = step;
        let rows = self.network.mattering(place, self.rows);
        let is_first = place == 0 && self.tuning.is_some();
        let at = |module| self.site(place, module);
        let low = |module: Module| &*lows[module as usize];

        let inner = kernels::swiglu_slopes(&mut gate, &mut up);
        let mut by_inner = Vec::new();
        let back = at(Module::Down).back(&by_output, Some(&mut by_inner));
        let of_down = at(Module::Down).gradients((&inner, low(Module::Down)), &by_output, back);
        drop(inner);
        kernels::multiply(&mut gate, &by_inner);
        kernels::multiply(&mut up, &by_inner);
        let (by_gate, by_up) = (gate, up);
        drop(by_inner);
        let normed = self.network.normed(&middle, &layer.mlp_norm);
        let mut by_normed = Vec::new();
        let [of_gate, of_up] = [(Module::Gate, by_gate), (Module::Up, by_up)].map(|(it, grad)| {
            let back = at(it).back(&grad, Some(&mut by_normed));
            at(it).gradients((&normed, low(it)), &grad, back)
        });
        drop(normed);
        let (mut by_middle, by_mlp_norm) =
            kernels::rms_norm_back(&middle, layer.mlp_norm.values(), eps, &by_normed);
        kernels::accumulate(&mut by_middle, &by_output);
        drop((middle, by_normed, by_output));

        let (width, tokens) = (heads.query * heads.dim, self.batch.tokens.len());
        let mut by_attended = Vec::new();
        let back = at(Module::O).back(&by_middle, Some(&mut by_attended));
        let by_attended = spread(by_attended, width, rows, tokens);
        let window = config.sliding[place];
        let AttentionBack { out, mut by_q, mut by_k, by_v } =
            kernels::attention_back(heads, window, &self.batch.spans, (&q, &k, &v), &by_attended);
        drop((q, k, v, by_attended));
        let attended = chosen(&out, width, rows);
        let of_o = at(Module::O).gradients((&attended, low(Module::O)), &by_middle, back);
        drop(attended);
        drop(out);
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
        let grads = [(Module::Q, by_q), (Module::K, by_k), (Module::V, by_v)];
        let [of_q, of_k, of_v] = grads.map(|(it, grad)| {
            let back = at(it).back(&grad, (!is_first).then_some(&mut by_normed));
            at(it).gradients((&normed, low(it)), &grad, back)
        });
        drop(normed);
        if is_first {
            let gradients = [of_q, of_k, of_v, of_o, of_gate, of_up, of_down].concat();
            return (Vec::new(), gradients);
        }
        let (mut by_input, by_attention_norm) =
            kernels::rms_norm_back(&x, layer.attention_norm.values(), eps, &by_normed);
        kernels::accumulate(&mut by_input, &spread(by_middle, config.hidden, rows, tokens));
        if self.tuning.is_some() {
            return (by_input, [of_q, of_k, of_v, of_o, of_gate, of_up, of_down].concat());
        }
        let mut gradients = vec![by_attention_norm];
        gradients.extend([of_q, of_k, of_v, of_head_norms, of_o].into_iter().flatten());
        gradients.push(by_mlp_norm);
        gradients.extend([of_gate, of_up, of_down].into_iter().flatten());
        (by_input, gradients)
    }

    fn site(&self, place: usize, module: Module) -> Learning<'_> {
        let linear = self.network.layers[place].linear(module);
        match self.tuning {
            None => Learning::Whole(linear),
            Some(tuning) => match tuning.at(place, module) {
                Some(delta) => Learning::Beside(linear, delta),
                None => Learning::Nothing(linear),
            },
        }
    }
}

/// What is learned of a linear module.
enum Learning<'a> {
    Whole(&'a Linear),
    Beside(&'a Linear, Delta<'a>),
    Nothing(&'a Linear),
}

impl Learning<'_> {
    /// Adds to the gradient by the module's input, if that is wanted.
    fn back(&self, grad: &[f32], by_input: Option<&mut Vec<f32>>) -> Option<Back> {
        match self {
            Self::Whole(linear) | Self::Nothing(linear) => {
                if let Some(by_input) = by_input {
                    linear.add_back(by_input, grad);
                }
                None
            }
            Self::Beside(linear, delta) => {
                let back = delta.back(grad);
                if let Some(by_input) = by_input {
                    delta.add_back(linear, grad, &back, by_input);
                }
                Some(back)
            }
        }
    }

    /// The gradients of what is learned, given the module's input, and what an adapter made of it.
    fn gradients(&self, input: (&[f32], &[f32]), grad: &[f32], back: Option<Back>) -> Gradients {
        match (self, back) {
            (Self::Whole(linear), _) => linear.gradients(grad, input.0),
            (Self::Beside(linear, delta), Some(back)) => {
                delta.gradients(linear, input, grad, &back)
            }
            _ => Gradients::new(),
        }
    }
}

/// Puts some rows to their places among so many, the others being zero.
fn spread(some: Vec<f32>, width: usize, rows: Option<&[usize]>, count: usize) -> Vec<f32> {
    let Some(rows) = rows else { return some };
    let mut all = vec![0.0; count * width];
    for (row, values) in rows.iter().zip(some.chunks_exact(width)) {
        kernels::accumulate(&mut all[row * width..(row + 1) * width], values);
    }
    all
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

    #[test]
    fn so_does_one_with_an_adapter_of_which_the_same_is_dropped_again() {
        let network = noise(&with_everything(), 7);
        for learns_lengths in [false, true] {
            let adapter = adapter(&network, learns_lengths);
            let with = |keep, seed| {
                let dropout = Some(Dropout { rate: 0.3, seed });
                let tuning = Some(Tuning { dropout, ..Tuning::new(&adapter) });
                let pass = Pass::forward(&network, tuning, Packed::new(SEQUENCES), TARGETS, keep);
                pass.backward(&WEIGHTS, 0.0)
            };
            assert_eq!(with(Keep::Inputs, 9), with(Keep::Steps, 9));
            assert_ne!(with(Keep::Inputs, 9), with(Keep::Inputs, 8));
        }
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
