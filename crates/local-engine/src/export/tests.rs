//! The base model and adapters of it, written as folders and as files.

use std::fs;

use super::*;
use crate::error::Error;
use crate::files::{CONFIG, TOKENIZER, WEIGHTS_INDEX};
use crate::model::LoadedModel;
use crate::models::BASE_FILES;
use crate::network::{Cache, Tuning};
use crate::template::CHAT_TEMPLATE;

fn write(to: &Path, weights: Option<WeightType>) -> Result<ModelInfo> {
    let settings = Export { weights, ..Export::new(to) };
    export(&"tiny".into(), &BASE_FILES, None, &settings, &mut go_on)
}

fn go_on(_: Exporting) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn load(info: &ModelInfo) -> LoadedModel {
    let path = info.path.clone().unwrap();
    let files = if path.is_dir() { ModelFiles::Folder(path) } else { ModelFiles::Gguf(path) };
    LoadedModel::load(&files).unwrap()
}

/// The logits after the last of some tokens.
fn logits(model: &LoadedModel) -> Vec<f32> {
    let tuning = model.adapter.as_ref().map(Tuning::new);
    let mut cache = Cache::new(model.network.config());
    model.network.advance(&[2, 300, 7, 1999, 3], tuning, &mut cache)
}

/// By what share of their size the logits differ.
fn difference(found: &LoadedModel, expected: &LoadedModel) -> f32 {
    let (found, expected) = (logits(found), logits(expected));
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|it| it * it).sum::<f32>();
    let off = square(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
    (off / square(&mut expected.iter().copied())).sqrt()
}

#[test]
fn a_folder_and_a_file_hold_the_same_model_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let base = LoadedModel::load(&BASE_FILES).unwrap();
    for name in ["folder", "file.gguf"] {
        let info = write(&folder.path().join(name), None).unwrap();
        assert_eq!(info.path.as_deref(), Some(&*folder.path().join(name)));
        assert_eq!(info.adapter_of, None);
        let written = load(&info);
        assert_eq!(logits(&written), logits(&base), "{name}");
        assert_eq!(
            written.codec.encode("Hello, жук!").unwrap(),
            base.codec.encode("Hello, жук!").unwrap()
        );
        assert_eq!(written.habits.end, base.habits.end);
    }
    // What it was trained on stays where it is.
    let names = fs::read_dir(folder.path().join("folder")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let expected = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names, expected);
}

#[test]
fn each_type_of_weights_is_as_close_as_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let base = LoadedModel::load(&BASE_FILES).unwrap();
    for (weights, name, most) in [
        (WeightType::F32, "F32", 1e-6),
        (WeightType::F16, "F16", 1e-6),
        (WeightType::Bf16, "BF16", 2e-2),
        (WeightType::Q8_0, "Q8_0", 5e-2),
        (WeightType::Q4_0, "Q4_0", 3e-1),
    ] {
        let info = write(&folder.path().join(format!("{name}.gguf")), Some(weights)).unwrap();
        assert!(info.types.contains_key(name), "{:?}", info.types);
        let off = difference(&load(&info), &base);
        assert!(off <= most, "{name}: {off}");
        if !matches!(weights, WeightType::Q8_0 | WeightType::Q4_0) {
            let info = write(&folder.path().join(name), Some(weights)).unwrap();
            assert_eq!(info.types.keys().collect::<Vec<_>>(), [name]);
            assert!(difference(&load(&info), &base) <= most);
        }
    }
    // A tied head is the embedding; a row of 432 values is not of whole blocks.
    let info = write(&folder.path().join("types.gguf"), Some(WeightType::Q4_0)).unwrap();
    assert_eq!(info.types.keys().collect::<Vec<_>>(), ["F16", "F32", "Q4_0", "Q8_0"]);
}

