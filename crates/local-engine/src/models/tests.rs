//! The models of a home folder, added, found, kept in memory and removed.

use super::*;

#[test]
fn a_folder_that_is_no_model_id_is_left_out() {
    assert_eq!(id_of("ft~attune-tiny~lake~1f3a"), Some("ft:attune-tiny:lake:1f3a".into()));
    assert_eq!(id_of("my-llama"), Some("my-llama".into()));
    for name in ["", ".tmp", "..", "a b", "a/b", "a:b"] {
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

/// A folder with a model of its own, outside the home folder.
fn elsewhere() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ModelFiles::Embedded(_, files) = BASE_FILES else { unreachable!() };
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn home() -> (Models, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    (Models::open(home.path()).unwrap(), home)
}

#[test]
fn a_model_elsewhere_is_served_by_a_link_until_that_is_removed() {
    let ((models, home), folder) = (home(), elsewhere());
    let id = ModelId::new("my:tiny");
    let info = models.add(folder.path(), &id).unwrap();
    assert_eq!(info.path.as_deref(), Some(folder.path().canonicalize().unwrap().as_path()));
    assert_eq!((&*info.architecture, info.context_window), ("LlamaForCausalLM", 512));
    assert_eq!(info.types.values().sum::<u64>(), info.parameters);
    assert_eq!(info.types.keys().collect::<Vec<_>>(), ["F16"]);
    assert_eq!(info.bytes, info.parameters * 2);
    assert!(info.is_linked && !info.calls_tools);
    assert_eq!(models.info(&id).unwrap(), info);
    assert_eq!(models.ids().unwrap(), ["attune-tiny", "my:tiny"]);
    let other = Models::open(home.path()).unwrap();
    let model = other.load(&id).unwrap();
    assert!(Arc::ptr_eq(&model, &other.load(&id).unwrap()));

    other.remove(&id).unwrap();
    assert!(folder.path().join("config.json").exists());
    assert!(other.load(&id).unwrap_err().to_string().contains("there are attune-tiny"));
    assert!(other.remove(&id).is_err());
    assert_eq!(std::fs::read_dir(home.path().join("models")).unwrap().count(), 0);
}

#[test]
fn a_model_of_the_home_folder_is_removed_with_its_files() {
    let ((models, home), folder) = (home(), elsewhere());
    let inside = home.path().join("models/mine");
    std::fs::rename(folder.keep(), &inside).unwrap();
    assert!(!models.info(&"mine".into()).unwrap().is_linked);
    models.remove(&"mine".into()).unwrap();
    assert!(!inside.exists());
    assert_eq!(std::fs::read_dir(home.path().join("models")).unwrap().count(), 0);
    assert!(matches!(models.remove(&"attune-tiny".into()), Err(Error::BuiltIn { .. })));
}

#[test]
fn a_model_of_the_program_is_one_like_any_other() {
    let (models, home) = home();
    let id = ModelId::new("attune-tiny");
    // A folder of the same name is not seen beside it.
    let shadow = home.path().join("models").join(id.as_str());
    std::fs::create_dir(&shadow).unwrap();
    assert_eq!(models.ids().unwrap(), ["attune-tiny"]);
    assert_eq!(models.files(&id).unwrap(), BASE_FILES);
    let info = models.info(&id).unwrap();
    assert_eq!((&info.path, info.is_linked, info.parameters), (&None, false, 1_465_760));
    assert!(matches!(models.remove_anyway(&id), Err(Error::BuiltIn { .. })));
    assert!(shadow.exists());

    // Each file that it has in the crate is in the program too, and the same.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("attune-tiny");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_file() && name != "README.md" {
            let inside = BASE_FILES.read(&name).unwrap();
            assert!(*inside == *std::fs::read(entry.path()).unwrap(), "{name}");
        }
    }
}

/// What is told of a model that is changed before it is added.
#[track_caller]
fn refused(change: impl FnOnce(&Path)) -> String {
    let ((models, home), folder) = (home(), elsewhere());
    change(folder.path());
    let error = models.add(folder.path(), &"x".into()).unwrap_err();
    assert_eq!(std::fs::read_dir(home.path().join("models")).unwrap().count(), 0);
    let place = format!("{}/", folder.path().canonicalize().unwrap().display());
    error.to_string().replace(&place, "")
}

