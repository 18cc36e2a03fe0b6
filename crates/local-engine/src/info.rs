//! What a model is, and whether it is whole: told without taking its weights into memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use openai_api::ModelId;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::files::{CONFIG, ModelFiles, WEIGHTS};
use crate::model::{Language, read_config};
use crate::models::About;
use crate::peft;
use crate::tools::Manner;
use crate::weights;

/// What a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The id that it is asked for by.
    pub id: ModelId,
    /// Where it lies: a folder or a file; `None` for the one that is part of the program.
    pub path: Option<PathBuf>,
    /// Whether that is outside the engine's home folder, which only has a link to it.
    pub is_linked: bool,
    /// As `config.json` names it, such as `Qwen3ForCausalLM`.
    pub architecture: String,
    /// How many numbers it has learned.
    pub parameters: u64,
    /// The types that they are stored in, such as `BF16` or `Q4_K`, and how many are in each.
    pub types: BTreeMap<String, u64>,
    /// How many bytes of weights are stored.
    pub bytes: u64,
    /// How many tokens a conversation and its answer may take together.
    pub context_window: u64,
    /// Whether it was taught to call tools, in a form that this engine reads.
    pub calls_tools: bool,
    /// The model it was tuned from, where this engine did that.
    pub base_model: Option<ModelId>,
    /// The model that it is an adapter of, whose parameters and weights are told then.
    pub adapter_of: Option<ModelId>,
    /// The adapters that stand on it.
    pub adapters: Vec<ModelId>,
}

/// Describes a model whose files are whole; that of an adapter with those of its base.
///
/// # Errors
///
/// The first thing that would keep the model from being loaded, by file and name: what its
/// configuration asks for, a tensor that is missing or of another shape or type, the tokenizer, the
/// chat template.
pub(crate) fn inspect(
    id: ModelId,
    files: &ModelFiles,
    base: Option<(ModelId, ModelFiles)>,
) -> Result<ModelInfo> {
    let (own, about) = (files, About::of(files));
    let (adapter_of, files) = match &base {
        Some((base, files)) => (Some(base.clone()), files),
        None => (None, own),
    };
    let config = read_config(files)?;
    if adapter_of.is_some() {
        peft::read(own, &config)?;
    }
    // Their values stay in the files until somebody looks at them.
    let stored = weights::read(files, &config)?;
    let (mut types, mut bytes) = (BTreeMap::new(), 0);
    for (name, expected) in config.tensors() {
        let file = files.display(WEIGHTS);
        let Some(tensor) = stored.get(&name) else {
            return Err(Error::MissingTensor { file, tensor: name });
        };
        if tensor.shape() != expected {
            let found = tensor.shape().to_vec();
            return Err(Error::TensorShape { file, tensor: name, expected, found });
        }
        let count = types.entry(tensor.dtype().name().to_owned()).or_insert(0);
        *count += expected.iter().product::<usize>() as u64;
        bytes += tensor.bytes();
    }
    let language = Language::read(files, &config)?;
    let manner = Manner::of(&language.template);
    Ok(ModelInfo {
        id,
        path: own.path().map(ToOwned::to_owned),
        is_linked: false,
        architecture: architecture(files)?,
        parameters: config.parameters() as u64,
        types,
        bytes,
        context_window: config.window as u64,
        calls_tools: manner.tells_tools && manner.dialect.is_some(),
        base_model: about.and_then(|about| about.base_model),
        adapter_of,
        adapters: Vec::new(),
    })
}

fn architecture(files: &ModelFiles) -> Result<String> {
    let config: Json = serde_json::from_slice(&files.read(CONFIG)?)
        .map_err(|source| Error::Json { file: files.display(CONFIG), source })?;
    Ok(config["architectures"][0].as_str().unwrap_or_default().to_owned())
}
