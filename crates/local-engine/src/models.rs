//! The models there are: each in a folder or a GGUF file of the home folder, elsewhere with a link to
//! it there, or in the program itself.

mod embedded;
mod memory;
mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use openai_api::{ApiError, Model, ModelId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::export::{self, Export, Progress};
use crate::files::{ADAPTER_CONFIG, ModelFiles};
use crate::info::{ModelInfo, inspect};
use crate::model::{LoadedModel, read_config};
#[cfg(test)]
pub(crate) use crate::models::embedded::BASE_FILES;
use crate::models::memory::Memory;
use crate::models::place::{GGUF, LINK, Place};
use crate::template::{ChatMarks, ChatTemplate};
use crate::tokenizer::TextCodec;

/// Finds models by id, and keeps the latest used ones in memory.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
    memory: Memory,
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

impl About {
    /// What is written beside a model, if it can be read.
    pub(crate) fn of(files: &ModelFiles) -> Option<Self> {
        serde_json::from_slice(&files.read(ABOUT).ok()?).ok()
    }
}

impl Models {
    pub(crate) fn open(home: &Path) -> Result<Self> {
        let folder = home.join("models");
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self { folder, memory: Memory::default() })
    }

    /// All models, sorted by id; a damaged one is listed too, so that its error can be asked for.
    pub(crate) fn list(&self) -> Result<Vec<Model>> {
        let fail = || Error::io("read", &self.folder);
        let mut ids = BTreeSet::new();
        for entry in std::fs::read_dir(&self.folder).map_err(fail())? {
            let entry = entry.map_err(fail())?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_folder = entry.path().is_dir();
            let name = match [GGUF, LINK].iter().find_map(|ending| name.strip_suffix(ending)) {
                _ if is_folder => name,
                Some(name) => name,
                None => continue,
            };
            ids.extend(id_of(name));
        }
        ids.extend(embedded::ids().map(ModelId::new));
        let mut models = Vec::with_capacity(ids.len());
        for id in ids {
            match self.find(&id) {
                Ok(Some(files)) => {
                    let base = self.base_of(&files).ok().flatten();
                    let root = base.as_ref().map_or(&files, |(_, base)| base);
                    models.push(describe(id, &files, root));
                }
                Ok(None) => {}
                Err(_) => models.push(Model::new(id).with_owned_by(LOCAL)),
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
        match self.find(id)? {
            Some(files) => Ok(files),
            None => Err(self.unknown(id)?),
        }
    }

    /// What to say of an id that no model has.
    fn unknown(&self, id: &ModelId) -> Result<Error> {
        let mut error = ApiError::model_not_found(id.as_str());
        error.message = format!("{}; there are {}", error.message, self.ids()?.join(", "));
        Ok(error.into())
    }

    /// Where a model's files are, if there is such a model.
    fn find(&self, id: &ModelId) -> Result<Option<ModelFiles>> {
        Ok(self.place(id)?.map(|place| place.files()))
    }

    /// Where a model is, if there is one of this id.
    fn place(&self, id: &ModelId) -> Result<Option<Place>> {
        if let Some(files) = embedded::find(id.as_str()) {
            return Ok(Some(Place::Program(files)));
        }
        self.folder_of(id).map_or(Ok(None), |folder| Place::find(&folder))
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
    #[cfg(feature = "train")]
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
        let Some(base) = About::of(files).and_then(|about| about.adapter_of) else {
            return Err(fault("must name the model that the adapter is of".to_owned()));
        };
        match self.find(&base)? {
            Some(files) if !files.has(ADAPTER_CONFIG) => Ok(Some((base, files))),
            Some(_) => Err(fault(format!("is {base}, which is an adapter itself"))),
            None => Err(fault(format!("is {base}, and there is no such model"))),
        }
    }

    /// Loads a model, or takes it from memory; adapters share the weights that they stand on.
    pub(crate) fn load(&self, id: &ModelId) -> Result<Arc<LoadedModel>> {
        let files = self.files(id)?;
        let Some((base, base_files)) = self.base_of(&files)? else {
            return self.memory.take(id, || LoadedModel::load(&files));
        };
        let base = self.memory.take(&base, || LoadedModel::load(&base_files))?;
        let adapter = self.memory.take(id, || base.with_adapter(&files))?;
        if adapter.stands_on(&base) {
            return Ok(adapter);
        }
        // It was made on a base that was loaded anew since, or is another one by now.
        self.memory.forget(id);
        self.memory.take(id, || base.with_adapter(&files))
    }

    /// Links to a model that lies elsewhere, once it is found to be whole.
    pub(crate) fn add(&self, path: &Path, id: &ModelId) -> Result<ModelInfo> {
        let exists = || Error::ModelExists { id: id.to_string() };
        let Some(folder) = self.folder_of(id) else {
            return Err(Error::ModelName { name: id.to_string() });
        };
        // A link to a file may have another name than that.
        let is_gguf = path.extension().is_some_and(|extension| extension == "gguf");
        let path = path.canonicalize().map_err(Error::io("find", path))?;
        if !path.is_dir() && !is_gguf {
            return Err(Error::NotAModel { path });
        }
        if self.place(id)?.is_some() {
            return Err(exists());
        }
        let place = Place::link(&folder, path);
        let info = self.inspect(id, &place)?;
        if !place.write()? {
            return Err(exists());
        }
        Ok(info)
    }

    /// Describes a model whose files are whole.
    pub(crate) fn info(&self, id: &ModelId) -> Result<ModelInfo> {
        let mut info = match self.place(id)? {
            Some(place) => self.inspect(id, &place)?,
            None => return Err(self.unknown(id)?),
        };
        info.adapters = self.adapters_of(id)?;
        Ok(info)
    }

    /// The adapters that stand on a model.
    fn adapters_of(&self, id: &ModelId) -> Result<Vec<ModelId>> {
        let mut adapters = Vec::new();
        for other in self.list()? {
            // One that is damaged is in nobody's way.
            let files = self.find(&other.id).ok().flatten();
            let base = files.and_then(|files| self.base_of(&files).ok().flatten());
            if base.is_some_and(|(base, _)| base == *id) {
                adapters.push(other.id);
            }
        }
        Ok(adapters)
    }

    /// What stands around messages.
    pub(crate) fn chat_marks(&self, id: &ModelId) -> Result<Option<ChatMarks>> {
        let files = self.files(id)?;
        let files = self.base_of(&files)?.map_or(files, |(_, base)| base);
        let Some(mut marks) = ChatTemplate::load(&files)?.marks() else { return Ok(None) };
        // Who encodes with this tokenizer would begin with it twice.
        if TextCodec::load(&files)?.begins_with(&marks.start)? {
            marks.start.clear();
        }
        Ok(Some(marks))
    }

    /// Writes a whole model elsewhere.
    pub(crate) fn export(
        &self,
        id: &ModelId,
        export: &Export,
        progress: &mut Progress<'_>,
    ) -> Result<ModelInfo> {
        let files = self.files(id)?;
        match self.base_of(&files)? {
            Some((_, base)) => export::export(id, &base, Some(&files), export, progress),
            None => export::export(id, &files, None, export, progress),
        }
    }

    fn inspect(&self, id: &ModelId, place: &Place) -> Result<ModelInfo> {
        let files = place.files();
        let base = self.base_of(&files)?;
        let info = inspect(id.clone(), &files, base)?;
        Ok(ModelInfo { is_linked: matches!(place, Place::Link { .. }), ..info })
    }

    /// Removes the link to a model, or else its files, unless adapters stand on it.
    pub(crate) fn remove(&self, id: &ModelId) -> Result<()> {
        let place = self.removable(id)?;
        let adapters = self.adapters_of(id)?;
        if !adapters.is_empty() {
            return Err(Error::BaseInUse { id: id.to_string(), adapters });
        }
        self.remove_from(place, id)
    }

    /// Removes the link to a model, or else its files.
    pub(crate) fn remove_anyway(&self, id: &ModelId) -> Result<()> {
        self.remove_from(self.removable(id)?, id)
    }

    fn removable(&self, id: &ModelId) -> Result<Place> {
        match self.place(id)? {
            Some(Place::Program(_)) => Err(Error::BuiltIn { id: id.to_string() }),
            Some(place) => Ok(place),
            None => Err(self.unknown(id)?),
        }
    }

    fn remove_from(&self, place: Place, id: &ModelId) -> Result<()> {
        place.remove()?;
        self.memory.forget(id);
        Ok(())
    }
}

fn describe(id: ModelId, files: &ModelFiles, root: &ModelFiles) -> Model {
    let about = About::of(files).unwrap_or_else(|| About {
        created: made(files).unwrap_or(0),
        owned_by: LOCAL.to_owned(),
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
    let modified = files.path()?.metadata().ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// The id that a folder's name stands for; `None` for a name that is none.
fn id_of(name: &str) -> Option<ModelId> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    let hidden = name.starts_with('.');
    let fine = !name.is_empty() && !hidden && name.chars().all(allowed);
    fine.then(|| ModelId::new(name.replace(SEPARATOR, ":")))
}

pub(crate) const ABOUT: &str = "about.json";
/// Stands for the colons of an id in the name of its folder, where some systems allow none.
const SEPARATOR: &str = "~";
/// Whose the models are that this engine did not make.
const LOCAL: &str = "local";