#[test]
fn what_is_wrong_with_a_model_is_told_before_it_is_added() {
    let edit = |name: &'static str, from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{name} has no {from}");
            std::fs::write(path, text.replace(from, to)).unwrap();
        }
    };
    let remove =
        |name: &'static str| move |folder: &Path| std::fs::remove_file(folder.join(name)).unwrap();
    assert_eq!(refused(remove("config.json")), "could not read config.json");
    assert_eq!(refused(remove("model.safetensors")), "could not read model.safetensors");
    assert_eq!(refused(remove("tokenizer.json")), "could not read tokenizer.json");
    let other = refused(edit("config.json", "LlamaForCausalLM", "OtherForCausalLM"));
    assert!(other.contains("architectures") && other.contains("OtherForCausalLM"), "{other}");
    let cut = refused(|folder| {
        let path = folder.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    });
    assert!(cut.starts_with("model.safetensors is cut short or damaged"), "{cut}");
    let template = refused(edit("tokenizer_config.json", "{% for", "{% fro"));
    assert_eq!(template, "tokenizer_config.json: the chat template failed");
    let shape = refused(|folder| {
        let path = folder.join("config.json");
        let mut config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["intermediate_size"] = 7.into();
        std::fs::write(path, config.to_string()).unwrap();
    });
    assert!(shape.contains("mlp.gate_proj.weight has shape"), "{shape}");
    let layers = refused(|folder| {
        let path = folder.join("config.json");
        let mut config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["num_hidden_layers"] = 90.into();
        std::fs::write(path, config.to_string()).unwrap();
    });
    assert!(layers.contains("has no tensor model.layers."), "{layers}");
}

#[test]
fn a_name_that_is_taken_or_none_and_a_path_that_is_no_model_are_refused() {
    let ((models, _home), folder) = (home(), elsewhere());
    let add = |path: &Path, id: &str| models.add(path, &id.into()).unwrap_err();
    assert!(matches!(add(folder.path(), "attune-tiny"), Error::ModelExists { .. }));
    assert!(matches!(add(folder.path(), "a/b"), Error::ModelName { .. }));
    assert!(matches!(add(&folder.path().join("config.json"), "x"), Error::NotAModel { .. }));
    assert!(matches!(add(&folder.path().join("nowhere"), "x"), Error::Io { .. }));
    models.add(folder.path(), &"x".into()).unwrap();
    assert!(matches!(add(folder.path(), "x"), Error::ModelExists { .. }));
}

#[test]
fn a_link_that_leads_nowhere_spoils_itself_alone() {
    let ((models, home), folder) = (home(), elsewhere());
    models.add(folder.path(), &"gone".into()).unwrap();
    drop(folder);
    std::fs::write(home.path().join("models/torn.link.json"), "{").unwrap();
    assert_eq!(models.ids().unwrap(), ["attune-tiny", "gone", "torn"]);
    assert!(models.load(&"gone".into()).unwrap_err().to_string().contains("config.json"));
    assert!(matches!(models.load(&"torn".into()), Err(Error::Json { .. })));
    assert!(models.load(&"attune-tiny".into()).is_ok());
}

#[test]
fn the_latest_used_models_are_kept_as_far_as_the_budget_goes() {
    let ((mut models, _home), folder) = (home(), elsewhere());
    for id in ["a", "b"] {
        models.add(folder.path(), &id.into()).unwrap();
    }
    let load = |models: &Models, id: &str| models.load(&id.into()).unwrap();
    let first = load(&models, "a");
    models.memory.budget = first.bytes * 2;
    load(&models, "b");
    assert!(Arc::ptr_eq(&first, &load(&models, "a")));
    load(&models, "attune-tiny");
    let kept = |models: &Models| -> Vec<String> { models.memory.kept() };
    assert_eq!(kept(&models), ["attune-tiny", "a"]);
    models.memory.budget = 0;
    load(&models, "b");
    assert_eq!(kept(&models), ["b"]);
}

