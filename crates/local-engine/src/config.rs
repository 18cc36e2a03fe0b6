//! A model's shape, as Hugging Face's `config.json` tells it.
//!
//! Which keys there are and what stands for one that is missing is that of the configurations of
//! `transformers` 5 (`configuration_llama.py` and its siblings), and of the files that version 4 wrote.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::rope::{Rope, Stretch};

/// What a network is like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) family: Family,
    /// How many tokens there are.
    pub(crate) vocabulary: usize,
    /// How wide the stream of hidden states is.
    pub(crate) hidden: usize,
    /// How wide the inside of each MLP is.
    pub(crate) inner: usize,
    pub(crate) layers: usize,
    pub(crate) heads: Heads,
    /// How many tokens fit in.
    pub(crate) window: usize,
    /// What keeps a norm from dividing by zero.
    pub(crate) eps: f32,
    pub(crate) rope: Rope,
    /// Whether the head is the embedding.
    pub(crate) is_tied: bool,
    pub(crate) biases: Biases,
    /// Whether each head of queries and keys has a norm.
    pub(crate) has_head_norms: bool,
    /// For each layer, how many tokens back it sees; all if that is not said.
    pub(crate) sliding: Vec<Option<usize>>,
    /// The tokens that end an answer.
    pub(crate) end: Vec<u32>,
}

/// The architectures that this engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
}

/// How the columns of queries, keys and values are divided into heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// How many heads of queries there are.
    pub(crate) query: usize,
    /// How many of keys and of values, which divides that.
    pub(crate) key: usize,
    /// How wide each is.
    pub(crate) dim: usize,
}

/// Which projections have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Biases {
    /// Those to queries, keys and values.
    pub(crate) input: bool,
    /// That back from attention.
    pub(crate) output: bool,
    /// Those of the MLP.
    pub(crate) mlp: bool,
}

/// The linear modules of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "train", derive(serde::Serialize, Deserialize))]
pub(crate) enum Module {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Module {
    pub(crate) const ALL: [Self; 7] =
        [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// Its name, which is the same in each layer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Q => "q_proj",
            Self::K => "k_proj",
            Self::V => "v_proj",
            Self::O => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// Its name within a layer.
    pub(crate) fn path(self) -> String {
        let block = match self {
            Self::Q | Self::K | Self::V | Self::O => "self_attn",
            Self::Gate | Self::Up | Self::Down => "mlp",
        };
        format!("{block}.{}", self.name())
    }

    /// How wide its output is, and its input.
    pub(crate) fn shape(self, config: &Config) -> [usize; 2] {
        let Config { hidden, inner, heads, .. } = *config;
        match self {
            Self::Q => [heads.query * heads.dim, hidden],
            Self::K | Self::V => [heads.key * heads.dim, hidden],
            Self::O => [hidden, heads.query * heads.dim],
            Self::Gate | Self::Up => [inner, hidden],
            Self::Down => [hidden, inner],
        }
    }
}

/// A tensor's name in the file of weights, and its shape.
pub(crate) type TensorSpec = (String, Vec<usize>);

/// One token id, or several that mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// The fields of a `config.json` that this engine reads.
#[derive(Debug, Deserialize)]
struct Stated {
    architectures: Vec<String>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: usize,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    /// What version 5 writes, the base among them; `default` is one of its types.
    rope_parameters: Option<Map<String, Value>>,
    /// What version 4 wrote, `null` where nothing is stretched.
    rope_scaling: Option<Map<String, Value>>,
    #[serde(default)]
    tie_word_embeddings: bool,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    eos_token_id: Option<TokenIds>,
    quantization_config: Option<Value>,
}

impl Config {
    /// Reads and checks the bytes of `file`.
    pub(crate) fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        let stated: Stated = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { file: file.to_owned(), source })?;
        stated.check().map_err(|(field, problem)| Error::Config {
            file: file.to_owned(),
            field,
            problem,
        })
    }

