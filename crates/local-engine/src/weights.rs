//! The files of a model: in a folder, or part of the program.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::PathBuf;

use candle_core::{DType, Device};
#[cfg(feature = "train")]
use {candle_core::Tensor, std::collections::HashMap, std::path::Path};

#[cfg(feature = "train")]
use crate::config::LlamaConfig;
use crate::error::{Error, Result};
use crate::llama::Tensors;

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelFiles {
    /// In a folder.
    Folder(PathBuf),
    /// In the program itself: the model's name, and the names and contents of its files.
    Embedded(&'static str, &'static [(&'static str, &'static [u8])]),
}

impl ModelFiles {
    /// How people would name the file.
    pub(crate) fn display(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Embedded(model, _) => format!("{model}/{name}"),
        }
    }

    pub(crate) fn read(&self, name: &str) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                std::fs::read(&path).map(Cow::Owned).map_err(Error::io("read", path))
            }
            Self::Embedded(_, files) => match files.iter().find(|(file, _)| *file == name) {
                Some((_, bytes)) => Ok(Cow::Borrowed(bytes)),
                None => Err(Error::io("read", self.display(name))(ErrorKind::NotFound.into())),
            },
        }
    }

    /// Like [`read`](Self::read), for a file that a model may leave out.
    pub(crate) fn read_if_present(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>> {
        match self.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads `model.safetensors`, whatever float type it is in, as `f32`.
    pub(crate) fn read_tensors(&self) -> Result<Tensors> {
        let file = self.display(WEIGHTS);
        let bytes = self.read(WEIGHTS)?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|source| Error::Weights { file, source: source.into() })?;
        let to_f32 = |(name, tensor): (String, candle_core::Tensor)| {
            Ok((name, tensor.to_dtype(DType::F32)?))
        };
        tensors.into_iter().map(to_f32).collect()
    }
}

/// Writes the tensors of a model as `f16`, in an order that depends on their names only.
///
/// # Errors
///
/// [`Error::NotFinite`] if a value lies outside the range of `f16`.
#[cfg(feature = "train")]
pub(crate) fn write_tensors(config: &LlamaConfig, tensors: &Tensors, folder: &Path) -> Result<()> {
    let path = folder.join(WEIGHTS);
    let mut halves: Vec<(String, Tensor)> = Vec::new();
    for (name, _) in config.tensors() {
        let half = tensors[&name].to_dtype(DType::F16)?;
        let written = half.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        if !written.iter().all(|value| value.is_finite()) {
            return Err(Error::NotFinite { file: path.display().to_string(), tensor: name });
        }
        halves.push((name, half));
    }
    // What `transformers` looks for before it reads a file.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(halves, Some(metadata)).map_err(|source| {
        Error::Weights { file: path.display().to_string(), source: source.into() }
    })?;
    std::fs::write(&path, bytes).map_err(Error::io("write", path))
}

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const GENERATION_CONFIG: &str = "generation_config.json";
/// What a model was trained on by this engine, to rehearse when it learns more.
#[cfg(feature = "train")]
pub(crate) const TRAINING_SET: &str = "training_set.jsonl";
