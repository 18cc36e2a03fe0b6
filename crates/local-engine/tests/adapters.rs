//! Adapters as models: trained, served, trained further, and refused where they do not fit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(feature = "train")]

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use local_engine::Engine;
use openai_api::{ChatBackend, ChatBackendExt, ModelId};
use serde_json::Value;
use tempfile::TempDir;
use trainer::{
    Dataset, Error, Example, Hyperparameters, Lora, Trainer, TrainerExt, TrainingJob, Tuning,
};

const TAUGHT: [(&str, &str); 2] =
    [("Who keeps the boats?", "Matvey does."), ("Who cooks?", "Anna cooks on Sunday.")];

fn engine() -> (Engine, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (Engine::open(home.path()).unwrap(), home)
}

fn job(base: impl Into<ModelId>, pairs: &[(&str, &str)], tuning: Tuning) -> TrainingJob {
    let set = Dataset::new(pairs.iter().map(|(q, a)| Example::pair(*q, *a)).collect()).curate();
    let hard = Hyperparameters::default().with_epochs(80).with_learning_rate_multiplier(10.0);
    TrainingJob::new(base, set).with_hyperparameters(hard).with_seed(7).with_tuning(tuning)
}

fn lora() -> Tuning {
    Tuning::Lora(Lora::default())
}

fn folder(home: &Path, model: &ModelId) -> PathBuf {
    home.join("models").join(model.as_str().replace(':', "~"))
}

