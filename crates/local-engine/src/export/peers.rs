//! Exported models beside transformers and llama.cpp: the same tokens, the same logits.
//!
//! What is exported is in the folders that `tests/python/engine` and `tests/python/llama_cpp` make.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use openai_api::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tempfile::TempDir;

use crate::export::{Export, ExportFormat, WeightType, export};
use crate::files::ModelFiles;
use crate::gguf::peers::{made, script};
use crate::model::LoadedModel;
use crate::network::Cache;
use crate::request;

/// What transformers makes of a folder, or llama.cpp of a file.
#[derive(Debug, Deserialize)]
struct Expected {
    messages: Vec<Message>,
    prompt: Vec<u32>,
    /// What follows the prompt.
    #[serde(alias = "greedy")]
    more: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    probe: Vec<u32>,
}

macro_rules! tests {
    ($($test:ident: $check:expr;)*) => {$(
        #[test]
        #[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
        fn $test() {
            $check;
        }
    )*};
}

tests! {
    a_llama_becomes_a_file_that_llama_cpp_reads_so: to_file("llama2");
    a_llama_3_becomes_a_file_that_llama_cpp_reads_so: to_file("llama3");
    a_smollm_2_becomes_a_file_that_llama_cpp_reads_so: to_file("smollm2");
    a_qwen_2_becomes_a_file_that_llama_cpp_reads_so: to_file("qwen2");
    a_qwen_2_5_becomes_a_file_that_llama_cpp_reads_so: to_file("qwen2.5");
    a_qwen_3_becomes_a_file_that_llama_cpp_reads_so: to_file("qwen3");
    a_mistral_becomes_a_file_that_llama_cpp_reads_so: to_file("mistral");
    a_file_of_pieces_becomes_a_folder_that_transformers_reads_so: to_folder("llama-bf16");
    a_stretched_file_becomes_a_folder_that_transformers_reads_so: to_folder("llama-f16");
    a_quantised_file_becomes_a_folder_that_transformers_reads_so: to_folder("qwen2-q5_k");
}

#[test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
fn every_file_that_is_written_again_is_the_same_to_llama_cpp() {
    let folder = made().join("models");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<PathBuf> =
        names.filter(|path| path.extension() == Some("gguf".as_ref())).collect();
    assert!(names.len() > 10);
    let place = tempfile::tempdir().unwrap();
    let mut asked = Vec::new();
    for path in &names {
        let case = place.path().join(path.file_stem().unwrap());
        let expected: Expected = read(&path.with_extension("json"));
        let files = ModelFiles::Gguf(path.clone());
        let to = write(&files, None, &case, ExportFormat::Gguf, None);
        ask(&case, &LoadedModel::load(&to).unwrap(), &expected);
        asked.push(case);
    }
    run_llama_cpp(&asked);
    for (path, case) in names.iter().zip(&asked) {
        let expected: Expected = read(&path.with_extension("json"));
        assert_eq!(read::<Vec<u32>>(&case.join("tokens.json")), expected.prompt, "{path:?}");
        close(&floats(&case.join("logits.f32")), &floats(&path.with_extension("f32")), 1e-6);
    }
}

#[test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
fn a_merged_adapter_is_the_same_to_transformers_llama_cpp_and_peft() {
    let lora = peers().join("lora");
    let base = ModelFiles::Folder(lora.join("base"));
    let Probe { probe } = read(&lora.join("batches.json"));
    let place = tempfile::tempdir().unwrap();
    let (mut folders, mut gguf) = (Vec::new(), Vec::new());
    let kinds = ["plain", "rslora", "dora"];
    for kind in kinds {
        let adapter = ModelFiles::Folder(lora.join(kind).join("final"));
        let theirs = floats(&lora.join(kind).join("final/logits.f32"));
        for (format, weights, tolerance) in [
            (ExportFormat::Folder, WeightType::F32, 1e-5),
            (ExportFormat::Gguf, WeightType::F32, 1e-5),
            (ExportFormat::Gguf, WeightType::Q8_0, 5e-2),
        ] {
            let case = place.path().join(format!("{kind}-{format:?}-{weights:?}"));
            let files = write(&base, Some(&adapter), &case, format, Some(weights));
            let model = LoadedModel::load(&files).unwrap();
            close(&logits(&model, &probe), &theirs, tolerance);
            let messages = vec![Message::user("How deep is it?")];
            let prompt = probe.clone();
            ask(&case, &model, &Expected { messages, prompt, more: Vec::new() });
            let cases = if format == ExportFormat::Gguf { &mut gguf } else { &mut folders };
            cases.push((case, theirs.clone(), tolerance));
        }
    }
    run_llama_cpp(&gguf.iter().map(|(case, ..)| case.clone()).collect::<Vec<_>>());
    run_transformers(&folders.iter().map(|(case, ..)| case.clone()).collect::<Vec<_>>());
    for (case, theirs, tolerance) in gguf.into_iter().chain(folders) {
        close(&floats(&case.join("logits.f32")), &theirs, tolerance);
    }
}

