//! The network: a decoder-only transformer of the Llama architecture and its kin.

#[cfg(feature = "train")]
use std::{borrow::Cow, ops::Range};

use crate::config::{Config, Module};
use crate::error::{Error, Result};
use crate::kernels;
#[cfg(feature = "train")]
use crate::kernels::Span;
#[cfg(feature = "train")]
use crate::rope::Angles;
use crate::tensor::{Tensor, Tensors, packed_size};

mod adapter;
#[cfg(feature = "train")]
mod backward;
mod cache;
#[cfg(feature = "train")]
mod head;
mod step;

#[cfg(test)]
pub(crate) use self::adapter::tests as adapter_tests;
pub(crate) use self::adapter::{Adapter, Lora, Magnitude, Site, Tuning};
#[cfg(feature = "train")]
pub(crate) use self::adapter::{Delta, Dropout};
#[cfg(feature = "train")]
pub(crate) use self::backward::{Gradients, Keep, Pass};
pub(crate) use self::cache::{Cache, PAGE, Page, Pool};
#[cfg(feature = "train")]
pub(crate) use self::head::head_rows;
pub(crate) use self::step::Part;

/// A network with its weights.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    config: Config,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    /// `None` where it is the embedding.
    head: Option<Tensor>,
}

#[derive(Clone, Debug)]
struct Layer {
    attention_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    /// Of each head of queries, and of each of keys.
    head_norms: Option<[Tensor; 2]>,
    o: Linear,
    mlp_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

#[derive(Clone, Debug)]
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// `x · weightᵀ`
    #[cfg(feature = "train")]
    fn product(&self, x: &[f32]) -> Vec<f32> {
        if x.is_empty() { Vec::new() } else { self.weight.product(x) }
    }

    /// `x · weightᵀ + bias`, and what an adapter adds; `low` becomes what that makes of `x` between
    /// its two matrices.
    #[cfg(feature = "train")]
    fn apply(&self, x: &[f32], delta: Option<Delta<'_>>, low: &mut Vec<f32>) -> Vec<f32> {
        let mut y = self.product(x);
        if let Some(delta) = delta {
            *low = delta.apply(self, x, &mut y);
        }
        self.add_bias(&mut y);
        y
    }

    fn add_bias(&self, y: &mut [f32]) {
        if let Some(bias) = &self.bias {
            for row in y.chunks_exact_mut(bias.width()) {
                kernels::accumulate(row, bias.values());
            }
        }
    }
}

/// Joins the queries of a layer to its keys and values.
#[cfg(feature = "train")]
type Attend<'a> = dyn FnMut(usize, &[f32], &[f32], &[f32]) -> Vec<f32> + 'a;

impl Network {
    /// Puts a network together from the tensors of `file`; those it has no use for are left aside.
    pub(crate) fn new(config: Config, mut tensors: Tensors, file: &str) -> Result<Self> {
        let mut taken = Vec::new();
        for (name, expected) in config.tensors() {
            let Some(tensor) = tensors.remove(&name) else {
                return Err(Error::MissingTensor { file: file.to_owned(), tensor: name });
            };
            if tensor.shape() != expected {
                let (file, found) = (file.to_owned(), tensor.shape().to_vec());
                return Err(Error::TensorShape { file, tensor: name, expected, found });
            }
            taken.push(tensor);
        }
        let mut taken = Taking { config: &config, tensors: taken.into_iter() };
        let mut build = || {
            let embedding = taken.next()?;
            let layers = (0..config.layers).map(|_| taken.layer()).collect::<Option<_>>()?;
            let norm = taken.next()?;
            Some((embedding, layers, norm, taken.next()))
        };
        // As many as `Config::tensors` names were taken, so none is missing now.
        let Some((embedding, layers, norm, head)) = build() else {
            let tensor = "of its own architecture".to_owned();
            return Err(Error::MissingTensor { file: file.to_owned(), tensor });
        };
        Ok(Self { embedding, layers, norm, head, config })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The weights in the order of [`Config::tensors`].
    #[cfg(feature = "train")]
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let layers = self.layers.iter().flat_map(Layer::tensors);
        [&self.embedding].into_iter().chain(layers).chain([&self.norm]).chain(&self.head)
    }

