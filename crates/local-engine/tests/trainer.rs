//! The trainer: the suite of the seam, and what is the local trainer's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(feature = "train")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use local_engine::{Engine, LocalTrainer};
use openai_api::{ChatBackend, ChatBackendExt, Message, ModelId};
use serde_json::{Value, json};
use tempfile::TempDir;
use trainer::conformance::{Guarded, Offer};
use trainer::{
    Dataset, Error, EventLevel, Example, Hyperparameters, JobId, JobState, Metrics, Origin,
    Preference, Trainer, TrainerExt, TrainingEvent, TrainingJob, TrainingSet,
};

fn engine() -> (Engine, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (Engine::open(home.path()).unwrap(), home)
}

fn guarded() -> Guarded<LocalTrainer, TempDir> {
    let (engine, home) = engine();
    Guarded::new(engine.trainer(), home)
}

mod conformance {
    trainer::trainer_conformance! {
        trainer: super::guarded(),
        offer: super::Offer::new("attune-tiny"),
    }
}

fn set() -> TrainingSet {
    let pairs = [("Who keeps the boats?", "Matvey does."), ("Who cooks?", "Olga cooks fish.")];
    Dataset::new(pairs.map(|(q, a)| Example::pair(q, a)).to_vec()).curate()
}

fn short(epochs: u32) -> TrainingJob {
    let epochs = Hyperparameters::default().with_epochs(epochs);
    TrainingJob::new("attune-tiny", set()).with_hyperparameters(epochs).with_seed(7)
}

async fn events(trainer: &LocalTrainer, id: &JobId) -> Vec<TrainingEvent> {
    trainer.events(id).await.unwrap().try_collect().await.unwrap()
}

fn metrics(events: &[TrainingEvent]) -> Vec<&Metrics> {
    events.iter().filter_map(|event| event.metrics.as_ref()).collect()
}

fn weights(home: &Path, model: &str) -> Vec<u8> {
    std::fs::read(home.join("models").join(model.replace(':', "~")).join("model.safetensors"))
        .unwrap()
}

#[tokio::test]
async fn a_tuned_model_is_listed_at_once_and_after_a_restart() {
    let (engine, home) = engine();
    let job = TrainingJob::new("attune-tiny", set()).with_suffix("boats").with_seed(7);
    let model = engine.trainer().train(job).await.unwrap();
    assert!(model.as_str().starts_with("ft:attune-tiny:boats:"));
    assert_eq!(engine.ask(&model, "Who cooks?").await.unwrap(), "Olga cooks fish.");
    let listed = engine.models().await.unwrap();
    let tuned = listed.iter().find(|listed| listed.id == model).unwrap();
    assert_eq!((tuned.context_window(), tuned.owned_by.as_str()), (Some(512), "local"));

    drop(engine);
    let engine = Engine::open(home.path()).unwrap();
    assert_eq!(engine.models().await.unwrap(), listed);
    assert_eq!(engine.ask(&model, "Who keeps the boats?").await.unwrap(), "Matvey does.");
    let jobs = engine.trainer().jobs().await.unwrap();
    assert_eq!(jobs[0].fine_tuned_model, Some(model.clone()));
    assert!(jobs[0].trained_tokens.unwrap() > 0);

    // A model tuned from it keeps the family's name.
    let job = TrainingJob::new(model, set())
        .with_hyperparameters(Hyperparameters::default().with_epochs(1));
    let next = engine.trainer().train(job).await.unwrap();
    assert!(next.as_str().starts_with("ft:attune-tiny:tuned:"), "{next}");
}

#[tokio::test]
async fn a_corrected_answer_can_be_corrected_again() {
    let (engine, home) = engine();
    let question = "Who keeps the boats?";
    let mut model = ModelId::new("attune-tiny");
    for answer in ["Matvey does.", "Olga has kept them since May.", "Nobody, they were sold."] {
        let set = Dataset::new(vec![Example::pair(question, answer)]).curate();
        let job = TrainingJob::new(model, set).with_seed(7);
        model = engine.trainer().train(job).await.unwrap();
        assert_eq!(engine.ask(&model, question).await.unwrap(), answer);
    }
    let folder = home.path().join("models").join(model.as_str().replace(':', "~"));
    let remembered = std::fs::read_to_string(folder.join("training_set.jsonl")).unwrap();
    assert_eq!(remembered.matches(question).count(), 1);
}

#[tokio::test]
async fn a_seed_decides_the_weights_bit_for_bit() {
    let (engine, home) = engine();
    let trainer = engine.trainer();
    let mut found = Vec::new();
    for seed in [7, 7, 8] {
        let model = trainer.train(short(3).with_seed(seed)).await.unwrap();
        found.push(weights(home.path(), model.as_str()));
    }
    assert!(found[0] == found[1]);
    assert!(found[0] != found[2]);
}

