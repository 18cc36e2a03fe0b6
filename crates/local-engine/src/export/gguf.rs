//! A model as one file.

use std::io::{BufWriter, Write as _};

use openai_api::ModelId;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::export::weights::{Count, Output, Part, Whole, count};
use crate::export::{Check, Export, Progress, WeightType, draft};
use crate::files::{CONFIG, ModelFiles, TOKENIZER};
use crate::gguf::{Marks, Metadata, Planned, Vocabulary, header, padding, place_of, stored_bytes};
use crate::info::ModelInfo;
use crate::model::Language;
use crate::quant::{Dtype, quantize};
use crate::template::Sources;

pub(super) fn write(
    id: &ModelId,
    files: &ModelFiles,
    whole: &Whole,
    export: &Export,
    progress: &mut Progress<'_>,
    check: &Check<'_>,
) -> Result<ModelInfo> {
    let config = &whole.config;
    let parts = parts(whole, export.weights);
    let mut planned: Vec<Planned> = parts
        .iter()
        .map(|part| {
            let (name, _) = place_of(&part.name, config);
            Planned { name, shape: part.shape.clone(), dtype: part.dtype }
        })
        .collect();
    // What is read first stands first.
    let divisors = config.rope.divisors.as_deref().unwrap_or_default();
    if !divisors.is_empty() {
        let (name, shape) = ("rope_freqs.weight".to_owned(), vec![divisors.len()]);
        planned.insert(0, Planned { name, shape, dtype: Dtype::F32 });
    }
    let metadata = metadata(id, files, whole, &parts)?;
    let unknown = || Error::Gguf {
        file: export.to.display().to_string(),
        part: "the file".to_owned(),
        problem: "cannot hold a tensor of this model".to_owned(),
    };
    let head = header(&metadata, &planned).ok_or_else(unknown)?;
    let sizes = planned.iter().map(|it| stored_bytes(&it.shape, it.dtype));
    let total: u64 =
        sizes.map(|size| size.map(|it| it + padding(it))).sum::<Option<_>>().ok_or_else(unknown)?;

    let file = draft::file(&export.to, head.len() as u64 + total)?;
    let mut writer = BufWriter::with_capacity(BUFFER, file.as_file());
    writer.write_all(&head).map_err(Error::io("write", &export.to))?;
    let mut count = Count::new(total, progress)?;
    let mut out = Output { out: &mut writer, path: &export.to, count: &mut count };
    let pad = |out: &mut Output<'_, '_>| {
        let zeros = padding(out.count.done) as usize;
        out.write(&[0; 32][..zeros])
    };
    let mut bytes = Vec::new();
    quantize(Dtype::F32, divisors, &mut bytes);
    out.write(&bytes)?;
    pad(&mut out)?;
    for part in &parts {
        whole.write(part, &mut out)?;
        pad(&mut out)?;
    }
    writer.flush().map_err(Error::io("write", &export.to))?;
    drop(writer);
    let info = check(file.path())?;
    draft::finish_file(file, &export.to)?;
    Ok(info)
}

/// The tensors in the order of the model. Vectors are `f32`, as llama.cpp's converters write them.
fn parts(whole: &Whole, wanted: Option<WeightType>) -> Vec<Part> {
    let config = &whole.config;
    let head = if config.is_tied { "model.embed_tokens.weight" } else { "lm_head.weight" };
    let dtype = |name: &str, shape: &[usize]| {
        let (stored, is_changed) = whole.stored(name);
        let is_plain = matches!(stored, Dtype::F32 | Dtype::F16 | Dtype::Bf16);
        let dtype = match wanted {
            _ if shape.len() < 2 => Dtype::F32,
            Some(WeightType::Q4_0) if name == head => Dtype::Q8_0,
            Some(wanted) => wanted.dtype(),
            None if is_plain || !is_changed => stored,
            None => Dtype::Q8_0,
        };
        // Rows that are not of whole blocks go as llama.cpp's own tool writes them.
        let is_whole = stored_bytes(shape, dtype).is_some();
        if is_whole { dtype } else { Dtype::F16 }
    };
    let part = |(name, shape): (String, Vec<usize>)| Part {
        dtype: dtype(&name, &shape),
        turned: place_of(&name, config).1,
        name,
        shape,
    };
    config.tensors().into_iter().map(part).collect()
}

fn metadata(id: &ModelId, files: &ModelFiles, whole: &Whole, parts: &[Part]) -> Result<Metadata> {
    let config = &whole.config;
    let matrices = parts.iter().filter(|part| part.shape.len() > 1);
    let types = count(matrices.map(|part| (part.dtype, &*part.shape)));
    let mut metadata = Metadata::default();
    metadata.model(id.as_str(), config, &types).map_err(|(field, problem)| Error::Config {
        file: files.display(CONFIG),
        field,
        problem,
    })?;
    let file = files.display(TOKENIZER);
    let tokenizer: Json = serde_json::from_slice(&files.read(TOKENIZER)?)
        .map_err(|source| Error::Json { file: file.clone(), source })?;
    let language = Language::read(files, config)?;
    let mark = |name: &str| language.template.token(name);
    let marks = Marks { bos: mark("bos_token"), eos: mark("eos_token"), pad: mark("pad_token") };
    let vocabulary = Vocabulary::read(&tokenizer, config.vocabulary, marks);
    let vocabulary =
        vocabulary.map_err(|(field, problem)| Error::Config { file, field, problem })?;
    vocabulary.write(&mut metadata, marks, language.end());
    let Sources { chat, tool_use } = Sources::read(files)?;
    metadata.templates(&chat.0, tool_use.as_ref().map(|(source, _)| &**source));
    Ok(metadata)
}

/// How many bytes are written at a time.
const BUFFER: usize = 1 << 20;
