//! The shape of a model, from keys like `llama.block_count`.

use serde_json::{Map, Value as Json, json};

use super::Gguf;
use crate::error::Result;

impl Gguf {
    /// The architecture, which most keys begin with, and what Hugging Face calls it.
    pub(super) fn architecture(&self) -> Result<(&'static str, &'static str)> {
        const KEY: &str = "general.architecture";
        let name = self.text(KEY)?.unwrap_or_default();
        let known = ARCHITECTURES.iter().find(|(known, _)| *known == name);
        known.copied().ok_or_else(|| {
            let known: Vec<&str> = ARCHITECTURES.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            self.wrong(format!("key {KEY}"), format!("is {name:?}, and this engine knows {known}"))
        })
    }

    /// What `config.json` would say.
    pub(super) fn config_json(&self) -> Result<Json> {
        let (name, class) = self.architecture()?;
        let key = |key: &str| format!("{name}.{key}");
        let optional = |what: &str| self.number(&key(what));
        let needed = |what: &str| {
            let missing = || self.wrong(format!("key {}", key(what)), "is missing");
            optional(what)?.ok_or_else(missing)
        };
        let (hidden, heads) = (needed("embedding_length")?, needed("attention.head_count")?);
        let usual = hidden.checked_div(heads).unwrap_or(0);
        let dim = optional("attention.key_length")?.unwrap_or(usual);
        for what in ["attention.value_length", "rope.dimension_count"] {
            if let Some(found) = optional(what)?.filter(|found| *found != dim) {
                let problem =
                    format!("is {found}, and this engine knows only that of a head, {dim}");
                return Err(self.wrong(format!("key {}", key(what)), problem));
            }
        }
        let eps = self.float(&key("attention.layer_norm_rms_epsilon"))?;
        let has = |tensor: &str| self.tensor(tensor).is_some();
        let window = needed("context_length")?;
        let rows = self.tensor("token_embd.weight").and_then(|it| it.shape.first()).copied();
        Ok(json!({
            "architectures": [class],
            "model_type": name,
            "vocab_size": rows.unwrap_or(0),
            "hidden_size": hidden,
            "intermediate_size": needed("feed_forward_length")?,
            "num_hidden_layers": needed("block_count")?,
            "num_attention_heads": heads,
            "num_key_value_heads": optional("attention.head_count_kv")?.unwrap_or(heads),
            "head_dim": dim,
            "max_position_embeddings": window,
            "rms_norm_eps": eps.unwrap_or(1e-6),
            "rope_parameters": self.rope(&key, window)?,
            "tie_word_embeddings": !has("output.weight"),
            "attention_bias": has("blk.0.attn_q.bias"),
            "mlp_bias": has("blk.0.ffn_gate.bias"),
            "eos_token_id": self.ends()?,
        }))
    }

    fn rope(&self, key: &dyn Fn(&str) -> String, window: u64) -> Result<Json> {
        let mut rope = Map::new();
        let mut set = |name: &str, value: Json| drop(rope.insert(name.to_owned(), value));
        if let Some(theta) = self.float(&key("rope.freq_base"))? {
            set("rope_theta", theta.into());
        }
        match (self.text(&key("rope.scaling.type"))?, self.rope_divisors()?) {
            (None | Some("none"), None) => {}
            // How llama.cpp's converter writes `llama3`; the same in terms of transformers.
            (None | Some("none"), Some(divisors)) => {
                set("rope_type", "longrope".into());
                set("short_factor", divisors.clone().into());
                set("long_factor", divisors.into());
                set("original_max_position_embeddings", window.into());
                set("attention_factor", 1.0.into());
            }
            (Some(_), Some(_)) => {
                let problem = "is there beside rope_freqs.weight, which this engine does not know";
                return Err(self.wrong(format!("key {}", key("rope.scaling.type")), problem));
            }
            (Some(kind), None) => {
                set("rope_type", kind.into());
                for (name, key) in [
                    ("factor", key("rope.scaling.factor")),
                    ("beta_fast", key("rope.scaling.yarn_beta_fast")),
                    ("beta_slow", key("rope.scaling.yarn_beta_slow")),
                ] {
                    if let Some(value) = self.float(&key)? {
                        set(name, value.into());
                    }
                }
                if let Some(value) = self.number(&key("rope.scaling.original_context_length"))? {
                    set("original_max_position_embeddings", value.into());
                }
                let factor = key("rope.scaling.attn_factor");
                if self.float(&factor)?.is_some_and(|factor| factor != 1.0) {
                    let problem = "is not 1, which this engine does not know";
                    return Err(self.wrong(format!("key {factor}"), problem));
                }
            }
        }
        Ok(rope.into())
    }

    /// The tokens that end an answer.
    fn ends(&self) -> Result<Vec<u64>> {
        let mut ends = Vec::new();
        for name in ["eos", "eot", "eom"] {
            ends.extend(self.number(&format!("tokenizer.ggml.{name}_token_id"))?);
        }
        Ok(ends)
    }
}

/// The architectures that this engine knows. Those of Mistral are called `llama`, too.
const ARCHITECTURES: [(&str, &str); 3] =
    [("llama", "LlamaForCausalLM"), ("qwen2", "Qwen2ForCausalLM"), ("qwen3", "Qwen3ForCausalLM")];