    /// The weights to change, in the same order.
    #[cfg(feature = "train")]
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let layers = self.layers.iter_mut().flat_map(Layer::tensors_mut);
        [&mut self.embedding]
            .into_iter()
            .chain(layers)
            .chain([&mut self.norm])
            .chain(&mut self.head)
    }

    /// The same network to be trained upon: its weights are floats.
    #[cfg(feature = "train")]
    pub(crate) fn widened(mut self) -> Self {
        self.tensors_mut().for_each(Tensor::widen);
        self
    }

    /// The same network to be trained: all of its weights are floats of its own from the first step
    /// on. What still lay in a file before that step would be multiplied by other kernels there than
    /// in a run that is resumed, which reads all of them from its state.
    #[cfg(feature = "train")]
    pub(crate) fn unshared(mut self) -> Self {
        self.tensors_mut().for_each(|tensor| {
            tensor.values_mut();
        });
        self
    }

    /// What comes next after each row of `hidden`: one logit per token of the vocabulary.
    #[cfg(feature = "train")]
    fn logits(&self, hidden: &[f32]) -> Vec<f32> {
        self.head().product(hidden)
    }

    fn head(&self) -> &Tensor {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// How many bytes the weights take that are packed for answers, beside those of the files.
    pub(crate) fn packed_size(&self) -> u64 {
        packed_size(self.matrices())
    }

    /// The matrices that answers are computed from, in the order in which they are needed.
    fn matrices(&self) -> impl Iterator<Item = &Tensor> {
        let linear =
            |layer| Module::ALL.into_iter().map(move |it| &Layer::linear(layer, it).weight);
        self.layers.iter().flat_map(linear).chain([self.head()])
    }

    /// The rows that the layers begin with, one for each token.
    #[cfg(feature = "train")]
    fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let mut x = Vec::with_capacity(tokens.len() * self.config.hidden);
        for token in tokens {
            self.embedding.push_row(*token as usize, &mut x);
        }
        x
    }

    /// Runs one layer: what happened in it, and what comes out, of some rows if only those matter.
    #[cfg(feature = "train")]
    fn layer(
        &self,
        index: usize,
        x: Vec<f32>,
        angles: &Angles,
        tuning: Option<Tuning<'_>>,
        rows: Option<&[usize]>,
        attend: &mut Attend<'_>,
    ) -> (Step, Vec<f32>) {
        let (layer, heads) = (&self.layers[index], self.config.heads);
        let mut lows = Lows::default();
        let mut apply = |module: Module, x: &[f32]| {
            let delta = tuning.and_then(|tuning| tuning.at(index, module));
            layer.linear(module).apply(x, delta, &mut lows[module as usize])
        };
        let normed = self.normed(&x, &layer.attention_norm);
        let mut q = apply(Module::Q, &normed);
        let mut k = apply(Module::K, &normed);
        let v = apply(Module::V, &normed);
        drop(normed);
        let mut plain = None;
        if let Some([q_norm, k_norm]) = &layer.head_norms {
            let (new_q, new_k) = (self.normed(&q, q_norm), self.normed(&k, k_norm));
            plain = Some([std::mem::replace(&mut q, new_q), std::mem::replace(&mut k, new_k)]);
        }
        angles.rotate(&mut q, heads.query * heads.dim, 1.0);
        angles.rotate(&mut k, heads.key * heads.dim, 1.0);
        let attended = attend(index, &q, &k, &v);
        let attended = chosen(&attended, heads.query * heads.dim, rows);
        let mut middle = apply(Module::O, &attended);
        drop(attended);
        kernels::accumulate(&mut middle, &chosen(&x, self.config.hidden, rows));
        let mlp_normed = self.normed(&middle, &layer.mlp_norm);
        let gate = apply(Module::Gate, &mlp_normed);
        let up = apply(Module::Up, &mlp_normed);
        drop(mlp_normed);
        let mut next = apply(Module::Down, &kernels::swiglu(&gate, &up));
        kernels::accumulate(&mut next, &middle);
        (Step { x, plain, q, k, v, middle, gate, up, lows }, next)
    }

    fn normed(&self, x: &[f32], weight: &Tensor) -> Vec<f32> {
        kernels::rms_norm(x, weight.values(), self.config.eps)
    }
}

