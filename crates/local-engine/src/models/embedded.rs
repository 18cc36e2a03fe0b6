//! Models that are part of the program: folders like any, whose files are in it.

use crate::files::ModelFiles;

/// The folder of this name in the crate, with these of its files.
macro_rules! folder {
    ($name:literal: $($file:literal),+ $(,)?) => {
        ModelFiles::Embedded(
            $name,
            &[$(($file, include_bytes!(concat!("../../", $name, "/", $file)))),+],
        )
    };
}

/// All of them; a model of the same id in a home folder is not seen beside one.
const FOLDERS: &[ModelFiles] = &[BASE_FILES];

pub(crate) const BASE_FILES: ModelFiles = folder!(
    "attune-tiny":
    "about.json",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training_set.jsonl",
);

/// The ids that they have.
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    FOLDERS.iter().filter_map(id_of)
}

/// The files of the one with this id.
pub(super) fn find(id: &str) -> Option<ModelFiles> {
    FOLDERS.iter().find(|files| id_of(files) == Some(id)).cloned()
}

fn id_of(files: &ModelFiles) -> Option<&'static str> {
    match files {
        ModelFiles::Embedded(id, _) => Some(id),
        ModelFiles::Folder(_) | ModelFiles::Gguf(_) => None,
    }
}
