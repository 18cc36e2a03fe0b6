//! Where a model is.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::random_id;
use crate::error::{Error, Result};
use crate::files::ModelFiles;

/// Where a model is.
#[derive(Debug)]
pub(super) enum Place {
    /// In the program itself, and not in the home folder.
    Program(ModelFiles),
    Folder(PathBuf),
    Gguf(PathBuf),
    /// Elsewhere.
    Link {
        link: PathBuf,
        to: PathBuf,
    },
}

/// What is in a file that stands for a model elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct Link {
    /// Its folder or its GGUF file.
    path: PathBuf,
}

impl Place {
    /// Finds the model that would lie in this folder: the folder goes first, then a file of its
    /// name, then a link.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>> {
        if folder.is_dir() {
            return Ok(Some(Self::Folder(folder.to_owned())));
        }
        let file = with_ending(folder, GGUF);
        if file.is_file() {
            return Ok(Some(Self::Gguf(file)));
        }
        let link = with_ending(folder, LINK);
        match fs::read(&link) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                let Link { path } = read
                    .map_err(|source| Error::Json { file: link.display().to_string(), source })?;
                Ok(Some(Self::Link { link, to: path }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", link)(error)),
        }
    }

    /// A link in place of this folder, which is not written yet.
    pub(super) fn link(folder: &Path, to: PathBuf) -> Self {
        Self::Link { link: with_ending(folder, LINK), to }
    }

    pub(super) fn files(&self) -> ModelFiles {
        match self {
            Self::Program(files) => files.clone(),
            Self::Folder(path) => ModelFiles::Folder(path.clone()),
            Self::Gguf(path) => ModelFiles::Gguf(path.clone()),
            Self::Link { to, .. } if to.is_file() => ModelFiles::Gguf(to.clone()),
            Self::Link { to, .. } => ModelFiles::Folder(to.clone()),
        }
    }

    /// Writes a link, whole or not at all; says whether it did, or there was one meanwhile.
    pub(super) fn write(&self) -> Result<bool> {
        let Self::Link { link, to } = self else { return Ok(false) };
        let text = serde_json::to_vec(&Link { path: to.clone() })
            .map_err(|source| Error::Json { file: link.display().to_string(), source })?;
        let fail = || Error::io("write", link);
        let mut file = match File::create_new(link) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            made => made.map_err(fail())?,
        };
        if let Err(error) = file.write_all(&text).and_then(|()| file.sync_all()) {
            // It is of no use as it is; that it stays is the lesser trouble.
            let _ = fs::remove_file(link);
            return Err(fail()(error));
        }
        Ok(true)
    }

    /// Removes the link, or else the files; what is part of the program stays.
    pub(super) fn remove(self) -> Result<()> {
        match self {
            Self::Program(_) => Ok(()),
            Self::Link { link: file, .. } | Self::Gguf(file) => {
                fs::remove_file(&file).map_err(Error::io("remove", &file))
            }
            Self::Folder(folder) => {
                // A hidden folder is no model, however far its removal gets.
                let hidden = folder.with_file_name(format!(".removed-{}", random_id()));
                fs::rename(&folder, &hidden).map_err(Error::io("remove", &folder))?;
                fs::remove_dir_all(&hidden).map_err(Error::io("remove", &hidden))
            }
        }
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What the name of a model in one file ends with.
pub(super) const GGUF: &str = ".gguf";
/// What the name of a link ends with.
pub(super) const LINK: &str = ".link.json";