    /// Every tensor of the model, in a fixed order.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let Self { hidden, heads, biases, .. } = *self;
        let linear = |add: &mut dyn FnMut(&str, Vec<usize>), module: Module, has_bias| {
            let (part, shape) = (module.path(), module.shape(self));
            add(&format!("{part}.weight"), shape.to_vec());
            if has_bias {
                add(&format!("{part}.bias"), vec![shape[0]]);
            }
        };
        let mut specs =
            vec![("model.embed_tokens.weight".to_owned(), vec![self.vocabulary, hidden])];
        for layer in 0..self.layers {
            let mut add = |part: &str, shape: Vec<usize>| {
                specs.push((format!("model.layers.{layer}.{part}"), shape));
            };
            add("input_layernorm.weight", vec![hidden]);
            linear(&mut add, Module::Q, biases.input);
            linear(&mut add, Module::K, biases.input);
            linear(&mut add, Module::V, biases.input);
            if self.has_head_norms {
                add("self_attn.q_norm.weight", vec![heads.dim]);
                add("self_attn.k_norm.weight", vec![heads.dim]);
            }
            linear(&mut add, Module::O, biases.output);
            add("post_attention_layernorm.weight", vec![hidden]);
            linear(&mut add, Module::Gate, biases.mlp);
            linear(&mut add, Module::Up, biases.mlp);
            linear(&mut add, Module::Down, biases.mlp);
        }
        specs.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.is_tied {
            specs.push(("lm_head.weight".to_owned(), vec![self.vocabulary, hidden]));
        }
        specs
    }

    /// How many numbers the model has.
    pub(crate) fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