/// A folder of transformers, as a file for llama.cpp.
#[track_caller]
fn to_file(name: &str) {
    let source = peers().join("models").join(name);
    let mut expected: Expected = read(&source.join("expected.json"));
    let case = tempfile::tempdir().unwrap();
    let files = ModelFiles::Folder(source.clone());
    let to = write(&files, None, case.path(), ExportFormat::Gguf, Some(WeightType::F32));
    let model = LoadedModel::load(&to).unwrap();
    let all = expected.prompt.len() + expected.more.len() - 1;
    // Where less fits in, what is before that must be the same.
    let fits = model.window().min(all);
    assert_eq!(fits < all, name == "mistral");
    let whole = expected.prompt.clone();
    if fits < all {
        expected.prompt.truncate(fits);
        expected.more.clear();
    } else {
        expected.more.pop();
    }
    ask(case.path(), &model, &Expected { prompt: expected.prompt.clone(), ..expected });
    run_llama_cpp(&[case.path().to_owned()]);
    assert_eq!(read::<Vec<u32>>(&case.path().join("tokens.json")), whole);
    let theirs = floats(&source.join("logits.f32"));
    let found = floats(&case.path().join("logits.f32"));
    close(&found, &theirs[..found.len()], 1e-5);
    assert_eq!(found.len() / VOCABULARY, fits);
    let tokens: Vec<u32> = read::<serde_json::Value>(&case.path().join("ask.json"))["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token.as_u64().unwrap() as u32)
        .collect();
    close(&logits(&model, &tokens), &found, 1e-5);
}

/// A file of llama.cpp, as a folder for transformers.
#[track_caller]
fn to_folder(name: &str) {
    let source = made().join("models").join(name);
    let path = source.with_file_name(format!("{name}.gguf"));
    let expected: Expected = read(&path.with_extension("json"));
    let case: TempDir = tempfile::tempdir().unwrap();
    let files = ModelFiles::Gguf(path.clone());
    let to = write(&files, None, case.path(), ExportFormat::Folder, Some(WeightType::F32));
    ask(case.path(), &LoadedModel::load(&to).unwrap(), &expected);
    run_transformers(&[case.path().to_owned()]);
    assert_eq!(read::<Vec<u32>>(&case.path().join("tokens.json")), expected.prompt);
    let theirs = floats(&path.with_extension("plain.f32"));
    close(&floats(&case.path().join("logits.f32")), &theirs, 1e-5);
}

/// Exports to `model` or `model.gguf` in a folder.
fn write(
    files: &ModelFiles,
    adapter: Option<&ModelFiles>,
    case: &Path,
    format: ExportFormat,
    weights: Option<WeightType>,
) -> ModelFiles {
    fs::create_dir_all(case).unwrap();
    let name = if format == ExportFormat::Gguf { "model.gguf" } else { "model" };
    let settings = Export { to: case.join(name), format, weights };
    export(&"exported".into(), files, adapter, &settings, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    match format {
        ExportFormat::Gguf => ModelFiles::Gguf(settings.to),
        ExportFormat::Folder => ModelFiles::Folder(settings.to),
    }
}

/// Writes what the others are asked.
fn ask(case: &Path, model: &LoadedModel, expected: &Expected) {
    let Expected { messages, prompt, more } = expected;
    let text = model.template.render(&request::turns(messages).unwrap(), true).unwrap();
    let tokens = [&prompt[..], more].concat();
    let ask = json!({"text": text, "messages": messages, "tokens": tokens});
    fs::write(case.join("ask.json"), ask.to_string()).unwrap();
}

fn run_llama_cpp(cases: &[PathBuf]) {
    run(&made().join("../bin/python"), &script("read_model.py"), cases);
}

fn run_transformers(cases: &[PathBuf]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/engine/read_model.py");
    run(&peers().join("../bin/python"), script.as_ref(), cases);
}

#[track_caller]
fn run(python: &Path, script: &Path, cases: &[PathBuf]) {
    let mut command = Command::new(python);
    let done = command.arg(script).args(cases).env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The logits after each token.
fn logits(model: &LoadedModel, tokens: &[u32]) -> Vec<f32> {
    let mut cache = Cache::new(model.network.config());
    tokens.iter().flat_map(|token| model.network.advance(&[*token], None, &mut cache)).collect()
}

/// Compares by a share of how large they are.
#[track_caller]
fn close(found: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let square = |x: f32| f64::from(x).powi(2);
    let off = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum::<f64>();
    let off = (off / expected.iter().copied().map(square).sum::<f64>()).sqrt();
    let most = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= tolerance, "off by {off:e}, at most {most:e}");
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[track_caller]
fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The folder with what transformers and PEFT say.
fn peers() -> PathBuf {
    std::env::var_os("ATTUNE_TEST_ENGINE_PEERS").expect("the folder of peers").into()
}

/// How many tokens the models of transformers have.
const VOCABULARY: usize = 300;
