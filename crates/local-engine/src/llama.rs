//! The network: a decoder-only transformer of the Llama architecture.

use std::collections::HashMap;
#[cfg(feature = "train")]
use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::config::LlamaConfig;
use crate::error::{Error, Result};
use crate::kernels::{self, Heads, RopeTables, Span};
use crate::ops;

#[cfg(feature = "train")]
mod backward;
#[cfg(feature = "train")]
pub(crate) use backward::{Gradients, Pass};

/// Tensors by the names that Hugging Face gives them.
pub(crate) type Tensors = HashMap<String, Tensor>;

/// A network with its weights, in `f32`.
///
/// It shares its tensors: handed those of candle's variables it sees each change of them.
#[derive(Debug)]
pub(crate) struct Llama {
    config: LlamaConfig,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Tensor,
    rope: RopeTables,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    mlp_norm: Tensor,
    gate: Tensor,
    up: Tensor,
    down: Tensor,
}

impl Llama {
    /// Puts a network together from the tensors of `file`.
    pub(crate) fn new(config: LlamaConfig, tensors: &Tensors, file: &str) -> Result<Self> {
        for (name, expected) in config.tensors() {
            let Some(tensor) = tensors.get(&name) else {
                return Err(Error::MissingTensor { file: file.to_owned(), tensor: name });
            };
            if tensor.dims() != expected {
                let (file, found) = (file.to_owned(), tensor.dims().to_vec());
                return Err(Error::TensorShape { file, tensor: name, expected, found });
            }
        }
        let get = |name: &str| tensors[&format!("{name}.weight")].clone();
        let layers = (0..config.num_hidden_layers)
            .map(|layer| {
                let get = |part: &str| get(&format!("model.layers.{layer}.{part}"));
                Layer {
                    attention_norm: get("input_layernorm"),
                    q: get("self_attn.q_proj"),
                    k: get("self_attn.k_proj"),
                    v: get("self_attn.v_proj"),
                    o: get("self_attn.o_proj"),
                    mlp_norm: get("post_attention_layernorm"),
                    gate: get("mlp.gate_proj"),
                    up: get("mlp.up_proj"),
                    down: get("mlp.down_proj"),
                }
            })
            .collect();
        let embedding = get("model.embed_tokens");
        let head = if config.tie_word_embeddings { embedding.clone() } else { get("lm_head") };
        let rope =
            RopeTables::new(config.head_dim(), config.rope_theta, config.max_position_embeddings);
        Ok(Self { layers, norm: get("model.norm"), embedding, head, rope, config })
    }

    pub(crate) fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The last hidden states of several sequences at once, one row per token, and how they came
    /// about.
    #[cfg(feature = "train")]
    pub(crate) fn hidden(&self, batch: &Packed) -> Result<(Tensor, Tape)> {
        let mut layers = Vec::with_capacity(self.layers.len());
        let mut attend = |_, q: &Tensor, k: &Tensor, v: &Tensor| {
            Ok(ops::attention(self.heads(), &batch.spans, q, k, v)?)
        };
        let last = self.run(&batch.tokens, &batch.positions, &mut attend, |step| {
            layers.push(step);
        })?;
        Ok((self.norm(&last, &self.norm)?, Tape { layers, last }))
    }

    /// What comes next after each row of `hidden`: one logit per token of the vocabulary.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(hidden, &self.head)?)
    }

    /// Takes `tokens` in and returns the logits of what comes after the last of them.
    pub(crate) fn advance(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        let heads = self.heads();
        let start = cache.tokens as u32;
        let positions: Vec<u32> = (start..start + tokens.len() as u32).collect();
        let span = Span { queries: 0..tokens.len(), keys: 0..cache.tokens + tokens.len() };
        let mut attend = |layer: usize, q: &Tensor, k: &Tensor, v: &Tensor| {
            let kept = &mut cache.layers[layer];
            let out = ops::with_values([q, k, v], |[q, k, v]| {
                kept.keys.extend_from_slice(k);
                kept.values.extend_from_slice(v);
                let span = std::slice::from_ref(&span);
                kernels::attention(heads, span, q, &kept.keys, &kept.values)
            })?;
            Ok(ops::like(out, q)?)
        };
        let last = self.run(tokens, &positions, &mut attend, drop)?;
        cache.tokens += tokens.len();
        let last = self.norm(&last.narrow(0, tokens.len() - 1, 1)?, &self.norm)?;
        Ok(self.logits(&last)?.flatten_all()?.to_vec1()?)
    }

    /// Runs the layers; `attend` joins queries to keys, `keep` receives what happened.
    fn run(
        &self,
        tokens: &[u32],
        positions: &[u32],
        attend: &mut dyn FnMut(usize, &Tensor, &Tensor, &Tensor) -> Result<Tensor>,
        mut keep: impl FnMut(Step),
    ) -> Result<Tensor> {
        let rope = |x: Tensor| ops::rotate(&self.rope, &x, positions, 1.0);
        let mut x = self.embedding.index_select(&Tensor::new(tokens, &Device::Cpu)?, 0)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = self.norm(&x, &layer.attention_norm)?;
            let q = rope(ops::linear(&normed, &layer.q)?)?;
            let k = rope(ops::linear(&normed, &layer.k)?)?;
            let v = ops::linear(&normed, &layer.v)?;
            let attended = attend(index, &q, &k, &v)?;
            let middle = ops::add(&x, &ops::linear(&attended, &layer.o)?)?;
            let mlp_normed = self.norm(&middle, &layer.mlp_norm)?;
            let gate = ops::linear(&mlp_normed, &layer.gate)?;
            let up = ops::linear(&mlp_normed, &layer.up)?;
            let inner = ops::swiglu(&gate, &up)?;
            let next = ops::add(&middle, &ops::linear(&inner, &layer.down)?)?;
            keep(Step { x, normed, q, k, v, attended, middle, mlp_normed, gate, up, inner });
            x = next;
        }
        Ok(x)
    }

    fn norm(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        Ok(ops::rms_norm(x, weight, self.eps())?)
    }

    fn eps(&self) -> f32 {
        self.config.rms_norm_eps as f32
    }

    fn heads(&self) -> Heads {
        Heads {
            query: self.config.num_attention_heads,
            key: self.config.kv_heads(),
            dim: self.config.head_dim(),
        }
    }
}