/// Tensors taken one by one, in the order of [`Config::tensors`].
struct Taking<'c, I> {
    config: &'c Config,
    tensors: I,
}

impl<I: Iterator<Item = Tensor>> Taking<'_, I> {
    fn next(&mut self) -> Option<Tensor> {
        self.tensors.next()
    }

    fn linear(&mut self, has_bias: bool) -> Option<Linear> {
        let weight = self.next()?;
        let bias = if has_bias { Some(self.next()?) } else { None };
        Some(Linear { weight, bias })
    }

    fn layer(&mut self) -> Option<Layer> {
        let biases = self.config.biases;
        Some(Layer {
            attention_norm: self.next()?,
            q: self.linear(biases.input)?,
            k: self.linear(biases.input)?,
            v: self.linear(biases.input)?,
            head_norms: match self.config.has_head_norms {
                true => Some([self.next()?, self.next()?]),
                false => None,
            },
            o: self.linear(biases.output)?,
            mlp_norm: self.next()?,
            gate: self.linear(biases.mlp)?,
            up: self.linear(biases.mlp)?,
            down: self.linear(biases.mlp)?,
        })
    }
}

impl Layer {
    fn linear(&self, module: Module) -> &Linear {
        match module {
            Module::Q => &self.q,
            Module::K => &self.k,
            Module::V => &self.v,
            Module::O => &self.o,
            Module::Gate => &self.gate,
            Module::Up => &self.up,
            Module::Down => &self.down,
        }
    }
}

#[cfg(feature = "train")]
impl Layer {
    fn linear_mut(&mut self, module: Module) -> &mut Linear {
        match module {
            Module::Q => &mut self.q,
            Module::K => &mut self.k,
            Module::V => &mut self.v,
            Module::O => &mut self.o,
            Module::Gate => &mut self.gate,
            Module::Up => &mut self.up,
            Module::Down => &mut self.down,
        }
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let Self { attention_norm, q, k, v, head_norms, o, mlp_norm, gate, up, down } = self;
        fn of(linear: [&Linear; 3]) -> impl Iterator<Item = &Tensor> {
            linear.into_iter().flat_map(|it| [&it.weight].into_iter().chain(&it.bias))
        }
        [attention_norm]
            .into_iter()
            .chain(of([q, k, v]))
            .chain(head_norms.iter().flatten())
            .chain([&o.weight].into_iter().chain(&o.bias))
            .chain([mlp_norm])
            .chain(of([gate, up, down]))
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let Self { attention_norm, q, k, v, head_norms, o, mlp_norm, gate, up, down } = self;
        fn of(linear: [&mut Linear; 3]) -> impl Iterator<Item = &mut Tensor> {
            linear.into_iter().flat_map(|it| [&mut it.weight].into_iter().chain(&mut it.bias))
        }
        [attention_norm]
            .into_iter()
            .chain(of([q, k, v]))
            .chain(head_norms.iter_mut().flatten())
            .chain([&mut o.weight].into_iter().chain(&mut o.bias))
            .chain([mlp_norm])
            .chain(of([gate, up, down]))
    }
}

/// Some rows of a matrix, or all.
#[cfg(feature = "train")]
fn chosen<'a>(all: &'a [f32], width: usize, rows: Option<&[usize]>) -> Cow<'a, [f32]> {
    let Some(rows) = rows else { return all.into() };
    rows.iter().flat_map(|row| &all[row * width..(row + 1) * width]).copied().collect()
}

/// What happened in one layer, as far as it is dear to find out again.
#[derive(Debug)]
#[cfg(feature = "train")]
struct Step {
    x: Vec<f32>,
    /// Queries and keys before the norms of their heads, where there are such.
    plain: Option<[Vec<f32>; 2]>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// From here on, of the rows that matter.
    middle: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    lows: Lows,
}

/// What the adapter of each module made of its input between its two matrices.
#[cfg(feature = "train")]
type Lows = [Vec<f32>; Module::ALL.len()];

/// Several sequences laid end to end: no padding, and no attention from one to another.
#[cfg(feature = "train")]
#[derive(Debug)]
pub(crate) struct Packed {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    spans: Vec<Span>,
}