#[test]
fn nothing_is_left_of_what_could_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("model");
    let error = write(&to, Some(WeightType::Q8_0)).unwrap_err();
    assert!(error.to_string().contains("cannot be written as Q8_0; folders hold f32"), "{error}");
    let error = write(&folder.path().join("none/model.gguf"), None).unwrap_err();
    assert!(error.to_string().starts_with("could not find the folder"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    for name in ["model", "model.gguf"] {
        let to = folder.path().join(name);
        fs::write(&to, "mine").unwrap();
        assert!(matches!(write(&to, None).unwrap_err(), Error::Exists { .. }));
        assert_eq!(fs::read(&to).unwrap(), b"mine");
    }
}

#[test]
fn a_vocabulary_that_llama_cpp_does_not_know_is_refused_by_field() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = folder.path().join("source");
    write(&source, None).unwrap();
    let tokenizer = fs::read(source.join(TOKENIZER)).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&tokenizer).unwrap();
    tokenizer["pre_tokenizer"]["add_prefix_space"] = true.into();
    fs::write(source.join(TOKENIZER), tokenizer.to_string()).unwrap();
    let files = ModelFiles::Folder(source.clone());
    let settings = Export::new(home.path().join("model.gguf"));
    let error = export(&"tiny".into(), &files, None, &settings, &mut go_on).unwrap_err();
    let expected = format!("{}: pre_tokenizer cuts text", source.join(TOKENIZER).display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    // As a folder it goes with all that it has.
    let settings = Export::new(home.path().join("folder"));
    export(&"tiny".into(), &files, None, &settings, &mut go_on).unwrap();
}

#[test]
fn it_is_told_how_far_the_writing_is() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["folder", "file.gguf"] {
        let mut told = Vec::new();
        let settings = Export::new(folder.path().join(name)).with_weights(WeightType::F32);
        export(&"tiny".into(), &BASE_FILES, None, &settings, &mut |now| {
            told.push(now);
            ControlFlow::Continue(())
        })
        .unwrap();
        let total = told[0].total;
        assert_eq!((told[0].done, told.last().unwrap().done), (0, total));
        assert!(told.len() > 2 && told.windows(2).all(|two| two[0].done < two[1].done));
        assert!(told.iter().all(|now| now.total == total));
    }
}

#[test]
fn nothing_is_left_when_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["folder", "file.gguf"] {
        let settings = Export::new(folder.path().join(name));
        let mut stop = |now: Exporting| match now.done {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let error = export(&"tiny".into(), &BASE_FILES, None, &settings, &mut stop).unwrap_err();
        assert!(matches!(error, Error::Stopped));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_configuration_says_what_its_weights_are_in() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("model"), Some(WeightType::Bf16)).unwrap();
    let config = fs::read(folder.path().join("model").join(CONFIG)).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["torch_dtype"], "bfloat16");
    assert_eq!(config["hidden_size"], 160);
}

fn write_shards(to: &Path, most: u64) -> Result<ModelInfo> {
    let (whole, settings) = (Whole::read(&BASE_FILES, None)?, Export::new(to));
    let check = |path: &Path| inspect("tiny".into(), &ModelFiles::Folder(path.to_owned()), None);
    let info = folder::write_shards(&BASE_FILES, &whole, &settings, most, &mut go_on, &check)?;
    Ok(ModelInfo { path: Some(to.to_owned()), ..info })
}

#[test]
fn many_weights_lie_in_several_files_with_an_index() {
    const MOST: u64 = 300_000;
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("model");
    let base = LoadedModel::load(&BASE_FILES).unwrap();
    assert_eq!(logits(&load(&write_shards(&to, MOST).unwrap())), logits(&base));

    let index = fs::read(to.join(WEIGHTS_INDEX)).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let map = index["weight_map"].as_object().unwrap();
    let mut sizes = std::collections::BTreeMap::<&str, Vec<u64>>::new();
    let mut total = 0;
    for (name, shape) in base.network.config().tensors() {
        let bytes = shape.iter().product::<usize>() as u64 * 2;
        total += bytes;
        sizes.entry(map[&name].as_str().unwrap()).or_default().push(bytes);
    }
    assert_eq!(index["metadata"]["total_size"], total);
    let count = sizes.len();
    assert!(count > 2);
    for (place, (name, sizes)) in sizes.iter().enumerate() {
        assert_eq!(*name, format!("model-{:05}-of-{count:05}.safetensors", place + 1));
        // One that is larger alone has a file of its own.
        assert!(sizes.iter().sum::<u64>() <= MOST || sizes.len() == 1, "{name}: {sizes:?}");
        let header = fs::metadata(to.join(name)).unwrap().len() - sizes.iter().sum::<u64>();
        assert!((8..10_000).contains(&header), "{name}: {header}");
    }
    assert!(!to.join("model.safetensors").exists());
}