/// A field, and what is wrong with it.
type Fault = (&'static str, String);

impl Stated {
    fn check(self) -> Result<Config, Fault> {
        let family = self.family()?;
        if let Some(how) = &self.quantization_config {
            let how = how["quant_method"].as_str().unwrap_or("some way");
            let problem = format!(
                "says that the weights are quantised by {how}; take a folder with the plain weights, or a GGUF file"
            );
            return Err(("quantization_config", problem));
        }
        let heads = self.heads(family)?;
        for (field, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 24),
        ] {
            within(field, value, most)?;
        }
        if let Some(act) = self.hidden_act.as_deref().filter(|act| *act != "silu") {
            return Err(("hidden_act", format!("must be silu, found {act}")));
        }
        let attention_bias = self.attention_bias.unwrap_or(false);
        let biases = match family {
            Family::Llama => Biases {
                input: attention_bias,
                output: attention_bias,
                mlp: self.mlp_bias.unwrap_or(false),
            },
            Family::Qwen2 => Biases { input: true, ..Biases::default() },
            Family::Qwen3 => Biases { input: attention_bias, output: attention_bias, mlp: false },
            Family::Mistral => Biases::default(),
        };
        Ok(Config {
            family,
            vocabulary: self.vocab_size,
            hidden: self.hidden_size,
            inner: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            window: self.max_position_embeddings,
            eps: self.rms_norm_eps.unwrap_or(1e-6) as f32,
            rope: self.rope(heads.dim)?,
            is_tied: self.tie_word_embeddings,
            biases,
            has_head_norms: family == Family::Qwen3,
            sliding: self.sliding(family)?,
            end: self.eos_token_id.map(|ids| ids.as_slice().to_vec()).unwrap_or_default(),
        })
    }

    fn family(&self) -> Result<Family, Fault> {
        let [name] = &self.architectures[..] else {
            let problem = format!("must name one, found {:?}", self.architectures);
            return Err(("architectures", problem));
        };
        let known = FAMILIES.iter().find(|(known, _)| known == name);
        known.map(|(_, family)| *family).ok_or_else(|| {
            let known: Vec<&str> = FAMILIES.iter().map(|(known, _)| *known).collect();
            ("architectures", format!("is {name}, and this engine knows {}", known.join(", ")))
        })
    }

    fn heads(&self, family: Family) -> Result<Heads, Fault> {
        let query = within("num_attention_heads", self.num_attention_heads, 1 << 10)?;
        // What `transformers` takes where a file of Mistral's does not say.
        let usual = if family == Family::Mistral { 8.min(query) } else { query };
        let key = self.num_key_value_heads.unwrap_or(usual);
        within("num_key_value_heads", key, 1 << 10)?;
        if !query.is_multiple_of(key) {
            return Err(("num_key_value_heads", "must divide num_attention_heads".to_owned()));
        }
        let usual = if family == Family::Qwen3 { 128 } else { self.hidden_size / query };
        let dim = within("head_dim", self.head_dim.unwrap_or(usual), 1 << 12)?;
        if !dim.is_multiple_of(2) {
            return Err(("head_dim", format!("must be even, found {dim}")));
        }
        Ok(Heads { query, key, dim })
    }

    /// For each layer, how many tokens back it sees.
    fn sliding(&self, family: Family) -> Result<Vec<Option<usize>>, Fault> {
        let is_used = match family {
            Family::Llama => false,
            Family::Mistral => true,
            Family::Qwen2 | Family::Qwen3 => self.use_sliding_window.unwrap_or(false),
        };
        let window = self.sliding_window.filter(|_| is_used);
        if let Some(types) = &self.layer_types {
            if types.len() != self.num_hidden_layers {
                let (found, layers) = (types.len(), self.num_hidden_layers);
                return Err(("layer_types", format!("has {found} entries for {layers} layers")));
            }
            return types
                .iter()
                .map(|kind| match (kind.as_str(), window) {
                    ("full_attention", _) => Ok(None),
                    ("sliding_attention", Some(window)) => Ok(Some(window)),
                    ("sliding_attention", None) => Err((
                        "sliding_window",
                        "is missing, and layer_types asks for it".to_owned(),
                    )),
                    (kind, _) => {
                        Err(("layer_types", format!("has {kind}, which this engine does not know")))
                    }
                })
                .collect();
        }
        let first = match family {
            Family::Qwen2 | Family::Qwen3 => self.max_window_layers.unwrap_or(28),
            Family::Llama | Family::Mistral => 0,
        };
        Ok((0..self.num_hidden_layers).map(|layer| window.filter(|_| layer >= first)).collect())
    }

    fn rope(&self, dim: usize) -> Result<Rope, Fault> {
        let (field, parameters) = match (&self.rope_parameters, &self.rope_scaling) {
            (Some(parameters), _) => ("rope_parameters", parameters.clone()),
            (None, Some(scaling)) => ("rope_scaling", scaling.clone()),
            (None, None) => ("rope_scaling", Map::new()),
        };
        let number = |name: &str| parameters.get(name).and_then(Value::as_f64);
        let needed = |name: &str| {
            let fault = || (field, format!("says no {name}, which its type needs"));
            number(name).filter(|number| *number > 0.0).ok_or_else(fault)
        };
        let theta = number("rope_theta").or(self.rope_theta).unwrap_or(10_000.0);
        if !(theta.is_finite() && theta > 1.0) {
            return Err(("rope_theta", format!("must be more than 1, found {theta}")));
        }
        if number("partial_rotary_factor").is_some_and(|share| share != 1.0) {
            let problem = "has a partial_rotary_factor, which this engine does not know";
            return Err((field, problem.to_owned()));
        }
        let name = parameters.get("rope_type").or_else(|| parameters.get("type"));
        let name = name.and_then(Value::as_str).unwrap_or("default");
        let window = self.max_position_embeddings as f64;
        let original = || number("original_max_position_embeddings").filter(|it| *it > 0.0);
        let stretch = match name {
            // Within the window, which no conversation leaves here, `dynamic` is the plain one.
            "default" | "dynamic" => Stretch::None,
            "linear" => Stretch::Linear { factor: needed("factor")? },
            "llama3" => Stretch::Llama3 {
                factor: needed("factor")?,
                low: needed("low_freq_factor")?,
                high: needed("high_freq_factor")?,
                original: needed("original_max_position_embeddings")?,
            },
            "yarn" => {
                let factor = match (number("factor"), original()) {
                    (Some(factor), _) if factor > 0.0 => factor,
                    (None, Some(original)) => window / original,
                    _ => return Err((field, "says no factor, which its type needs".to_owned())),
                };
                Stretch::Yarn {
                    factor,
                    fast: number("beta_fast").unwrap_or(32.0),
                    slow: number("beta_slow").unwrap_or(1.0),
                    original: original().unwrap_or(window),
                    scale: yarn_scale(factor, &number),
                    truncate: parameters.get("truncate").is_none_or(|it| it != false),
                }
            }
            "longrope" => {
                return Rope::new(dim, theta, Stretch::None)
                    .divided(&divisors(&parameters, window).map_err(|it| (field, it))?)
                    .ok_or_else(|| (field, format!("must divide {} rates", dim / 2)));
            }
            other => {
                let problem = format!(
                    "is of type {other}, and this engine knows default, linear, dynamic, llama3, \
                     yarn and longrope"
                );
                return Err((field, problem));
            }
        };
        Ok(Rope::new(dim, theta, stretch))
    }
}