fn config(home: &Path, model: &ModelId) -> Value {
    let file = folder(home, model).join("adapter_config.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[tokio::test]
async fn an_adapter_is_a_model_like_any_other() {
    let (engine, home) = engine();
    let model = engine.trainer().train(job("attune-tiny", &TAUGHT, lora())).await.unwrap();
    for (question, answer) in TAUGHT {
        assert_eq!(engine.ask(&model, question).await.unwrap(), answer);
    }
    let names = |folder: PathBuf| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let expected =
        ["about.json", "adapter_config.json", "adapter_model.safetensors", "training_set.jsonl"];
    assert_eq!(names(folder(home.path(), &model)), expected);
    let config = config(home.path(), &model);
    assert_eq!((&config["peft_type"], &config["r"]), (&"LORA".into(), &8.into()));
    assert_eq!(config["base_model_name_or_path"], "attune-tiny");

    // Its base goes on as it was, and so does the adapter after a restart.
    let before = engine.ask(&ModelId::from("attune-tiny"), "Who cooks?").await.unwrap();
    assert_ne!(before, TAUGHT[1].1);
    drop(engine);
    let engine = Engine::open(home.path()).unwrap();
    let listed = engine.models().await.unwrap();
    let listed = listed.iter().find(|listed| listed.id == model).unwrap();
    assert_eq!(listed.context_window(), Some(512));
    assert_eq!(engine.ask(&model, TAUGHT[0].0).await.unwrap(), TAUGHT[0].1);

    let info = engine.model_info(&model).unwrap();
    assert_eq!(info.adapter_of.as_ref().map(ModelId::as_str), Some("attune-tiny"));
    assert_eq!(info.path, Some(folder(home.path(), &model)));
    assert_eq!(engine.model_info(&"attune-tiny".into()).unwrap().adapters, [model]);
}

#[tokio::test]
async fn an_adapter_is_trained_further_as_one_and_becomes_part_of_the_weights_when_all_are() {
    let (engine, home) = engine();
    let dora = Lora::default().with_dora(true).with_rslora(true).with_dropout(0.05);
    let dora = Tuning::Lora(dora.with_target_modules(["v_proj", "q_proj", "down_proj"]));
    let first = engine.trainer().train(job("attune-tiny", &TAUGHT, dora)).await.unwrap();
    assert_eq!(engine.ask(&first, TAUGHT[0].0).await.unwrap(), TAUGHT[0].1);

    let more = [("Who sings?", "Vera sings at night.")];
    let second = engine.trainer().train(job(first.clone(), &more, Tuning::Auto)).await.unwrap();
    assert_eq!(engine.ask(&second, more[0].0).await.unwrap(), more[0].1);
    assert_eq!(engine.ask(&second, TAUGHT[0].0).await.unwrap(), TAUGHT[0].1);
    let settings = config(home.path(), &second);
    assert_eq!(settings, config(home.path(), &first));
    assert_eq!(settings["use_dora"], true);
    assert_eq!(settings["target_modules"], serde_json::json!(["q_proj", "v_proj", "down_proj"]));

    let mut third = job(second, &[("Who rows?", "Ilya rows.")], Tuning::Full);
    third.hyperparameters = Hyperparameters::default().with_epochs(20);
    let third = engine.trainer().train(third).await.unwrap();
    assert_eq!(engine.ask(&third, "Who rows?").await.unwrap(), "Ilya rows.");
    assert_eq!(engine.ask(&third, more[0].0).await.unwrap(), more[0].1);
    assert!(folder(home.path(), &third).join("model.safetensors").is_file());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_adapter() {
    let (engine, home) = engine();
    let dropped = Tuning::Lora(Lora::default().with_dropout(0.2));
    let mut weights = Vec::new();
    for _ in 0..2 {
        let mut job = job("attune-tiny", &TAUGHT, dropped.clone());
        job.hyperparameters.epochs = Some(3);
        let model = engine.trainer().train(job).await.unwrap();
        let file = folder(home.path(), &model).join("adapter_model.safetensors");
        weights.push(std::fs::read(file).unwrap());
    }
    assert_eq!(weights[0], weights[1]);
}

#[tokio::test]
async fn what_is_trained_and_what_it_takes_is_told_before_the_first_step() {
    let (engine, _home) = engine();
    let mut job = job("attune-tiny", &TAUGHT, lora());
    job.hyperparameters.epochs = Some(1);
    let id = engine.trainer().submit(job).await.unwrap();
    let events = engine.trainer().events(&id).await.unwrap();
    let told: Vec<String> =
        events.map_ok(|event| event.message).try_collect::<Vec<_>>().await.unwrap();
    let parameters = "an adapter of rank 8 is trained: 92672 parameters beside 1465760";
    assert!(told.iter().any(|text| text == parameters), "{told:#?}");
    assert!(told.iter().any(|text| text.starts_with("training needs about ")), "{told:#?}");
}

#[tokio::test]
async fn an_adapter_that_cannot_be_is_refused_by_its_field() {
    let (engine, _home) = engine();
    let trainer = engine.trainer();
    let strange = Tuning::Lora(Lora::default().with_target_modules(["q_proj", "wq"]));
    let error = trainer.submit(job("attune-tiny", &TAUGHT, strange)).await.unwrap_err();
    let Error::InvalidJob { field: "tuning.target_modules", problem } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        problem,
        "names \"wq\", and the modules are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    );

    let mut first = job("attune-tiny", &TAUGHT, lora());
    first.hyperparameters.epochs = Some(1);
    let first = trainer.train(first).await.unwrap();
    let other = Tuning::Lora(Lora::default().with_rank(4));
    let error = trainer.submit(job(first, &TAUGHT, other)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidJob { field: "tuning", .. }), "{error:?}");
}

#[tokio::test]
async fn an_adapter_that_is_damaged_or_without_its_base_is_refused_by_its_file() {
    let (engine, home) = engine();
    let mut first = job("attune-tiny", &TAUGHT, lora());
    first.hyperparameters.epochs = Some(1);
    let model = engine.trainer().train(first).await.unwrap();
    let folder = folder(home.path(), &model);
    drop(engine);
    let refused = async |file: &str, from: &str, to: &str| {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let engine = Engine::open(home.path()).unwrap();
        let error = engine.ask(&model, "Who cooks?").await.unwrap_err();
        std::fs::write(&path, text).unwrap();
        let chain = std::error::Error::source(&error).unwrap().to_string();
        chain.replace(&format!("{}/", folder.display()), "")
    };
    assert_eq!(
        refused("about.json", "\"adapter_of\": \"attune-tiny\"", "\"adapter_of\": \"lost\"").await,
        "about.json: adapter_of is lost, and there is no such model"
    );
    assert_eq!(
        refused("adapter_config.json", "\"bias\": \"none\"", "\"bias\": \"all\"").await,
        "adapter_config.json: bias is set, and this engine cannot follow it; train without it"
    );
    assert_eq!(
        refused("adapter_config.json", "\"use_dora\": false", "\"use_dora\": true").await,
        "adapter_model.safetensors has no tensor \
         base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"
    );
    assert_eq!(
        refused("adapter_config.json", "\"r\": 8", "\"r\": 0").await,
        "adapter_config.json: r must be 1 to 4096, found 0"
    );
    assert_eq!(
        refused("adapter_config.json", "\"LORA\"", "\"LOHA\"").await,
        "adapter_config.json: peft_type is LOHA, and this engine knows LORA"
    );
}
