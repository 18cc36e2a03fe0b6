//! The tensors under the names that Hugging Face gives them.

use super::Gguf;
use super::header::Stored;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::quant::Dtype;
use crate::tensor::{Tensor, Tensors};

impl Gguf {
    /// What the rates of the rotary embedding are divided by, where a tensor says so.
    pub(super) fn rope_divisors(&self) -> Result<Option<Vec<f32>>> {
        const NAME: &str = "rope_freqs.weight";
        let Some(stored) = self.tensor(NAME) else { return Ok(None) };
        Ok(Some(self.read(NAME, stored, None)?.values().to_vec()))
    }

    /// Reads the tensors that a model of this shape has, those that are there.
    pub(crate) fn tensors(&self, config: &Config) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        let is_permuted = self.architecture()?.0 == "llama";
        for (name, _) in config.tensors() {
            let stored_name = stored_name(&name);
            let Some(stored) = self.tensor(&stored_name) else { continue };
            let heads = match name.split('.').nth(4) {
                Some("q_proj") if is_permuted => Some(config.heads.query),
                Some("k_proj") if is_permuted => Some(config.heads.key),
                _ => None,
            };
            tensors.insert(name, self.read(&stored_name, stored, heads)?);
        }
        Ok(tensors)
    }

    /// Reads a tensor; the rows of so many heads are those of the same pairs, in another order.
    fn read(&self, name: &str, stored: &Stored, heads: Option<usize>) -> Result<Tensor> {
        let dtype = self.dtype(name, stored)?;
        let mut bytes = self.data(stored);
        let rows = stored.shape.first().copied().unwrap_or(1);
        let heads = heads.filter(|heads| rows > 0 && rows.is_multiple_of(heads * 2));
        if let (Some(data), Some(heads)) = (&bytes, heads) {
            bytes = Some(in_halves(data, rows, rows / heads).into());
        }
        let tensor = bytes.and_then(|it| Tensor::stored(stored.shape.clone(), dtype, it));
        tensor.ok_or_else(|| self.wrong(format!("tensor {name}"), "is not of its own shape"))
    }

    fn dtype(&self, name: &str, tensor: &Stored) -> Result<Dtype> {
        tensor.dtype.map_err(|number| Error::TensorType {
            file: self.file.clone(),
            tensor: name.to_owned(),
            found: format!("{number} of ggml"),
            known: "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K",
        })
    }
}

/// What GGUF calls a tensor; names that it does not know stay as they are.
pub(super) fn stored_name(name: &str) -> String {
    let (path, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let renamed = match path.strip_prefix("model.layers.").and_then(|path| path.split_once('.')) {
        Some((layer, part)) => LAYER
            .iter()
            .find(|(known, _)| *known == part)
            .map(|(_, stored)| format!("blk.{layer}.{stored}")),
        None => TOP.iter().find(|(known, _)| *known == path).map(|(_, it)| (*it).to_owned()),
    };
    renamed.map_or_else(|| name.to_owned(), |path| format!("{path}.{kind}"))
}

/// The rows of heads whose pairs turn as halves, of ones whose pairs lie side by side.
///
/// A row is some values, whatever they are: those of stored weights are bytes.
///
/// llama.cpp's converter lays value `i` of a head beside value `i + dim / 2`, for models that it
/// calls `llama` only (`permute` in its `conversion/llama.py`).
fn in_halves<T: Copy>(values: &[T], rows: usize, dim: usize) -> Vec<T> {
    let width = values.len() / rows;
    let half = dim / 2;
    let mut out = Vec::with_capacity(values.len());
    for head in (0..rows).step_by(dim) {
        for place in 0..dim {
            let row = head + place % half * 2 + place / half;
            out.extend_from_slice(&values[row * width..][..width]);
        }
    }
    out
}

const TOP: [(&str, &str); 3] =
    [("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output")];

const LAYER: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_lie_side_by_side_are_told_apart() {
        // Two heads of four rows of one value: the first of each pair, then the second.
        let rows = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0];
        assert_eq!(in_halves(&rows, 8, 4), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn a_tensor_has_another_name_in_gguf() {
        for (name, stored) in [
            ("model.embed_tokens.weight", "token_embd.weight"),
            ("model.layers.11.self_attn.q_proj.bias", "blk.11.attn_q.bias"),
            ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"),
            ("lm_head.weight", "output.weight"),
        ] {
            assert_eq!(stored_name(name), stored);
        }
    }
}