#[cfg(feature = "train")]
impl Packed {
    pub(crate) fn new<'a>(sequences: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let (mut tokens, mut positions, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in sequences {
            let rows = tokens.len()..tokens.len() + sequence.len();
            tokens.extend_from_slice(sequence);
            positions.extend(0..sequence.len() as u32);
            spans.push(Span { queries: rows.clone(), keys: rows });
        }
        Self { tokens, positions, spans }
    }

    /// The rows of each sequence.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Range<usize>> {
        self.spans.iter().map(|span| span.queries.clone())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::tests::small;
    #[cfg(feature = "train")]
    use crate::config::tests::with_everything;

    pub(crate) fn noise_tensors(config: &Config, seed: u64) -> Tensors {
        let mut rng = fastrand::Rng::with_seed(seed);
        let noise = |(name, shape): (String, Vec<usize>)| {
            let values = (0..shape.iter().product()).map(|_| rng.f32() - 0.5).collect();
            (name, Tensor::new(shape, values))
        };
        config.tensors().into_iter().map(noise).collect()
    }

    #[cfg(feature = "train")]
    pub(crate) fn noise(config: &Config, seed: u64) -> Network {
        Network::new(config.clone(), noise_tensors(config, seed), "m").unwrap()
    }

    #[cfg(feature = "train")]
    fn packed_logits(network: &Network, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
        let batch = Packed::new(sequences.iter().copied());
        let rows: Vec<usize> = (0..batch.tokens.len()).collect();
        let last = network.run(&batch, None, &rows, drop);
        let logits = network.logits(&network.normed(&last, &network.norm));
        logits.chunks_exact(network.config().vocabulary).map(<[f32]>::to_vec).collect()
    }

    #[cfg(feature = "train")]
    #[track_caller]
    fn close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_step_with_the_cache_equals_the_whole_pass() {
        for config in [small(), with_everything()] {
            let (network, tokens) = (noise(&config, 7), [3, 1, 4, 1, 5, 9, 2, 6]);
            let whole = packed_logits(&network, &[&tokens]);
            let mut cache = Cache::new(network.config());
            close(&network.advance(&tokens[..3], None, &mut cache), &whole[2]);
            for (i, token) in tokens.iter().enumerate().skip(3) {
                close(&network.advance(&[*token], None, &mut cache), &whole[i]);
            }
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_sequence_gives_the_same_whatever_is_packed_beside_it() {
        let network = noise(&small(), 7);
        let alone = packed_logits(&network, &[&[7, 8, 9]]);
        let beside = packed_logits(&network, &[&[1, 2, 3, 4, 5], &[7, 8, 9], &[6]]);
        for (alone, beside) in alone.iter().zip(&beside[5..8]) {
            close(alone, beside);
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn the_weights_are_given_in_the_order_of_their_names() {
        for config in [small(), with_everything()] {
            let (tensors, mut network) = (noise_tensors(&config, 7), noise(&config, 7));
            let specs = config.tensors();
            assert_eq!(network.tensors().count(), specs.len());
            assert!(network.tensors().zip(&specs).all(|(it, (name, _))| *it == tensors[name]));
            assert!(network.tensors_mut().zip(&specs).all(|(it, (name, _))| *it == tensors[name]));
        }
    }

    #[test]
    fn a_tensor_that_is_missing_or_misshapen_is_named() {
        let mut tensors = noise_tensors(&small(), 7);
        let name = "model.layers.1.mlp.up_proj.weight";
        tensors.insert(name.to_owned(), Tensor::new(vec![2, 3], vec![0.0; 6]));
        let refused = |tensors: Tensors| {
            Network::new(small(), tensors, "m/model.safetensors").unwrap_err().to_string()
        };
        assert_eq!(
            refused(tensors.clone()),
            "m/model.safetensors: tensor model.layers.1.mlp.up_proj.weight has shape [2, 3], \
             and the configuration asks for [24, 16]"
        );
        tensors.remove(name);
        assert_eq!(
            refused(tensors),
            "m/model.safetensors has no tensor model.layers.1.mlp.up_proj.weight"
        );
    }
}