#[test]
fn what_is_amiss_is_told_of_the_file_that_there_is() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = folder.path().join("source");
    write(&source, None).unwrap();
    for (name, text) in [(TOKENIZER, "{"), (CHAT_TEMPLATE, "{% if %}"), (CONFIG, "[]")] {
        let before = fs::read(source.join(name)).ok();
        fs::write(source.join(name), text).unwrap();
        let files = ModelFiles::Folder(source.clone());
        for to in ["model", "model.gguf"] {
            let settings = Export::new(home.path().join(to));
            let error = export(&"tiny".into(), &files, None, &settings, &mut go_on).unwrap_err();
            let expected = source.join(name).display().to_string();
            assert!(error.to_string().starts_with(&expected), "{to}: {error}");
        }
        match before {
            Some(before) => fs::write(source.join(name), before).unwrap(),
            None => fs::remove_file(source.join(name)).unwrap(),
        }
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_draft_is_not_named_to_those_who_asked_for_something_else() {
    let told = |file: &str| {
        let error = Error::MissingTensor { file: file.to_owned(), tensor: "a".to_owned() };
        let error = error.moved(Path::new("/models/.export-x1"), Path::new("/models/mine"));
        error.to_string()
    };
    assert_eq!(told("/models/.export-x1/b.json"), "/models/mine/b.json has no tensor a");
    assert_eq!(told("/models/.export-x1"), "/models/mine has no tensor a");
    assert_eq!(told("/models/other"), "/models/other has no tensor a");
}

/// Rows whose halves lie side by side are read as they were.
#[test]
fn heads_are_turned_there_and_back() {
    let part = |turned| weights::Part {
        name: "model.layers.0.self_attn.q_proj.weight".to_owned(),
        shape: vec![8, 1],
        dtype: Dtype::F32,
        turned,
    };
    let rows = |part: weights::Part| (0..8).map(|row| part.row(row)).collect::<Vec<_>>();
    assert_eq!(rows(part(Some(4))), [0, 2, 1, 3, 4, 6, 5, 7]);
    assert_eq!(rows(part(None)), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[cfg(feature = "train")]
#[test]
fn an_adapter_becomes_part_of_the_weights() {
    use crate::config::Module;
    use crate::network::{Adapter, Lora};
    use crate::peft;

    let folder = tempfile::tempdir().unwrap();
    let base = LoadedModel::load(&BASE_FILES).unwrap();
    for (name, has_root_scale, learns_lengths) in
        [("lora", false, false), ("rslora", true, false), ("dora", false, true)]
    {
        let lora = Lora { rank: 3, alpha: 6.0, dropout: 0.0, has_root_scale, learns_lengths };
        let modules = [Module::Q, Module::K, Module::O, Module::Down];
        let mut adapter = Adapter::fresh(&base.network, lora, &modules, 5);
        let mut rng = fastrand::Rng::with_seed(9);
        for tensor in adapter.tensors_mut() {
            tensor.values_mut().iter_mut().for_each(|value| *value += (rng.f32() - 0.5) * 0.2);
        }
        let of = folder.path().join(format!("adapter-{name}"));
        fs::create_dir(&of).unwrap();
        peft::write(&adapter, "tiny", &of).unwrap();
        let files = ModelFiles::Folder(of);
        let tuned = base.with_adapter(&files).unwrap();
        assert!(difference(&tuned, &base) > 0.05);
        for end in ["", ".gguf"] {
            let to = folder.path().join(format!("{name}{end}"));
            let settings = Export::new(&to).with_weights(WeightType::F32);
            let written = export(&"tiny".into(), &BASE_FILES, Some(&files), &settings, &mut go_on);
            let off = difference(&load(&written.unwrap()), &tuned);
            assert!(off < 1e-5, "{name}{end}: {off}");
        }
    }
}