/// What `YaRN` multiplies cosines and sines by.
fn yarn_scale(factor: f64, number: &dyn Fn(&str) -> Option<f64>) -> f64 {
    if let Some(stated) = number("attention_factor") {
        return stated;
    }
    let scale = |share: f64| if factor <= 1.0 { 1.0 } else { 0.1 * share * factor.ln() + 1.0 };
    match (number("mscale"), number("mscale_all_dim")) {
        (Some(one), Some(all)) if one != 0.0 && all != 0.0 => scale(one) / scale(all),
        _ => scale(1.0),
    }
}

/// What `LongRoPE` divides each rate by, where that does not depend on the length.
fn divisors(parameters: &Map<String, Value>, window: f64) -> Result<Vec<f32>, String> {
    let list = |name: &str| parameters.get(name).and_then(Value::as_array);
    let original = parameters.get("original_max_position_embeddings").and_then(Value::as_f64);
    let (Some(short), true) = (list("short_factor"), list("short_factor") == list("long_factor"))
    else {
        return Err("has other factors for long texts, which this engine does not know".to_owned());
    };
    // Beyond the original window, cosines and sines would be scaled.
    if original.is_some_and(|original| original < window) {
        return Err("is stretched beyond its window, which this engine does not know".to_owned());
    }
    let positive = |value: &Value| value.as_f64().filter(|it| it.is_finite() && *it > 0.0);
    let divisors: Option<Vec<f32>> =
        short.iter().map(|value| positive(value).map(|it| it as f32)).collect();
    divisors.ok_or_else(|| "has a factor that is not a number above 0".to_owned())
}

fn within(field: &'static str, value: usize, most: usize) -> Result<usize, Fault> {
    if value == 0 || value > most {
        return Err((field, format!("must be 1 to {most}, found {value}")));
    }
    Ok(value)
}

