//! The models there are: the one that ships with the program, and those in the home folder, each
//! in a folder or a GGUF file of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use openai_api::{ApiError, Model, ModelId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{ADAPTER_CONFIG, ModelFiles};
use crate::model::{LoadedModel, read_config};

/// Finds models by id, and keeps the latest used ones in memory.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
    /// The latest used first.
    loaded: Mutex<Vec<(ModelId, Arc<LoadedModel>)>>,
}

/// What this engine writes beside a model's own files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct About {
    /// Seconds since the Unix epoch.
    pub(crate) created: u64,
    pub(crate) owned_by: String,
    /// The model it was tuned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_model: Option<ModelId>,
    /// The model whose weights it stands on, if it is an adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adapter_of: Option<ModelId>,
    /// The job that tuned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
}

impl Models {
    pub(crate) fn open(home: &Path) -> Result<Self> {
        let folder = home.join("models");
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self { folder, loaded: Mutex::default() })
    }

    /// All models, sorted by id; a damaged one is listed too, so that its error can be asked for.
    pub(crate) fn list(&self) -> Result<Vec<Model>> {
        let fail = || Error::io("read", &self.folder);
        let mut models = vec![describe(ModelId::new(BASE), &BASE_FILES, &BASE_FILES)];
        for entry in std::fs::read_dir(&self.folder).map_err(fail())? {
            let entry = entry.map_err(fail())?;
            let (kind, name) = (entry.file_type().map_err(fail())?, entry.file_name());
            let Some(name) = name.to_str() else { continue };
            let (name, files) = match name.strip_suffix(GGUF) {
                _ if kind.is_dir() => (name, ModelFiles::Folder(entry.path())),
                // A folder of that name goes first, as it does when it is asked for.
                Some(name) if !self.folder.join(name).is_dir() => {
                    (name, ModelFiles::Gguf(entry.path()))
                }
                _ => continue,
            };
            if let Some(id) = id_of(name) {
                let base = self.base_of(&files).ok().flatten();
                models.push(describe(id, &files, base.as_ref().map_or(&files, |(_, base)| base)));
            }
        }
        models.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(models)
    }

    /// Where a model's files are.
    ///
    /// # Errors
    ///
    /// [`ApiError::model_not_found`], with the ids that there are.
    pub(crate) fn files(&self, id: &ModelId) -> Result<ModelFiles> {
        match self.place(id) {
            Some(files) => Ok(files),
            None => {
                let mut error = ApiError::model_not_found(id.as_str());
                error.message = format!("{}; there are {}", error.message, self.ids()?.join(", "));
                Err(error.into())
            }
        }
    }

    /// Where a model's files are, if there is such a model.
    fn place(&self, id: &ModelId) -> Option<ModelFiles> {
        if id.as_str() == BASE {
            return Some(BASE_FILES);
        }
        let folder = self.folder_of(id)?;
        if folder.is_dir() {
            return Some(ModelFiles::Folder(folder));
        }
        let mut file = folder.into_os_string();
        file.push(GGUF);
        let file = PathBuf::from(file);
        file.is_file().then_some(ModelFiles::Gguf(file))
    }

    pub(crate) fn ids(&self) -> Result<Vec<String>> {
        Ok(self.list()?.into_iter().map(|model| model.id.to_string()).collect())
    }

    /// Where a model with this id lies, or would; `None` if no folder could be named so.
    pub(crate) fn folder_of(&self, id: &ModelId) -> Option<PathBuf> {
        let name = id.as_str().replace(':', SEPARATOR);
        (id_of(&name).as_ref() == Some(id)).then(|| self.folder.join(name))
    }

    /// The folder that the models lie in.
    #[cfg(feature = "train")]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model whose weights this one stands on, and its files: itself, unless it is an adapter.
    ///
    /// # Errors
    ///
    /// As [`files`](Self::files), and [`Error::Config`] if an adapter does not say what it is of.
    pub(crate) fn root(&self, id: &ModelId) -> Result<(ModelId, ModelFiles)> {
        let files = self.files(id)?;
        match self.base_of(&files)? {
            Some(base) => Ok(base),
            None => Ok((id.clone(), files)),
        }
    }

    /// The model that the adapter in these files stands on, if that is what is in them.
    fn base_of(&self, files: &ModelFiles) -> Result<Option<(ModelId, ModelFiles)>> {
        if !files.has(ADAPTER_CONFIG) {
            return Ok(None);
        }
        let fault = |problem: String| {
            let file = files.display(ABOUT);
            Error::Config { file, field: "adapter_of", problem }
        };
        let Some(base) = about(files).and_then(|about| about.adapter_of) else {
            return Err(fault("must name the model that the adapter is of".to_owned()));
        };
        match self.place(&base) {
            Some(files) if !files.has(ADAPTER_CONFIG) => Ok(Some((base, files))),
            Some(_) => Err(fault(format!("is {base}, which is an adapter itself"))),
            None => Err(fault(format!("is {base}, and there is no such model"))),
        }
    }

    /// Loads a model, or takes it from memory; adapters share the weights that they stand on.
    pub(crate) fn load(&self, id: &ModelId) -> Result<Arc<LoadedModel>> {
        let (files, (root, root_files)) = (self.files(id)?, self.root(id)?);
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let model = take(&mut loaded, &root, || LoadedModel::load(&root_files))?;
        if root == *id {
            return Ok(model);
        }
        take(&mut loaded, id, || model.with_adapter(&files))
    }
}