#[test]
fn those_who_want_a_model_at_once_get_the_same_one() {
    let (models, _home) = home();
    let all: Vec<_> = std::thread::scope(|scope| {
        let load = || scope.spawn(|| models.load(&"attune-tiny".into()).unwrap());
        let threads: Vec<_> = (0..4).map(|_| load()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(all.iter().all(|model| Arc::ptr_eq(model, &all[0])));
}

#[test]
fn a_base_is_not_removed_from_under_its_adapters_unless_that_is_said() {
    let ((models, home), folder) = (home(), elsewhere());
    let place = |name: &str| home.path().join("models").join(name);
    models.add(folder.path(), &"base".into()).unwrap();
    for name in ["one", "two"] {
        std::fs::create_dir(place(name)).unwrap();
        std::fs::write(place(name).join("adapter_config.json"), "{}").unwrap();
        let about = r#"{"created": 0, "owned_by": "me", "adapter_of": "base"}"#;
        std::fs::write(place(name).join("about.json"), about).unwrap();
    }
    let error = models.remove(&"base".into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "base is the base of one, two, which would be of no use without it; remove those first"
    );
    assert!(models.load(&"base".into()).is_ok());
    models.remove(&"one".into()).unwrap();
    models.remove_anyway(&"base".into()).unwrap();
    assert_eq!(models.ids().unwrap(), ["attune-tiny", "two"]);
    // It stands on nothing now, and may be removed itself.
    models.remove(&"two".into()).unwrap();
}

/// The weights that a model works with, all in one row.
#[cfg(feature = "train")]
fn weights(model: &LoadedModel) -> Vec<f32> {
    model.network.tensors().flat_map(|tensor| tensor.values().to_vec()).collect()
}

#[cfg(feature = "train")]
#[test]
fn an_adapter_stands_on_the_base_that_there_is_when_that_was_replaced() {
    use crate::config::Module;
    use crate::network::{Adapter, Lora};
    use crate::peft;

    let ((models, home), first, second) = (home(), elsewhere(), elsewhere());
    let path = second.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 2000..].fill(0);
    std::fs::write(path, bytes).unwrap();
    let (base, tuned) = (ModelId::new("base"), ModelId::new("tuned"));
    models.add(first.path(), &base).unwrap();
    let network = models.load(&base).unwrap().network.clone();
    let lora =
        Lora { rank: 2, alpha: 2.0, dropout: 0.0, has_root_scale: false, learns_lengths: true };
    let adapter = Adapter::fresh(&network, lora, &[Module::Q], 1);
    let folder = home.path().join("models/tuned");
    std::fs::create_dir(&folder).unwrap();
    peft::write(&adapter, "base", &folder).unwrap();
    let about = r#"{"created": 0, "owned_by": "me", "adapter_of": "base"}"#;
    std::fs::write(folder.join("about.json"), about).unwrap();

    let before = models.load(&tuned).unwrap();
    assert!(Arc::ptr_eq(&before, &models.load(&tuned).unwrap()));
    models.remove_anyway(&base).unwrap();
    models.add(second.path(), &base).unwrap();
    let (after, base) = (models.load(&tuned).unwrap(), models.load(&base).unwrap());
    assert!(after.stands_on(&base) && !before.stands_on(&base));
    assert_eq!(weights(&after), weights(&base));
    assert_ne!(weights(&after), weights(&before));
    assert!(after.adapter.is_some());
}

#[test]
fn a_token_that_the_tokenizer_writes_first_is_not_told_to_those_who_have_that_tokenizer() {
    let ((models, home), folder) = (home(), elsewhere());
    let edit = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let path = folder.path().join(name);
        let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(path, json.to_string()).unwrap();
    };
    edit("tokenizer_config.json", &|config| {
        let template = format!("{{{{ bos_token }}}}{}", config["chat_template"].as_str().unwrap());
        config["chat_template"] = template.into();
        config["bos_token"] = "<|end|>".into();
    });
    for (id, start) in [("silent", "<|end|>"), ("writing", "")] {
        models.add(folder.path(), &id.into()).unwrap();
        let file = home.path().join(format!("models/{id}-file.gguf"));
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        models.export(&id.into(), &Export::new(file), go_on).unwrap();
        let marks = models.chat_marks(&id.into()).unwrap().unwrap();
        assert_eq!((&*marks.start, &*marks.user[0]), (start, "<|user|>"), "{id}");
        assert_eq!(models.chat_marks(&format!("{id}-file").into()).unwrap(), Some(marks));
        edit("tokenizer.json", &|tokenizer| {
            let end = tokenizer["added_tokens"].as_array().unwrap().iter();
            let end = end.clone().find(|it| it["content"] == "<|end|>").unwrap()["id"].clone();
            tokenizer["post_processor"] = serde_json::json!({
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<|end|>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                ],
                "pair": [
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 0}},
                ],
                "special_tokens":
                    {"<|end|>": {"id": "<|end|>", "ids": [end], "tokens": ["<|end|>"]}},
            });
        });
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_of_another_name_is_a_model_in_one_file() {
    use crate::export::ExportFormat;

    let ((models, _home), folder) = (home(), tempfile::tempdir().unwrap());
    let (blob, link) = (folder.path().join("blob"), folder.path().join("tiny.gguf"));
    let export = Export::new(&blob).with_format(ExportFormat::Gguf);
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    models.export(&"attune-tiny".into(), &export, go_on).unwrap();
    std::os::unix::fs::symlink("blob", &link).unwrap();
    assert!(matches!(models.add(&blob, &"x".into()), Err(Error::NotAModel { .. })));
    let info = models.add(&link, &"x".into()).unwrap();
    assert_eq!(info.path, Some(blob.canonicalize().unwrap()));
    assert!(models.load(&"x".into()).is_ok());
}