/// What happened on the way to the last hidden states, to find the gradients by.
#[cfg(feature = "train")]
#[derive(Debug)]
pub(crate) struct Tape {
    layers: Vec<Step>,
    /// What the last norm took in.
    last: Tensor,
}

/// What happened in one layer: the input and output of each of its parts.
#[derive(Debug)]
#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "read by the backward pass only"))]
struct Step {
    x: Tensor,
    normed: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attended: Tensor,
    middle: Tensor,
    mlp_normed: Tensor,
    gate: Tensor,
    up: Tensor,
    inner: Tensor,
}

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

/// The keys and values of the tokens taken in so far.
#[derive(Debug)]
pub(crate) struct Cache {
    tokens: usize,
    layers: Vec<Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Cache {
    pub(crate) fn new(config: &LlamaConfig) -> Self {
        Self { tokens: 0, layers: vec![Kept::default(); config.num_hidden_layers] }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::tests::small;

    pub(crate) fn noise_tensors(config: &LlamaConfig, seed: u64) -> Tensors {
        let mut rng = fastrand::Rng::with_seed(seed);
        let noise = |(name, shape): (String, Vec<usize>)| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.f32() - 0.5).collect();
            (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        };
        config.tensors().into_iter().map(noise).collect()
    }

    #[cfg(feature = "train")]
    fn model() -> Llama {
        Llama::new(small(), &noise_tensors(&small(), 7), "m").unwrap()
    }

    #[cfg(feature = "train")]
    fn packed_logits(model: &Llama, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
        let (hidden, _) = model.hidden(&Packed::new(sequences.iter().copied())).unwrap();
        model.logits(&hidden).unwrap().to_vec2().unwrap()
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
        let (model, tokens) = (model(), [3, 1, 4, 1, 5, 9, 2, 6]);
        let whole = packed_logits(&model, &[&tokens]);
        let mut cache = Cache::new(model.config());
        close(&model.advance(&tokens[..3], &mut cache).unwrap(), &whole[2]);
        for (i, token) in tokens.iter().enumerate().skip(3) {
            close(&model.advance(&[*token], &mut cache).unwrap(), &whole[i]);
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_sequence_gives_the_same_whatever_is_packed_beside_it() {
        let model = model();
        let alone = packed_logits(&model, &[&[7, 8, 9]]);
        let beside = packed_logits(&model, &[&[1, 2, 3, 4, 5], &[7, 8, 9], &[6]]);
        for (alone, beside) in alone.iter().zip(&beside[5..8]) {
            close(alone, beside);
        }
    }

    #[test]
    fn a_tensor_that_is_missing_or_misshapen_is_named() {
        let mut tensors = noise_tensors(&small(), 7);
        let name = "model.layers.1.mlp.up_proj.weight";
        let wrong = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        tensors.insert(name.to_owned(), wrong);
        assert_eq!(
            Llama::new(small(), &tensors, "m/model.safetensors").unwrap_err().to_string(),
            "m/model.safetensors: tensor model.layers.1.mlp.up_proj.weight has shape [2, 3], \
             and config.json asks for [24, 16]"
        );
        tensors.remove(name);
        assert_eq!(
            Llama::new(small(), &tensors, "m/model.safetensors").unwrap_err().to_string(),
            "m/model.safetensors has no tensor model.layers.1.mlp.up_proj.weight"
        );
    }
}
