//! A model as a folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;

use openai_api::ModelId;
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, Result};
use crate::export::weights::{Count, Output, Part, Whole};
use crate::export::{Check, Export, Progress, WeightType, draft};
use crate::files::{
    CONFIG, GENERATION_CONFIG, ModelFiles, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, WEIGHTS_INDEX,
};
use crate::info::ModelInfo;
use crate::model::Language;
use crate::quant::Dtype;
use crate::template::{CHAT_TEMPLATE, TOOL_TEMPLATE};

pub(super) fn write(
    _: &ModelId,
    files: &ModelFiles,
    whole: &Whole,
    export: &Export,
    progress: &mut Progress<'_>,
    check: &Check<'_>,
) -> Result<ModelInfo> {
    write_shards(files, whole, export, SHARD, progress, check)
}

/// Writes files of weights of at most so many bytes, where no tensor alone takes more.
pub(super) fn write_shards(
    files: &ModelFiles,
    whole: &Whole,
    export: &Export,
    most: u64,
    progress: &mut Progress<'_>,
    check: &Check<'_>,
) -> Result<ModelInfo> {
    let usual = match whole.usual() {
        plain @ (Dtype::F32 | Dtype::F16 | Dtype::Bf16) => plain,
        _ => Dtype::F16,
    };
    let dtype = export.weights.map_or(usual, WeightType::dtype);
    let part = |(name, shape)| Part { name, shape, dtype, turned: None };
    let parts: Vec<Part> = whole.config.tensors().into_iter().map(part).collect();
    let (shards, total) = shards(parts, most)?;
    let heads: Vec<Vec<u8>> = shards.iter().map(|shard| header(shard)).collect();
    // What is amiss with these is told of the files that there are, not of their copies.
    Language::read(files, &whole.config)?;
    let needed = total + heads.iter().map(|head| head.len() as u64).sum::<u64>();
    let draft = draft::folder(&export.to, needed)?;
    let texts = Texts { draft: draft.path(), to: &export.to };
    texts.copy(files, dtype)?;

    let mut count = Count::new(total, progress)?;
    let mut index = Map::new();
    for (place, (head, shard)) in heads.iter().zip(&shards).enumerate() {
        let name = match shards.len() {
            1 => WEIGHTS.to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", place + 1),
        };
        let path = export.to.join(&name);
        let fail = || Error::io("write", &path);
        let file = File::create_new(draft.path().join(&name)).map_err(fail())?;
        let mut writer = BufWriter::with_capacity(BUFFER, &file);
        writer.write_all(head).map_err(fail())?;
        let mut out = Output { out: &mut writer, path: &path, count: &mut count };
        for Placed { part, .. } in shard {
            whole.write(part, &mut out)?;
            index.insert(part.name.clone(), name.clone().into());
        }
        writer.flush().map_err(fail())?;
        drop(writer);
        file.sync_all().map_err(fail())?;
    }
    if shards.len() > 1 {
        let index = json!({"metadata": {"total_size": total}, "weight_map": index});
        texts.put_json(WEIGHTS_INDEX, &index, WEIGHTS_INDEX.to_owned())?;
    }
    let info = check(draft.path())?;
    draft::finish_folder(draft, &export.to)?;
    Ok(info)
}

/// A tensor, and where its bytes lie in its file.
struct Placed {
    part: Part,
    bytes: Range<u64>,
}

/// Divides tensors among files as `transformers` does: a file is full when the next has no room.
///
/// Also tells how many bytes there are.
fn shards(parts: Vec<Part>, most: u64) -> Result<(Vec<Vec<Placed>>, u64)> {
    let (mut shards, mut total) = (Vec::<Vec<Placed>>::new(), 0);
    for part in parts {
        let is_plain = matches!(part.dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16);
        let Some(size) = part.bytes().filter(|_| is_plain) else {
            let advice = "folders hold f32, f16 and bf16; write a GGUF file, or take one of those";
            return Err(Error::Export { tensor: part.name, wanted: part.dtype.name(), advice });
        };
        total += size;
        let end = shards.last().and_then(|shard| shard.last()).map(|last| last.bytes.end);
        match (shards.last_mut(), end) {
            (Some(shard), Some(end)) if end + size <= most => {
                shard.push(Placed { part, bytes: end..end + size });
            }
            _ => shards.push(vec![Placed { part, bytes: 0..size }]),
        }
    }
    Ok((shards, total))
}

/// What stands before the weights in a file of safetensors.
fn header(shard: &[Placed]) -> Vec<u8> {
    // What `transformers` looks for before it reads a file.
    let mut fields = Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    for Placed { part, bytes } in shard {
        let offsets = [bytes.start, bytes.end];
        let (dtype, shape) = (part.dtype.name(), &part.shape);
        let field = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        fields.insert(part.name.clone(), field);
    }
    let mut text = Json::Object(fields).to_string().into_bytes();
    // The weights begin where eight bytes do.
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = text.len() as u64;
    [length.to_le_bytes().to_vec(), text].concat()
}

/// All but the weights.
struct Texts<'a> {
    /// Where they are written, and where they are to lie in the end.
    draft: &'a Path,
    to: &'a Path,
}

impl Texts<'_> {
    /// Copies them; the configuration says what type the weights are in.
    fn copy(&self, files: &ModelFiles, dtype: Dtype) -> Result<()> {
        let file = files.display(CONFIG);
        let mut config: Map<String, Json> = serde_json::from_slice(&files.read(CONFIG)?)
            .map_err(|source| Error::Json { file: file.clone(), source })?;
        let name = match dtype {
            Dtype::F32 => "float32",
            Dtype::Bf16 => "bfloat16",
            _ => "float16",
        };
        // Version 5 of transformers writes `dtype`, and reads the older name too.
        let field = if config.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        config.insert(field.to_owned(), name.into());
        self.put_json(CONFIG, &Json::Object(config), file)?;
        for name in TEXTS {
            if let Some(bytes) = files.read_if_present(name)? {
                self.put(name, &bytes)?;
            }
        }
        Ok(())
    }

    fn put_json(&self, name: &str, json: &Json, file: String) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(json).map_err(|source| Error::Json { file, source })?;
        self.put(name, &text)
    }

    /// Writes one so that it is on the disk before the folder has its name.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, to) = (self.draft.join(name), self.to.join(name));
        if let Some(folder) = path.parent().filter(|folder| *folder != self.draft) {
            fs::create_dir_all(folder).map_err(Error::io("create", &to))?;
        }
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(Error::io("write", to))
    }
}

/// The files of a model that go with it as they are, those of them that there are.
const TEXTS: [&str; 14] = [
    TOKENIZER,
    TOKENIZER_CONFIG,
    CHAT_TEMPLATE,
    TOOL_TEMPLATE,
    GENERATION_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
    "README.md",
];

/// How many bytes a file of weights has at most: what `transformers` made the custom, and what hosts
/// and mirrors count on.
const SHARD: u64 = 5_000_000_000;
/// How many bytes are written at a time.
const BUFFER: usize = 1 << 20;
