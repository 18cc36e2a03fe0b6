//! A model as a folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use openai_api::ModelId;
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, Result};
use crate::export::weights::{Output, Part, Whole};
use crate::export::{Check, Export, Progress, WeightType, draft};
use crate::files::{CONFIG, GENERATION_CONFIG, ModelFiles, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS};
use crate::info::ModelInfo;
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
    let usual = match whole.usual() {
        plain @ (Dtype::F32 | Dtype::F16 | Dtype::Bf16) => plain,
        _ => Dtype::F16,
    };
    let dtype = export.weights.map_or(usual, WeightType::dtype);
    let part = |(name, shape)| Part { name, shape, dtype, turned: None };
    let parts: Vec<Part> = whole.config.tensors().into_iter().map(part).collect();
    let (head, total) = header(&parts)?;
    let draft = draft::folder(&export.to, head.len() as u64 + total)?;
    copy_texts(files, dtype, draft.path())?;

    let path = draft.path().join(WEIGHTS);
    let fail = || Error::io("write", export.to.join(WEIGHTS));
    let file = File::create_new(&path).map_err(fail())?;
    let mut writer = BufWriter::with_capacity(BUFFER, &file);
    writer.write_all(&head).map_err(fail())?;
    let mut out = Output::new(&mut writer, &export.to, total, progress)?;
    for part in &parts {
        whole.write(part, &mut out)?;
    }
    writer.flush().map_err(fail())?;
    drop(writer);
    file.sync_all().map_err(fail())?;
    let info = check(draft.path())?;
    draft::finish_folder(draft, &export.to)?;
    Ok(info)
}

/// What stands before the weights in a file of safetensors, and how many bytes those take.
fn header(parts: &[Part]) -> Result<(Vec<u8>, u64)> {
    // What `transformers` looks for before it reads a file.
    let mut fields = Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    let mut offset = 0;
    for part in parts {
        let wanted = part.dtype.name();
        let is_plain = matches!(part.dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16);
        let Some(size) = part.bytes().filter(|_| is_plain) else {
            let advice = "folders hold f32, f16 and bf16; write a GGUF file, or take one of those";
            return Err(Error::Export { tensor: part.name.clone(), wanted, advice });
        };
        let place = [offset, offset + size];
        let field = json!({"dtype": wanted, "shape": part.shape, "data_offsets": place});
        fields.insert(part.name.clone(), field);
        offset += size;
    }
    let mut text = Json::Object(fields).to_string().into_bytes();
    // The weights begin where eight bytes do.
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = text.len() as u64;
    Ok(([length.to_le_bytes().to_vec(), text].concat(), offset))
}

/// Copies all but the weights; the configuration says what type those are in.
fn copy_texts(files: &ModelFiles, dtype: Dtype, to: &Path) -> Result<()> {
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
    let config = serde_json::to_vec_pretty(&Json::Object(config))
        .map_err(|source| Error::Json { file, source })?;
    let put = |name: &str, bytes: &[u8]| {
        let path = to.join(name);
        if let Some(folder) = path.parent().filter(|folder| *folder != to) {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        fs::write(&path, bytes).map_err(Error::io("write", &path))
    };
    put(CONFIG, &config)?;
    for name in TEXTS {
        if let Some(bytes) = files.read_if_present(name)? {
            put(name, &bytes)?;
        }
    }
    Ok(())
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

/// How many bytes are written at a time.
const BUFFER: usize = 1 << 20;
