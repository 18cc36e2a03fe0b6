//! The files of a model: in a folder, in one GGUF file, or part of the program.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::store::Bytes;

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelFiles {
    /// In a folder.
    Folder(PathBuf),
    /// In one file, in the format of GGUF.
    Gguf(PathBuf),
    /// In the program itself: the model's name, and the names and contents of its files.
    Embedded(&'static str, &'static [(&'static str, &'static [u8])]),
}

impl ModelFiles {
    /// How people would name the model: its folder, or its id.
    #[cfg(feature = "train")]
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder(path) | Self::Gguf(path) => path.display().to_string(),
            Self::Embedded(model, _) => (*model).to_owned(),
        }
    }

    /// The folder, or the one file; `None` for those in the program.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) | Self::Gguf(path) => Some(path),
            Self::Embedded(..) => None,
        }
    }

    /// How people would name the file.
    pub(crate) fn display(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Gguf(path) => path.display().to_string(),
            Self::Embedded(model, _) => format!("{model}/{name}"),
        }
    }

    pub(crate) fn read(&self, name: &str) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                std::fs::read(&path).map(Cow::Owned).map_err(Error::io("read", path))
            }
            Self::Gguf(path) => match Gguf::open(path)?.file(name)? {
                Some(bytes) => Ok(Cow::Owned(bytes)),
                None => Err(self.absent(name)),
            },
            Self::Embedded(_, files) => match files.iter().find(|(file, _)| *file == name) {
                Some((_, bytes)) => Ok(Cow::Borrowed(bytes)),
                None => Err(self.absent(name)),
            },
        }
    }

    /// Like [`read`](Self::read), for a large file: its pages are read as they are looked at.
    pub(crate) fn open(&self, name: &str) -> Result<Bytes> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                Bytes::open(&path).map_err(Error::io("read", path))
            }
            Self::Gguf(_) => Err(self.absent(name)),
            Self::Embedded(_, files) => match files.iter().find(|(file, _)| *file == name) {
                Some((_, bytes)) => Ok((*bytes).into()),
                None => Err(self.absent(name)),
            },
        }
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            // It stands for the files of a model, of which an adapter is none.
            Self::Gguf(_) => false,
            Self::Embedded(_, files) => files.iter().any(|(file, _)| *file == name),
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

    fn absent(&self, name: &str) -> Error {
        Error::io("read", self.display(name))(ErrorKind::NotFound.into())
    }
}

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// Which tensor lies in which file, where there are several.
pub(crate) const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const GENERATION_CONFIG: &str = "generation_config.json";
/// An adapter, and how it is made.
pub(crate) const ADAPTER_CONFIG: &str = "adapter_config.json";
pub(crate) const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// What a model was trained on by this engine, to rehearse when it learns more.
#[cfg(feature = "train")]
pub(crate) const TRAINING_SET: &str = "training_set.jsonl";
