//! The keys that tell what a model is, the other way round than in `config.rs` beside the reader.

use std::collections::BTreeMap;

use super::{Fault, Metadata};
use crate::config::{Biases, Config, Family};
use crate::quant::Dtype;
use crate::rope::Stretch;

impl Metadata {
    /// The keys of a model with this configuration and matrices in these types.
    ///
    /// # Errors
    ///
    /// The field that asks for what llama.cpp does not know in this architecture.
    pub(crate) fn model(
        &mut self,
        name: &str,
        config: &Config,
        types: &BTreeMap<&'static str, (Dtype, u64)>,
    ) -> Result<(), Fault> {
        check(config)?;
        let architecture = architecture(config.family);
        self.text("general.architecture", architecture);
        self.text("general.type", "model");
        self.text("general.name", name);
        self.number("general.quantization_version", 2);
        let most = types.values().max_by_key(|(_, count)| *count);
        if let Some((dtype, _)) = most {
            self.number("general.file_type", file_type(*dtype));
        }
        let key = |key: &str| format!("{architecture}.{key}");
        let mut number = |name: &str, value: usize| {
            // All are bounded where the configuration was read.
            self.number(&key(name), u32::try_from(value).unwrap_or(u32::MAX));
        };
        number("vocab_size", config.vocabulary);
        number("context_length", window(config));
        number("embedding_length", config.hidden);
        number("block_count", config.layers);
        number("feed_forward_length", config.inner);
        number("attention.head_count", config.heads.query);
        number("attention.head_count_kv", config.heads.key);
        number("attention.key_length", config.heads.dim);
        number("attention.value_length", config.heads.dim);
        number("rope.dimension_count", config.heads.dim);
        self.float(&key("attention.layer_norm_rms_epsilon"), config.eps);
        self.float(&key("rope.freq_base"), config.rope.theta as f32);
        match config.rope.stretch {
            Stretch::None | Stretch::Llama3 { .. } => {}
            Stretch::Linear { factor } => {
                self.text(&key("rope.scaling.type"), "linear");
                self.float(&key("rope.scaling.factor"), factor as f32);
            }
            Stretch::Yarn { factor, fast, slow, original, .. } => {
                self.text(&key("rope.scaling.type"), "yarn");
                self.float(&key("rope.scaling.factor"), factor as f32);
                self.number(&key("rope.scaling.original_context_length"), original as u32);
                self.float(&key("rope.scaling.yarn_beta_fast"), fast as f32);
                self.float(&key("rope.scaling.yarn_beta_slow"), slow as f32);
            }
        }
        Ok(())
    }
}

/// What llama.cpp calls a family; Mistral's models are Llamas to it.
pub(super) fn architecture(family: Family) -> &'static str {
    match family {
        Family::Llama | Family::Mistral => "llama",
        Family::Qwen2 => "qwen2",
        Family::Qwen3 => "qwen3",
    }
}

/// How many tokens there may be at a time for the answers to be the same.
///
/// llama.cpp lets each token of these architectures see all before it. That is what a sliding window
/// does too, as long as all fit in.
fn window(config: &Config) -> usize {
    config.sliding.iter().flatten().copied().fold(config.window, usize::min)
}

/// Refuses what llama.cpp would pass over, or not load.
fn check(config: &Config) -> Result<(), Fault> {
    let Config { family, heads, biases, rope, .. } = config;
    let architecture = architecture(*family);
    if *family == Family::Qwen2 && heads.query * heads.dim != config.hidden {
        let problem = format!(
            "times num_attention_heads is not hidden_size, which llama.cpp asks of {architecture}; \
             export a folder"
        );
        return Err(("head_dim", problem));
    }
    let known = match family {
        Family::Llama => *biases,
        Family::Mistral | Family::Qwen3 => Biases::default(),
        Family::Qwen2 => Biases { input: true, ..Biases::default() },
    };
    if *biases != known {
        let problem =
            format!("is set, and llama.cpp knows none in {architecture}; export a folder");
        return Err(("attention_bias", problem));
    }
    if rope.divisors.is_some() && architecture != "llama" {
        let problem = format!(
            "divide each rate by a number of its own, which llama.cpp does not do in \
             {architecture}; export a folder"
        );
        return Err(("rope_parameters", problem));
    }
    if let Stretch::Yarn { factor, scale, truncate, .. } = rope.stretch {
        let usual = if factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 };
        if (scale - usual).abs() > 1e-6 || !truncate {
            let problem = "say attention_factor, mscale or truncate, which llama.cpp does not \
                           follow; export a folder";
            return Err(("rope_parameters", problem.to_owned()));
        }
    }
    Ok(())
}

/// The number of `enum llama_ftype` for files whose matrices are mostly of this type.
fn file_type(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::F32 => 0,
        Dtype::F16 => 1,
        Dtype::Q4_0 => 2,
        Dtype::Q4_1 => 3,
        Dtype::Q8_0 => 7,
        Dtype::Q5_0 => 8,
        Dtype::Q5_1 => 9,
        Dtype::Q4K => 15,
        Dtype::Q5K => 17,
        Dtype::Q6K => 18,
        Dtype::Bf16 => 32,
    }
}