const FAMILIES: [(&str, Family); 4] = [
    ("LlamaForCausalLM", Family::Llama),
    ("MistralForCausalLM", Family::Mistral),
    ("Qwen2ForCausalLM", Family::Qwen2),
    ("Qwen3ForCausalLM", Family::Qwen3),
];

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    fn stated() -> Value {
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 50,
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
            "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
        })
    }

    fn read(changes: Value) -> Result<Config> {
        let mut stated = stated();
        for (field, value) in changes.as_object().unwrap() {
            stated[field] = value.clone();
        }
        Config::parse(stated.to_string().as_bytes(), "m/config.json")
    }

    /// A model small enough to differentiate by hand.
    pub(crate) fn small() -> Config {
        read(json!({})).unwrap()
    }

    /// One with all that any family has.
    #[cfg(feature = "train")]
    pub(crate) fn with_everything() -> Config {
        let qwen3 = json!({
            "architectures": ["Qwen3ForCausalLM"], "head_dim": 6, "attention_bias": true,
            "tie_word_embeddings": false, "use_sliding_window": true, "sliding_window": 3,
            "max_window_layers": 1,
        });
        let config = read(qwen3).unwrap();
        Config { biases: Biases { input: true, output: true, mlp: true }, ..config }
    }

    #[track_caller]
    fn refused(changes: Value) -> String {
        read(changes).unwrap_err().to_string()
    }

    #[test]
    fn what_the_engine_cannot_do_is_refused_by_field() {
        assert_eq!(
            refused(json!({"architectures": ["GPT2LMHeadModel"]})),
            "m/config.json: architectures is GPT2LMHeadModel, and this engine knows \
             LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM"
        );
        assert_eq!(
            refused(json!({"num_hidden_layers": 0})),
            "m/config.json: num_hidden_layers must be 1 to 1024, found 0"
        );
        assert_eq!(
            refused(json!({"num_key_value_heads": 3})),
            "m/config.json: num_key_value_heads must divide num_attention_heads"
        );
        assert_eq!(
            refused(json!({"rope_scaling": {"type": "mrope"}})),
            "m/config.json: rope_scaling is of type mrope, and this engine knows default, linear, \
             dynamic, llama3, yarn and longrope"
        );
        let (short, long) = ([1.0, 2.0], [2.0, 4.0]);
        assert_eq!(
            refused(json!({"rope_scaling": {
                "type": "longrope", "short_factor": short, "long_factor": long,
            }})),
            "m/config.json: rope_scaling has other factors for long texts, which this engine does \
             not know"
        );
        assert_eq!(
            refused(json!({"rope_scaling": {
                "type": "longrope", "short_factor": [1.0], "long_factor": [1.0],
            }})),
            "m/config.json: rope_scaling must divide 2 rates"
        );
        assert_eq!(
            refused(json!({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}})),
            "m/config.json: rope_parameters says no low_freq_factor, which its type needs"
        );
        assert_eq!(
            refused(json!({"quantization_config": {"quant_method": "gptq"}})),
            "m/config.json: quantization_config says that the weights are quantised by gptq; take \
             a folder with the plain weights, or a GGUF file"
        );
    }

    #[test]
    fn each_family_has_biases_norms_and_windows_of_its_own() {
        let qwen2 =
            read(json!({"architectures": ["Qwen2ForCausalLM"], "sliding_window": 8})).unwrap();
        assert_eq!(qwen2.biases, Biases { input: true, output: false, mlp: false });
        assert_eq!(qwen2.sliding, [None, None]);
        let qwen3 = read(json!({"architectures": ["Qwen3ForCausalLM"]})).unwrap();
        assert!(qwen3.has_head_norms);
        assert_eq!(qwen3.heads.dim, 128);
        let mistral = read(json!({"architectures": ["MistralForCausalLM"], "sliding_window": 8}));
        assert_eq!(mistral.unwrap().sliding, [Some(8), Some(8)]);
        let mixed = json!({
            "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true, "sliding_window": 8,
            "layer_types": ["full_attention", "sliding_attention"],
        });
        assert_eq!(read(mixed).unwrap().sliding, [None, Some(8)]);
    }

    #[test]
    fn the_same_rope_is_read_from_what_either_version_writes() {
        let four = json!({
            "rope_theta": 500_000.0,
            "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192},
        });
        let five = json!({
            "rope_parameters": {"rope_theta": 500_000.0, "rope_type": "llama3", "factor": 8.0,
                                "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                "original_max_position_embeddings": 8192},
        });
        let (four, five) = (read(four).unwrap(), read(five).unwrap());
        assert_eq!(four.rope, five.rope);
        assert_ne!(four.rope, small().rope);
    }
}
