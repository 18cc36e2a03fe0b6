//! Weights in the format of [safetensors](https://huggingface.co/docs/safetensors): in one file, or
//! in several with an index.

use std::collections::BTreeMap;
#[cfg(feature = "train")]
use std::{collections::HashMap, path::Path};

#[cfg(feature = "train")]
use half::f16;
#[cfg(feature = "train")]
use safetensors::tensor::TensorView;
use safetensors::{SafeTensorError, SafeTensors};
use serde::Deserialize;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{ModelFiles, WEIGHTS, WEIGHTS_INDEX};
use crate::gguf::Gguf;
use crate::quant::Dtype;
use crate::tensor::{Tensor, Tensors};

/// The fields of an index that this engine reads.
#[derive(Deserialize)]
struct Index {
    /// The file that each tensor lies in.
    weight_map: BTreeMap<String, String>,
}

/// Reads the tensors of a model of this shape, whatever type they are in.
pub(crate) fn read(files: &ModelFiles, config: &Config) -> Result<Tensors> {
    match files {
        ModelFiles::Gguf(path) => Gguf::open(path)?.tensors(config),
        ModelFiles::Folder(_) | ModelFiles::Embedded(..) => read_safetensors(files),
    }
}

fn read_safetensors(files: &ModelFiles) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    for name in names(files)? {
        tensors.append(&mut read_file(files, &name)?);
    }
    Ok(tensors)
}

/// Reads all tensors of one file.
pub(crate) fn read_file(files: &ModelFiles, name: &str) -> Result<Tensors> {
    let file = files.display(name);
    let bytes = files.open(name)?;
    let damaged =
        |source: SafeTensorError| Error::Weights { file: file.clone(), source: source.into() };
    // This checks that the tensors fill the file, which the header alone does not tell.
    SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let start = LENGTH + header;
    let mut tensors = Tensors::new();
    for (tensor, info) in metadata.tensors() {
        let dtype = dtype(info.dtype).ok_or_else(|| Error::TensorType {
            file: file.clone(),
            tensor: tensor.clone(),
            found: info.dtype.to_string(),
            known: "F32, F16 and BF16",
        })?;
        let (from, to) = info.data_offsets;
        let data = bytes.part(start + from..start + to);
        let read = data.and_then(|data| Tensor::stored(info.shape.clone(), dtype, data));
        let read = read.ok_or_else(|| damaged(SafeTensorError::InvalidOffset(tensor.clone())))?;
        tensors.insert(tensor, read);
    }
    Ok(tensors)
}

/// The files that a model's weights lie in.
fn names(files: &ModelFiles) -> Result<Vec<String>> {
    let Some(bytes) = files.read_if_present(WEIGHTS_INDEX)? else {
        return Ok(vec![WEIGHTS.to_owned()]);
    };
    let file = files.display(WEIGHTS_INDEX);
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|source| Error::Json { file: file.clone(), source })?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // An index may come from anywhere, and is not to name a file that lies elsewhere.
    let is_plain = |name: &&String| name.contains(['/', '\\']) || name.starts_with('.');
    if let Some(name) = names.iter().find(is_plain) {
        let problem = format!("names {name:?}, which is no file beside it");
        return Err(Error::Config { file, field: "weight_map", problem });
    }
    Ok(names)
}

/// The type of a tensor, if it is one of floats that this engine knows.
fn dtype(stated: safetensors::Dtype) -> Option<Dtype> {
    match stated {
        safetensors::Dtype::F32 => Some(Dtype::F32),
        safetensors::Dtype::F16 => Some(Dtype::F16),
        safetensors::Dtype::BF16 => Some(Dtype::Bf16),
        _ => None,
    }
}

/// How many bytes the length of a header takes.
const LENGTH: usize = 8;

/// Writes the tensors of a model as `f16`.
///
/// # Errors
///
/// [`Error::NotFinite`] if a value lies outside the range of `f16`.
#[cfg(feature = "train")]
pub(crate) fn write<'t>(
    config: &Config,
    tensors: impl Iterator<Item = &'t Tensor>,
    folder: &Path,
) -> Result<()> {
    let path = folder.join(WEIGHTS);
    let mut halves = Vec::new();
    for ((name, _), tensor) in config.tensors().into_iter().zip(tensors) {
        let half = tensor.values().iter().map(|value| f16::from_f32(*value));
        if !half.clone().all(f16::is_finite) {
            return Err(Error::NotFinite { file: path.display().to_string(), tensor: name });
        }
        let bytes: Vec<u8> = half.flat_map(f16::to_le_bytes).collect();
        halves.push((name, tensor.shape().to_vec(), bytes));
    }
    write_file(&halves, safetensors::Dtype::F16, &path)
}

/// Writes tensors as `f32`.
#[cfg(feature = "train")]
pub(crate) fn write_f32<'t>(
    tensors: impl IntoIterator<Item = (String, &'t Tensor)>,
    path: &Path,
) -> Result<()> {
    let bytes = |tensor: &Tensor| tensor.values().iter().flat_map(|it| it.to_le_bytes()).collect();
    let tensors = tensors.into_iter();
    let all: Vec<Stored> =
        tensors.map(|(name, it)| (name, it.shape().to_vec(), bytes(it))).collect();
    write_file(&all, safetensors::Dtype::F32, path)
}

/// Reads tensors of `f32` and the text that stands with them, as [`state_bytes`] made them.
#[cfg(feature = "train")]
pub(crate) fn read_state(bytes: &[u8]) -> Option<(Tensors, String)> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    let text = metadata.metadata().as_ref()?.get(STATE)?.clone();
    let mut tensors = Tensors::new();
    for (name, view) in SafeTensors::deserialize(bytes).ok()?.iter() {
        let fours = view.data().chunks_exact(4).map(|it| [it[0], it[1], it[2], it[3]]);
        let values = fours.map(f32::from_le_bytes).collect();
        tensors.insert(name.to_owned(), Tensor::new(view.shape().to_vec(), values));
    }
    Some((tensors, text))
}