/// Takes a model from memory, or puts it there.
fn take(
    loaded: &mut Vec<(ModelId, Arc<LoadedModel>)>,
    id: &ModelId,
    load: impl FnOnce() -> Result<LoadedModel>,
) -> Result<Arc<LoadedModel>> {
    let found = match loaded.iter().position(|(other, _)| other == id) {
        Some(place) => loaded.remove(place),
        None => (id.clone(), Arc::new(load()?)),
    };
    let model = Arc::clone(&found.1);
    loaded.insert(0, found);
    loaded.truncate(KEPT);
    Ok(model)
}

/// What this engine wrote beside a model's own files, if it can be read.
fn about(files: &ModelFiles) -> Option<About> {
    serde_json::from_slice(&files.read(ABOUT).ok()?).ok()
}

fn describe(id: ModelId, files: &ModelFiles, root: &ModelFiles) -> Model {
    let about = about(files).unwrap_or_else(|| About {
        created: made(files).unwrap_or(0),
        owned_by: "local".to_owned(),
        base_model: None,
        adapter_of: None,
        job: None,
    });
    let model = Model::new(id).with_created(about.created).with_owned_by(about.owned_by);
    let window = read_config(root).ok().map(|config| config.window);
    match window.and_then(|window| u32::try_from(window).ok()) {
        Some(window) => model.with_context_window(window),
        None => model,
    }
}

fn made(files: &ModelFiles) -> Option<u64> {
    let path = match files {
        ModelFiles::Folder(path) | ModelFiles::Gguf(path) => path,
        ModelFiles::Embedded(..) => return None,
    };
    let modified = path.metadata().ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// The id that a folder's name stands for; `None` for a name that is none.
fn id_of(name: &str) -> Option<ModelId> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    let hidden = name.starts_with('.');
    let fine = !name.is_empty() && !hidden && name != BASE && name.chars().all(allowed);
    fine.then(|| ModelId::new(name.replace(SEPARATOR, ":")))
}

/// The model that ships with the program.
pub(crate) const BASE: &str = "attune-tiny";

pub(crate) const BASE_FILES: ModelFiles = ModelFiles::Embedded(
    BASE,
    &[
        ("about.json", include_bytes!("../attune-tiny/about.json")),
        ("config.json", include_bytes!("../attune-tiny/config.json")),
        ("generation_config.json", include_bytes!("../attune-tiny/generation_config.json")),
        ("model.safetensors", include_bytes!("../attune-tiny/model.safetensors")),
        ("tokenizer.json", include_bytes!("../attune-tiny/tokenizer.json")),
        ("tokenizer_config.json", include_bytes!("../attune-tiny/tokenizer_config.json")),
        ("training_set.jsonl", include_bytes!("../attune-tiny/training_set.jsonl")),
    ],
);

/// What the name of a model in one file ends with.
const GGUF: &str = ".gguf";
pub(crate) const ABOUT: &str = "about.json";
/// Stands for the colons of an id in the name of its folder, where some systems allow none.
const SEPARATOR: &str = "~";
/// How many models stay in memory.
const KEPT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_model_id_is_left_out() {
        assert_eq!(id_of("ft~attune-tiny~lake~1f3a"), Some("ft:attune-tiny:lake:1f3a".into()));
        assert_eq!(id_of("my-llama"), Some("my-llama".into()));
        for name in ["", ".tmp", "..", "a b", "a/b", "attune-tiny", "a:b"] {
            assert_eq!(id_of(name), None, "{name}");
        }
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let models = Models::open(home.path()).unwrap();
        for id in ["../jobs", "ft:../..:x", "/etc", ".", ".."] {
            assert_eq!(models.folder_of(&id.into()), None, "{id}");
        }
    }

    #[test]
    fn a_gguf_file_is_a_model_unless_a_folder_has_its_name() {
        let home = tempfile::tempdir().unwrap();
        let models = Models::open(home.path()).unwrap();
        let place = |name: &str| home.path().join("models").join(name);
        for name in ["one.gguf", "ft~two.gguf", "three.txt", ".gguf"] {
            std::fs::write(place(name), "").unwrap();
        }
        assert_eq!(models.ids().unwrap(), ["attune-tiny", "ft:two", "one"]);
        assert_eq!(models.files(&"ft:two".into()).unwrap(), ModelFiles::Gguf(place("ft~two.gguf")));
        assert_eq!(models.files(&"one".into()).unwrap(), ModelFiles::Gguf(place("one.gguf")));
        std::fs::create_dir(place("one")).unwrap();
        assert_eq!(models.ids().unwrap(), ["attune-tiny", "ft:two", "one"]);
        assert_eq!(models.files(&"one".into()).unwrap(), ModelFiles::Folder(place("one")));
    }
}
