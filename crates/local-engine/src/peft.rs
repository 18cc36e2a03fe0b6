//! Adapters as files, in the format of [PEFT](https://huggingface.co/docs/peft): a folder with
//! `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Fields and names of tensors are those of `LoraConfig` and `save_pretrained` in PEFT 0.21.

use std::collections::BTreeMap;
#[cfg(feature = "train")]
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{Config, Module};
use crate::error::{Error, Result};
use crate::files::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, ModelFiles};
use crate::network::{Adapter, Lora, Magnitude, Site};
use crate::tensor::{Tensor, Tensors};
use crate::weights;

/// The fields of an `adapter_config.json` that this engine reads.
#[derive(Debug, Deserialize)]
struct Stated {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Reads the adapter in these files, which stands beside a network of this shape.
pub(crate) fn read(files: &ModelFiles, config: &Config) -> Result<Adapter> {
    let file = files.display(ADAPTER_CONFIG);
    let stated: Stated = serde_json::from_slice(&files.read(ADAPTER_CONFIG)?)
        .map_err(|source| Error::Json { file: file.clone(), source })?;
    let lora = stated.check().map_err(|(field, problem)| Error::Config { file, field, problem })?;
    let file = files.display(ADAPTER_WEIGHTS);
    let mut tensors = weights::read_file(files, ADAPTER_WEIGHTS)?;
    let mut adapter = Adapter::new(config, lora);
    for layer in 0..config.layers {
        for module in Module::ALL {
            let path = path(layer, module);
            let lora = &adapter.lora;
            let shape = module.shape(config);
            let Some((a, b, magnitude)) = take_site(&mut tensors, &path, &file, shape, lora)?
            else {
                continue;
            };
            let scale = lora.scale(a.rows(), stated.alpha(&path));
            adapter.insert(layer, module, Site { a, b, magnitude, scale });
        }
    }
    if let Some((tensor, _)) = tensors.pop_first() {
        return Err(Error::StrayTensor { file, tensor });
    }
    Ok(adapter)
}

/// A field, and what is wrong with it.
type Fault = (&'static str, String);

impl Stated {
    fn check(&self) -> Result<Lora, Fault> {
        if self.peft_type != "LORA" {
            return Err((
                "peft_type",
                format!("is {}, and this engine knows LORA", self.peft_type),
            ));
        }
        if self.r == 0 || self.r > Lora::MOST_RANK {
            return Err(("r", format!("must be 1 to {}, found {}", Lora::MOST_RANK, self.r)));
        }
        if !(0.0..1.0).contains(&self.lora_dropout) {
            let problem = format!("must be at least 0 and below 1, found {}", self.lora_dropout);
            return Err(("lora_dropout", problem));
        }
        let alphas = self.alpha_pattern.values().chain([&self.lora_alpha]);
        if let Some(alpha) = alphas.into_iter().find(|alpha| !alpha.is_finite()) {
            return Err(("lora_alpha", format!("must be a number, found {alpha}")));
        }
        // A pattern of PEFT's is a regular expression; plain names are all that people write.
        let is_plain = |name: &String| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        };
        if let Some(pattern) = self.alpha_pattern.keys().find(|name| !is_plain(name)) {
            let problem = format!("has the pattern {pattern:?}, and this engine reads plain names");
            return Err(("alpha_pattern", problem));
        }
        for field in CHANGES_THE_SUM {
            match self.others.get(field) {
                None | Some(Value::Null | Value::Bool(false)) => {}
                Some(Value::Array(items)) if items.is_empty() => {}
                Some(Value::String(text)) if text == "none" => {}
                Some(_) => {
                    let problem = "is set, and this engine cannot follow it; train without it";
                    return Err((field, problem.to_owned()));
                }
            }
        }
        if let Some(Value::String(how)) = self.others.get("init_lora_weights")
            && CHANGES_THE_BASE.iter().any(|name| how.starts_with(name))
        {
            let problem = format!(
                "is {how}, which changes the base too; save it with path_initial_model_for_weight_conversion"
            );
            return Err(("init_lora_weights", problem));
        }
        Ok(Lora {
            rank: self.r,
            alpha: self.lora_alpha,
            dropout: self.lora_dropout,
            has_root_scale: self.use_rslora,
            learns_lengths: self.use_dora,
        })
    }

    /// The alpha of a module: that of the first pattern which its path ends with.
    fn alpha(&self, path: &str) -> f64 {
        let ends = |pattern: &str| {
            path.strip_suffix(pattern).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let own = self.alpha_pattern.iter().find(|(pattern, _)| ends(pattern));
        own.map_or(self.lora_alpha, |(_, alpha)| *alpha)
    }
}

/// What the tensors say of one module, if they say anything.
fn take_site(
    tensors: &mut Tensors,
    path: &str,
    file: &str,
    [to, from]: [usize; 2],
    lora: &Lora,
) -> Result<Option<(Tensor, Tensor, Option<Magnitude>)>> {
    let names = names(path);
    let [a, b] = [&names[0], &names[1]].map(|name| tensors.remove(name));
    // One that the configuration does not speak of stays behind, and is refused with what else does.
    let magnitude = lora.learns_lengths.then(|| tensors.remove(&names[2]));
    let check = |name: &str, tensor: Tensor, expected: Vec<usize>| match tensor.shape() == expected
    {
        true => Ok(tensor),
        false => {
            let (file, found) = (file.to_owned(), tensor.shape().to_vec());
            Err(Error::TensorShape { file, tensor: name.to_owned(), expected, found })
        }
    };
    let missing =
        |name: &String| Error::MissingTensor { file: file.to_owned(), tensor: name.clone() };
    let (a, b) = match (a, b) {
        (None, None) if magnitude.as_ref().is_none_or(Option::is_none) => return Ok(None),
        (Some(a), Some(b)) => (a, b),
        (None, _) => return Err(missing(&names[0])),
        (_, None) => return Err(missing(&names[1])),
    };
    let rank = a.shape().first().copied().unwrap_or(0).clamp(1, Lora::MOST_RANK);
    let a = check(&names[0], a, vec![rank, from])?;
    let b = check(&names[1], b, vec![to, rank])?;
    let magnitude = match magnitude {
        None => None,
        Some(None) => return Err(missing(&names[2])),
        Some(Some(it)) => Some(Magnitude::new(check(&names[2], it, vec![to])?)),
    };
    Ok(Some((a, b, magnitude)))
}

fn path(layer: usize, module: Module) -> String {
    format!("model.layers.{layer}.{}", module.path())
}

/// The tensors of a site: the lower matrix, the upper, and the lengths of rows.
fn names(path: &str) -> [String; 3] {
    ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"]
        .map(|part| format!("base_model.model.{path}.{part}"))
}

/// What PEFT calls each tensor, in the order of [`Adapter::tensors`].
#[cfg(feature = "train")]
pub(crate) fn names_of(adapter: &Adapter) -> Vec<String> {
    let of_site = |(layer, module, site): (usize, Module, &Site)| {
        let [a, b, magnitude] = names(&path(layer, module));
        [a, b].into_iter().chain(site.magnitude.is_some().then_some(magnitude))
    };
    adapter.sites().flat_map(of_site).collect()
}

/// Writes an adapter as PEFT does; `base` is the model that it stands beside, by path or name.
#[cfg(feature = "train")]
pub(crate) fn write(adapter: &Adapter, base: &str, folder: &Path) -> Result<()> {
    let tensors = names_of(adapter).into_iter().zip(adapter.tensors());
    weights::write_f32(tensors, &folder.join(ADAPTER_WEIGHTS))?;
    let path = folder.join(ADAPTER_CONFIG);
    let json = serde_json::to_vec_pretty(&config_json(adapter, base))
        .map_err(|source| Error::Json { file: path.display().to_string(), source })?;
    std::fs::write(&path, json).map_err(Error::io("write", path))
}

#[cfg(feature = "train")]
fn config_json(adapter: &Adapter, base: &str) -> Value {
    let lora = &adapter.lora;
    let (mut ranks, mut alphas) = (Map::new(), Map::new());
    let mut by_module: BTreeMap<Module, Vec<String>> = BTreeMap::new();
    for (layer, module, site) in adapter.sites() {
        let path = path(layer, module);
        let rank = site.a.rows();
        if rank != lora.rank {
            ranks.insert(path.clone(), rank.into());
        }
        if site.scale != lora.scale(rank, lora.alpha) {
            alphas.insert(path.clone(), number(lora.alpha_of(rank, site.scale)));
        }
        by_module.entry(module).or_default().push(path);
    }
    // A module that is meant in each layer goes by its name, another by its paths.
    let targets: Vec<String> = by_module
        .into_iter()
        .flat_map(|(module, paths)| match paths.len() == adapter.layers() {
            true => vec![module.name().to_owned()],
            false => paths,
        })
        .collect();
    serde_json::json!({
        "alpha_pattern": alphas,
        "auto_mapping": null,
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "layers_pattern": null,
        "layers_to_transform": null,
        "lora_alpha": number(lora.alpha),
        "lora_dropout": lora.dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": lora.rank,
        "rank_pattern": ranks,
        "revision": null,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": lora.learns_lengths,
        "use_rslora": lora.has_root_scale,
    })
}

/// A whole number as such: some readers take no other.
#[cfg(feature = "train")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e9 { Value::from(value as i64) } else { value.into() }
}

/// What would change the sum of base and adapter in a way that is not followed here.
const CHANGES_THE_SUM: [&str; 14] = [
    "bias",
    "fan_in_fan_out",
    "lora_bias",
    "modules_to_save",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "velora_config",
    "kasa_config",
    "monteclora_config",
];

/// Ways of beginning that leave another base behind.
const CHANGES_THE_BASE: [&str; 4] = ["pissa", "olora", "corda", "loftq"];