/// A file of weights with rows of numbers by name, and a text.
#[cfg(feature = "train")]
pub(crate) fn state_bytes(
    rows: Vec<(String, &[f32])>,
    text: String,
) -> Result<Vec<u8>, SafeTensorError> {
    let stored: Vec<Stored> = rows
        .into_iter()
        .map(|(name, row)| {
            (name, vec![row.len()], row.iter().flat_map(|it| it.to_le_bytes()).collect())
        })
        .collect();
    serialized(&stored, safetensors::Dtype::F32, HashMap::from([(STATE.to_owned(), text)]))
}

/// Where the text of a state is among a file's metadata.
#[cfg(feature = "train")]
const STATE: &str = "attune";

/// A tensor's name, shape and bytes.
#[cfg(feature = "train")]
type Stored = (String, Vec<usize>, Vec<u8>);

#[cfg(feature = "train")]
fn write_file(tensors: &[Stored], dtype: safetensors::Dtype, path: &Path) -> Result<()> {
    let damaged = |source: SafeTensorError| Error::Weights {
        file: path.display().to_string(),
        source: source.into(),
    };
    // What `transformers` looks for before it reads a file.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = serialized(tensors, dtype, metadata).map_err(damaged)?;
    // A model in use may have the file mapped that was there before.
    let draft = path.with_extension("draft");
    std::fs::write(&draft, bytes).map_err(Error::io("write", &draft))?;
    std::fs::rename(&draft, path).map_err(Error::io("write", path))
}

#[cfg(feature = "train")]
fn serialized(
    tensors: &[Stored],
    dtype: safetensors::Dtype,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, SafeTensorError> {
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes)?;
        Ok::<_, SafeTensorError>((name, view))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, Some(metadata))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use half::{bf16, f16};
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    fn write_file(folder: &Path, name: &str, tensors: &[(&str, Dtype, Vec<u8>)]) {
        let views = tensors.iter().map(|(name, dtype, bytes)| {
            let width = bytes.len() * 8 / dtype.bitsize();
            (*name, TensorView::new(*dtype, vec![1, width], bytes).unwrap())
        });
        let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    fn read_folder(folder: &Path) -> Result<Tensors, String> {
        let files = ModelFiles::Folder(folder.to_owned());
        let place = format!("{}/", folder.display());
        read_safetensors(&files).map_err(|error| error.to_string().replace(&place, ""))
    }

    fn single(dtype: Dtype, bytes: Vec<u8>) -> Result<Tensors, String> {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), WEIGHTS, &[("a", dtype, bytes)]);
        read_folder(folder.path())
    }

    #[test]
    fn each_type_of_float_is_read() {
        let f32s = [1.5_f32, -2.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let f16s = [1.5, -2.0].map(f16::from_f32).iter().flat_map(|it| it.to_le_bytes()).collect();
        let bf16s =
            [1.5, -2.0].map(bf16::from_f32).iter().flat_map(|it| it.to_le_bytes()).collect();
        for (dtype, bytes) in [(Dtype::F32, f32s), (Dtype::F16, f16s), (Dtype::BF16, bf16s)] {
            let tensors = single(dtype, bytes).unwrap();
            assert_eq!(tensors["a"], Tensor::new(vec![1, 2], vec![1.5, -2.0]));
        }
        assert_eq!(
            single(Dtype::I8, vec![1]).unwrap_err(),
            "model.safetensors: tensor a is of type I8, and this engine reads F32, F16 and BF16"
        );
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), WEIGHTS, &[("a", Dtype::F32, vec![0; 64])]);
        let whole = std::fs::read(folder.path().join(WEIGHTS)).unwrap();
        for end in 0..whole.len() {
            std::fs::write(folder.path().join(WEIGHTS), &whole[..end]).unwrap();
            let error = read_folder(folder.path()).unwrap_err();
            assert!(error.starts_with("model.safetensors is cut short or damaged"), "{error}");
        }
    }

    #[test]
    fn several_files_are_read_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), "one.safetensors", &[("a", Dtype::F32, vec![0; 4])]);
        write_file(folder.path(), "two.safetensors", &[("b", Dtype::F32, vec![0; 8])]);
        let index = folder.path().join(WEIGHTS_INDEX);
        let json = r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#;
        std::fs::write(&index, json).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap().len(), 2);
        std::fs::write(&index, r#"{"weight_map": {"a": "../one.safetensors"}}"#).unwrap();
        assert_eq!(
            read_folder(folder.path()).unwrap_err(),
            r#"model.safetensors.index.json: weight_map names "../one.safetensors", which is no file beside it"#
        );
        std::fs::write(&index, r#"{"weight_map": {"a": "three.safetensors"}}"#).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap_err(), "could not read three.safetensors");
    }

    #[cfg(feature = "train")]
    #[test]
    fn weights_in_use_stay_as_they_are_when_others_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(WEIGHTS);
        let write = |values: Vec<f32>| {
            let tensor = Tensor::new(vec![values.len()], values);
            write_f32([("a".to_owned(), &tensor)], &path).unwrap();
            tensor
        };
        let first = write(vec![1.5; 4096]);
        let read = read_folder(folder.path()).unwrap();
        let second = write(vec![2.5; 3]);
        assert_eq!(read["a"], first);
        assert_eq!(read_folder(folder.path()).unwrap()["a"], second);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
