//! Models written anew: whole, with an adapter as part of the weights, as a folder or as one file.

mod draft;
mod folder;
mod gguf;
mod weights;

#[cfg(test)]
mod peers;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use openai_api::ModelId;

use crate::error::Result;
use crate::export::weights::Whole;
use crate::files::ModelFiles;
use crate::info::{ModelInfo, inspect};
use crate::quant::Dtype;

/// Where a model is to be written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// The folder or the file that is to be made; there must be nothing yet.
    pub to: PathBuf,
    /// What it is to be.
    pub format: ExportFormat,
    /// What its matrices are to be in, where that can be; by itself as they are.
    ///
    /// As they are, a folder is in the type that most of its matrices are in, or in `f16` if those
    /// are quantised; in a GGUF file each keeps its own, and a quantised one that an adapter has
    /// changed becomes [`Q8_0`](WeightType::Q8_0).
    pub weights: Option<WeightType>,
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A folder with `config.json`, `model.safetensors`, the tokenizer and the chat template, as
    /// `transformers` and vLLM read it.
    ///
    /// More than 5 GB of weights lie in several files, `model-00001-of-00002.safetensors` and so on,
    /// and `model.safetensors.index.json` says which tensor is in which.
    Folder,
    /// One file in the format of GGUF, as llama.cpp and Ollama read it.
    Gguf,
}

/// What the numbers of a matrix are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightType {
    /// Four bytes each.
    F32,
    /// Two bytes each; none may be larger than 65,504.
    F16,
    /// Two bytes each, as wide as `f32` and coarser than `f16`.
    Bf16,
    /// About 8.5 bits each, in a GGUF file only.
    Q8_0,
    /// About 4.5 bits each, in a GGUF file only; its head is in `q8_0`, as it suffers most.
    Q4_0,
}

/// How far the writing of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exporting {
    /// How many bytes of weights are written.
    pub done: u64,
    /// How many there are to be.
    pub total: u64,
}

impl Export {
    /// As one file if the name ends with `.gguf`, and else as a folder.
    #[must_use]
    pub fn new(to: impl Into<PathBuf>) -> Self {
        let to = to.into();
        let is_gguf = to.extension().is_some_and(|extension| extension == "gguf");
        let format = if is_gguf { ExportFormat::Gguf } else { ExportFormat::Folder };
        Self { to, format, weights: None }
    }

    /// Sets what is written, whatever the name.
    #[must_use]
    pub fn with_format(mut self, format: ExportFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets what the matrices are written in.
    #[must_use]
    pub fn with_weights(mut self, weights: WeightType) -> Self {
        self.weights = Some(weights);
        self
    }
}

impl WeightType {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::Bf16,
            Self::Q8_0 => Dtype::Q8_0,
            Self::Q4_0 => Dtype::Q4_0,
        }
    }
}

/// Writes the model in `base`, with the adapter in `adapter` as part of it.
///
/// Nothing has its name before all is written and found to be a whole model.
pub(crate) fn export(
    id: &ModelId,
    base: &ModelFiles,
    adapter: Option<&ModelFiles>,
    export: &Export,
    progress: &mut Progress<'_>,
) -> Result<ModelInfo> {
    draft::check_free(&export.to)?;
    let whole = Whole::read(base, adapter)?;
    let write = match export.format {
        ExportFormat::Folder => folder::write,
        ExportFormat::Gguf => gguf::write,
    };
    let check = |path: &Path| {
        let files = match export.format {
            ExportFormat::Folder => ModelFiles::Folder(path.to_owned()),
            ExportFormat::Gguf => ModelFiles::Gguf(path.to_owned()),
        };
        inspect(id.clone(), &files, None).map_err(|error| error.moved(path, &export.to))
    };
    let info = write(id, base, &whole, export, progress, &check)?;
    Ok(ModelInfo { path: Some(export.to.clone()), ..info })
}

/// Is told how far it is, and says whether to go on.
pub(crate) type Progress<'a> = dyn FnMut(Exporting) -> ControlFlow<()> + 'a;

/// Looks at what was written before it gets its name.
type Check<'a> = dyn Fn(&Path) -> Result<ModelInfo> + 'a;