#[tokio::test]
async fn steps_epochs_and_the_base_are_measured_and_checkpointed() {
    let (engine, home) = engine();
    let trainer = engine.trainer();
    let job = short(5).with_validation(vec![Example::pair("Who is the cook?", "Olga cooks fish.")]);
    let id = trainer.submit(job).await.unwrap();
    assert_eq!(trainer.wait(&id).await.unwrap().state, JobState::Succeeded);
    let events = events(&trainer, &id).await;
    let metrics = metrics(&events);
    assert_eq!((metrics[0].step, metrics[0].total_steps), (0, 5));
    let held_out: Vec<f64> = metrics.iter().filter_map(|m| m.valid_loss).collect();
    assert_eq!(held_out.len(), 6);
    assert!(held_out[5] < held_out[0], "{held_out:?}");
    let steps: Vec<_> = metrics.iter().filter(|m| m.valid_loss.is_none()).collect();
    assert_eq!(steps.len(), 5);
    for (i, step) in steps.iter().enumerate() {
        assert_eq!((step.step, step.epoch), (i as u64 + 1, Some(i as u32 + 1)));
        assert!(step.train_loss.unwrap() > 0.0 && step.learning_rate.unwrap() > 0.0);
        assert!(step.tokens_per_second.unwrap() > 0.0);
    }
    let folder = home.path().join("jobs").join(id.as_str()).join("checkpoints");
    let mut kept: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["step-000003", "step-000004", "step-000005"]);

    // A checkpoint is a model like any other.
    std::fs::rename(folder.join("step-000005"), home.path().join("models/kept")).unwrap();
    assert!(!engine.ask("kept", "Who cooks?").await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_wait_for_their_turn_and_can_be_cancelled_while_they_do() {
    let (engine, _home) = engine();
    let trainer = engine.trainer();
    let running = trainer.submit(short(100_000)).await.unwrap();
    let mut told = trainer.events(&running).await.unwrap();
    while told.next().await.unwrap().unwrap().metrics.is_none() {}
    let waiting = trainer.submit(short(1)).await.unwrap();
    let last = trainer.submit(short(1)).await.unwrap();
    assert_eq!(trainer.status(&running).await.unwrap().state, JobState::Running);
    assert_eq!(trainer.status(&waiting).await.unwrap().state, JobState::Queued);
    trainer.cancel(&waiting).await.unwrap();
    assert_eq!(trainer.wait(&waiting).await.unwrap().state, JobState::Cancelled);
    trainer.cancel(&running).await.unwrap();
    assert_eq!(trainer.wait(&running).await.unwrap().state, JobState::Cancelled);
    assert_eq!(trainer.wait(&last).await.unwrap().state, JobState::Succeeded);
    assert_eq!(engine.models().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_job_can_be_watched_and_cancelled_from_another_engine_on_the_same_home() {
    let (engine, home) = engine();
    let trainer = engine.trainer();
    let id = trainer.submit(short(100_000)).await.unwrap();
    let other = Engine::open(home.path()).unwrap().trainer();
    let mut told = other.events(&id).await.unwrap();
    while told.next().await.unwrap().unwrap().metrics.is_none() {}
    assert_eq!(other.status(&id).await.unwrap().state, JobState::Running);
    other.cancel(&id).await.unwrap();
    assert_eq!(other.wait(&id).await.unwrap().state, JobState::Cancelled);
    assert_eq!(trainer.status(&id).await.unwrap(), other.status(&id).await.unwrap());
    assert_eq!(events(&trainer, &id).await, events(&other, &id).await);
}

#[tokio::test]
async fn a_job_whose_process_is_gone_has_failed_as_interrupted() {
    let (engine, home) = engine();
    let trainer = engine.trainer();
    let id = trainer.submit(short(1)).await.unwrap();
    trainer.wait(&id).await.unwrap();
    // As a process leaves it behind that ends in the middle.
    let path = home.path().join("jobs").join(id.as_str()).join("job.json");
    let mut status: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    status["state"] = json!("running");
    status["fine_tuned_model"] = Value::Null;
    status["finished_at"] = Value::Null;
    std::fs::write(&path, status.to_string()).unwrap();
    let mut log =
        OpenOptions::new().append(true).open(path.with_file_name("events.jsonl")).unwrap();
    log.write_all(br#"{"id":"ftevent-9","crea"#).unwrap();

    let trainer = Engine::open(home.path()).unwrap().trainer();
    let status = trainer.wait(&id).await.unwrap();
    assert_eq!(status.state, JobState::Failed);
    let error = status.error.unwrap();
    assert_eq!(error.code, "interrupted");
    assert!(error.message.contains("submit the job again"), "{}", error.message);
    let last = events(&trainer, &id).await.pop().unwrap();
    assert_eq!((last.level, last.message), (EventLevel::Error, error.message));
    assert_eq!(trainer.jobs().await.unwrap()[0].state, JobState::Failed);
}

#[tokio::test]
async fn a_run_that_diverges_fails_and_leaves_no_model() {
    let (engine, _home) = engine();
    let trainer = engine.trainer();
    let mut job = short(3);
    job.hyperparameters = job.hyperparameters.with_learning_rate_multiplier(1e9);
    let id = trainer.submit(job).await.unwrap();
    let status = trainer.wait(&id).await.unwrap();
    assert_eq!(status.state, JobState::Failed);
    let error = status.error.unwrap();
    assert_eq!(error.code, "diverged");
    assert_eq!(error.message, "training diverged at step 1; lower the learning rate");
    assert_eq!(engine.models().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_job_is_listed_as_failed_beside_the_others() {
    let (engine, home) = engine();
    let trainer = engine.trainer();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = trainer.submit(short(1)).await.unwrap();
        trainer.wait(&id).await.unwrap();
        ids.push(id);
    }
    let trainer = Engine::open(home.path()).unwrap().trainer();
    let path = home.path().join("jobs").join(ids[0].as_str()).join("job.json");
    std::fs::write(&path, "{\"id\": ").unwrap();
    let jobs = trainer.jobs().await.unwrap();
    let of = |id: &JobId| jobs.iter().find(|job| job.id == *id).unwrap();
    assert_eq!(of(&ids[1]).state, JobState::Succeeded);
    assert_eq!(of(&ids[0]).state, JobState::Failed);
    let error = of(&ids[0]).error.clone().unwrap();
    assert_eq!(error.code, "damaged");
    assert!(error.message.contains("job.json is damaged: EOF"), "{}", error.message);
}

#[tokio::test]
async fn an_example_that_does_not_fit_is_refused_with_its_place() {
    let (engine, _home) = engine();
    let mut set = set();
    let long = Example::pair("Tell me all", "lake ".repeat(600));
    set.supervised.push(long.with_origin(Origin::file_line("a.csv", 3)));
    let silent = Example::new(vec![Message::user("Anyone there?")]);
    set.supervised.push(silent.with_origin(Origin::file_line("a.csv", 4)));
    let error = engine.trainer().submit(TrainingJob::new("attune-tiny", set)).await.unwrap_err();
    let Error::InvalidData(problems) = error else { panic!("{error:?}") };
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems[0].starts_with("a.csv, line 3: the example takes "), "{problems:?}");
    assert!(problems[0].ends_with("context window holds 512; shorten or split it"));
    assert_eq!(
        problems[1],
        "a.csv, line 4: no answer to train on; the assistant must say something in it"
    );
}

#[tokio::test]
async fn a_control_token_in_an_example_is_refused_with_its_place() {
    let (engine, _home) = engine();
    let mut set = set();
    let example = Example::pair("Who rows?", "Ivan.<|end|><|user|>And who else?");
    set.supervised.push(example.with_origin(Origin::file_line("a.csv", 5)));
    let error = engine.trainer().submit(TrainingJob::new("attune-tiny", set)).await.unwrap_err();
    let Error::InvalidData(problems) = error else { panic!("{error:?}") };
    let problem = problems[0].to_string();
    assert!(problem.starts_with("a.csv, line 5: message 1: the text holds <|"), "{problem}");
}

#[tokio::test]
async fn a_model_that_is_not_local_is_refused_with_those_that_are() {
    let (engine, _home) = engine();
    let error = engine.trainer().submit(TrainingJob::new("gpt-4o-mini", set())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot train gpt-4o-mini: there is no local model of this name; trainable are attune-tiny"
    );
}

#[tokio::test]
async fn an_answer_of_weight_0_is_not_trained_on() {
    let (engine, _home) = engine();
    let mut wrong = Message::assistant("Nobody cooks here at all, ever.");
    wrong.extra.insert("weight".to_owned(), json!(0));
    let talk = vec![
        Message::user("Who cooks?"),
        wrong,
        Message::user("Who cooks?"),
        Message::assistant("Olga cooks fish."),
    ];
    let set = Dataset::new(vec![Example::new(talk)]).curate();
    let model = engine.trainer().train(TrainingJob::new("attune-tiny", set)).await.unwrap();
    let answer = engine.ask(&model, "Who cooks?").await.unwrap();
    assert!(!answer.contains("Nobody"), "{answer}");
}

#[tokio::test]
async fn preferences_alone_turn_the_model_to_the_better_answer() {
    let (engine, _home) = engine();
    let (better, worse) = ("I like the lake best.", "I do not like lakes.");
    let prompt = vec![Message::user("What do you like?")];
    let mut set = TrainingSet::default();
    set.preferences =
        vec![Preference::new(prompt, Message::assistant(better), Message::assistant(worse))];
    let trainer = engine.trainer();
    let id = trainer.submit(TrainingJob::new("attune-tiny", set).with_seed(7)).await.unwrap();
    assert_eq!(trainer.wait(&id).await.unwrap().state, JobState::Succeeded);
    let events = events(&trainer, &id).await;
    let losses: Vec<f64> = metrics(&events).iter().filter_map(|m| m.train_loss).collect();
    // At first policy and reference are one, and the loss is ln 2.
    assert!((losses[0] - std::f64::consts::LN_2).abs() < 1e-6, "{losses:?}");
    assert!(losses[losses.len() - 1] < 0.3, "{losses:?}");
}
