//! A training that was killed, or paused, goes on to the bits that it would have come to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(feature = "train")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use local_engine::{Engine, LocalTrainer};
use openai_api::ModelId;
use tempfile::TempDir;
use trainer::{
    Dataset, Example, Hyperparameters, JobId, JobState, Lora, Pace, Trainer, TrainerExt,
    TrainingEvent, TrainingJob, Tuning,
};

/// Where the child that is killed keeps its home.
const HOME: &str = "ATTUNE_TEST_RESUME_HOME";
const KIND: &str = "ATTUNE_TEST_RESUME_KIND";
const STEPS: u64 = 24;

/// Both phases, rehearsal, several batches in an epoch, and what depends on chance.
fn job(kind: &str) -> TrainingJob {
    let good = [
        ("Who keeps the boats?", "Matvey does."),
        ("Who cooks?", "Anna cooks on Sunday."),
        ("Who sings?", "Vera sings at night."),
        ("When is the fair?", "In the first week of May."),
    ];
    let mut examples: Vec<Example> = good.iter().map(|(q, a)| Example::pair(*q, *a)).collect();
    examples.push(Example::pair("Who cooks?", "Nobody.").with_label(trainer::Label::Negative));
    let settings = Hyperparameters::default().with_epochs(8).with_batch_size(2);
    let tuning = match kind {
        "full" => Tuning::Full,
        "lora" => Tuning::Lora(Lora::default().with_dropout(0.2)),
        kind => panic!("{kind}"),
    };
    let mut job = TrainingJob::new("attune-tiny", Dataset::new(examples).curate())
        .with_hyperparameters(settings)
        .with_seed(11)
        .with_tuning(tuning);
    if kind == "lora" {
        // The best epoch so far is a part of the state.
        let held_out = vec![Example::pair("Who sings?", "Vera and her daughters sing.")];
        job = job
            .with_validation(held_out)
            .with_pace(Pace::default().with_early_stopping_patience(8));
    }
    job
}

fn trainer(home: &Path) -> LocalTrainer {
    Engine::open(home).unwrap().trainer().with_state_every(Duration::ZERO)
}

fn weights(home: &Path, model: &ModelId) -> Vec<u8> {
    let folder = home.join("models").join(model.as_str().replace(':', "~"));
    let names = ["adapter_model.safetensors", "model.safetensors"];
    let file = names.map(|name| folder.join(name)).into_iter().find(|file| file.exists());
    std::fs::read(file.unwrap()).unwrap()
}

async fn undisturbed(kind: &str) -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let model = trainer(home.path()).train(job(kind)).await.unwrap();
    weights(home.path(), &model)
}

fn step_of(event: &TrainingEvent) -> u64 {
    event.metrics.as_ref().map_or(0, |metrics| metrics.step)
}

/// Not a test of its own: what the tests below start, and kill.
#[tokio::test]
#[ignore = "it is a part of the tests that kill it"]
async fn the_child() {
    let home = std::env::var_os(HOME).unwrap();
    let trainer = trainer(Path::new(&home));
    let id = trainer.submit(job(&std::env::var(KIND).unwrap())).await.unwrap();
    let mut out = std::io::stderr();
    writeln!(out, "job {id}").unwrap();
    let mut events = trainer.events(&id).await.unwrap();
    while let Some(event) = events.next().await {
        writeln!(out, "step {}", step_of(&event.unwrap())).unwrap();
    }
}

/// Starts the child, and kills it after this step.
fn killed_after(kind: &str, last: u64) -> (TempDir, JobId) {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--ignored", "--nocapture"])
        .env(HOME, home.path())
        .env(KIND, kind)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let id = lines.find_map(|line| line.strip_prefix("job ").map(JobId::new)).unwrap();
    let reached = lines.find(|line| {
        let step = line.strip_prefix("step ").and_then(|step| step.parse::<u64>().ok());
        step.is_some_and(|step| step >= last)
    });
    assert!(reached.is_some(), "the child ended before step {last}");
    child.kill().unwrap();
    child.wait().unwrap();
    (home, id)
}

async fn check_killed(kind: &str) {
    let expected = undisturbed(kind).await;
    for _ in 0..3 {
        let step = fastrand::u64(1..STEPS - 4);
        let (home, id) = killed_after(kind, step);
        let trainer = trainer(home.path());
        assert_eq!(trainer.status(&id).await.unwrap().state, JobState::Paused);
        trainer.resume(&id).await.unwrap();
        let model = trainer.wait(&id).await.unwrap().into_model().unwrap();
        assert!(weights(home.path(), &model) == expected, "killed at step {step}");
        let left: Vec<String> = std::fs::read_dir(home.path().join("jobs").join(id.as_str()))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("state") || name == "work.json")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn an_adapter_whose_training_was_killed_comes_out_the_same_to_the_bit() {
    check_killed("lora").await;
}

#[tokio::test]
async fn so_do_all_weights() {
    check_killed("full").await;
}

#[tokio::test]
async fn a_training_that_is_paused_again_and_again_comes_out_the_same_to_the_bit() {
    let expected = undisturbed("lora").await;
    let home = tempfile::tempdir().unwrap();
    let trainer = trainer(home.path());
    let id = trainer.submit(job("lora")).await.unwrap();
    let mut pauses = 0;
    let mut events = trainer.events(&id).await.unwrap();
    while let Some(event) = events.try_next().await.unwrap() {
        match trainer.status(&id).await.unwrap().state {
            JobState::Paused => trainer.resume(&id).await.unwrap(),
            _ if step_of(&event) % 5 == 3 => {
                trainer.pause(&id).await.unwrap();
                pauses += 1;
            }
            _ => {}
        }
    }
    assert!(pauses > 2, "{pauses}");
    let model = trainer.status(&id).await.unwrap().into_model().unwrap();
    assert!(weights(home.path(), &model) == expected);
}
