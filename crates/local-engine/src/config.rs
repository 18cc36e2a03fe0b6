//! A model's shape, as Hugging Face's `config.json` tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The fields of a Llama `config.json` that this engine reads; the others are kept as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LlamaConfig {
    pub(crate) architectures: Vec<String>,
    pub(crate) model_type: String,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) num_key_value_heads: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head_dim: Option<usize>,
    pub(crate) max_position_embeddings: usize,
    pub(crate) rms_norm_eps: f64,
    #[serde(default = "rope_theta")]
    pub(crate) rope_theta: f64,
    #[serde(default)]
    pub(crate) tie_word_embeddings: bool,
    #[serde(default = "hidden_act")]
    pub(crate) hidden_act: String,
    #[serde(default)]
    pub(crate) bos_token_id: Option<u32>,
    #[serde(default)]
    pub(crate) eos_token_id: Option<TokenIds>,
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

fn rope_theta() -> f64 {
    10_000.0
}

fn hidden_act() -> String {
    "silu".to_owned()
}

/// One token id, or several that mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum TokenIds {
    One(u32),
    Many(Vec<u32>),
}

impl TokenIds {
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

/// A tensor's name in the file of weights, and its shape.
pub(crate) type TensorSpec = (String, Vec<usize>);

impl LlamaConfig {
    /// Reads and checks the bytes of `file`.
    pub(crate) fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { file: file.to_owned(), source })?;
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &str) -> Result<()> {
        let refuse =
            |field, problem: String| Err(Error::Config { file: file.to_owned(), field, problem });
        if self.architectures != [ARCHITECTURE] {
            let problem =
                format!("is {:?}, and this engine knows {ARCHITECTURE} only", self.architectures);
            return refuse("architectures", problem);
        }
        for (field, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.kv_heads(), 1 << 10),
            ("head_dim", self.head_dim(), 1 << 12),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
        ] {
            if value == 0 || value > most {
                return refuse(field, format!("must be 1 to {most}, found {value}"));
            }
        }
        if !self.num_attention_heads.is_multiple_of(self.kv_heads()) {
            return refuse("num_key_value_heads", "must divide num_attention_heads".to_owned());
        }
        if !self.head_dim().is_multiple_of(2) {
            return refuse("head_dim", format!("must be even, found {}", self.head_dim()));
        }
        if self.hidden_act != "silu" {
            return refuse("hidden_act", format!("must be silu, found {}", self.hidden_act));
        }
        for field in ["rope_scaling", "attention_bias", "mlp_bias"] {
            let set =
                self.extra.get(field).is_some_and(|v| !v.is_null() && v != &Value::Bool(false));
            if set {
                return refuse(field, "is set, which this engine does not know yet".to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    pub(crate) fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Every tensor of the model, in a fixed order.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let hidden = self.hidden_size;
        let (query, key) =
            (self.num_attention_heads * self.head_dim(), self.kv_heads() * self.head_dim());
        let mut specs =
            vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, hidden])];
        for layer in 0..self.num_hidden_layers {
            for (part, shape) in [
                ("input_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![query, hidden]),
                ("self_attn.k_proj", vec![key, hidden]),
                ("self_attn.v_proj", vec![key, hidden]),
                ("self_attn.o_proj", vec![hidden, query]),
                ("post_attention_layernorm", vec![hidden]),
                ("mlp.gate_proj", vec![self.intermediate_size, hidden]),
                ("mlp.up_proj", vec![self.intermediate_size, hidden]),
                ("mlp.down_proj", vec![hidden, self.intermediate_size]),
            ] {
                specs.push((format!("model.layers.{layer}.{part}.weight"), shape));
            }
        }
        specs.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.tie_word_embeddings {
            specs.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        specs
    }

    /// How many numbers the model has.
    #[cfg(feature = "train")]
    pub(crate) fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

const ARCHITECTURE: &str = "LlamaForCausalLM";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model small enough to differentiate by hand.
    pub(crate) fn small() -> LlamaConfig {
        let json = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 50,
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
            "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
        });
        LlamaConfig::parse(&serde_json::to_vec(&json).unwrap(), "config.json").unwrap()
    }

    #[track_caller]
    fn refused(field: &str, value: Value) -> String {
        let mut json = serde_json::to_value(small()).unwrap();
        json[field] = value;
        LlamaConfig::parse(json.to_string().as_bytes(), "m/config.json").unwrap_err().to_string()
    }

    #[test]
    fn what_the_engine_cannot_do_is_refused_by_field() {
        assert_eq!(
            refused("architectures", serde_json::json!(["GPT2LMHeadModel"])),
            r#"m/config.json: architectures is ["GPT2LMHeadModel"], and this engine knows LlamaForCausalLM only"#
        );
        assert_eq!(
            refused("num_hidden_layers", 0.into()),
            "m/config.json: num_hidden_layers must be 1 to 1024, found 0"
        );
        assert_eq!(
            refused("num_key_value_heads", 3.into()),
            "m/config.json: num_key_value_heads must divide num_attention_heads"
        );
        assert_eq!(
            refused("rope_scaling", serde_json::json!({"factor": 8.0})),
            "m/config.json: rope_scaling is set, which this engine does not know yet"
        );
    }
}
