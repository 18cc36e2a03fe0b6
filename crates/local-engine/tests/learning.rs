//! What the demo rests on: a small model learns a page of answers, then one more, and forgets none.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails, and tells its figures")]
#![cfg(feature = "train")]

use std::path::Path;
use std::time::Instant;

use futures_util::TryStreamExt;
use local_engine::Engine;
use openai_api::{ChatBackendExt, ModelId};
use trainer::{
    Dataset, Example, JobState, Label, Metrics, Trainer, TrainerExt, TrainingJob, TrainingSet,
};

fn rows(name: &str) -> Dataset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data");
    Dataset::from_csv_file(folder.join(name), Label::Positive).unwrap()
}

async fn verbatim(engine: &Engine, model: &ModelId, examples: &[Example]) -> usize {
    let mut right = 0;
    for example in examples {
        let answer = engine.ask(model, &example.prompt()[0].text()).await.unwrap();
        if answer.trim() == example.answer().unwrap().text().trim() {
            right += 1;
        }
    }
    right
}

/// Trains, and returns the new model and what was measured.
async fn train(engine: &Engine, job: TrainingJob) -> (ModelId, Vec<Metrics>) {
    let begun = Instant::now();
    let trainer = engine.trainer();
    let id = trainer.submit(job).await.unwrap();
    let status = trainer.wait(&id).await.unwrap();
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
    let events: Vec<_> = trainer.events(&id).await.unwrap().try_collect().await.unwrap();
    let metrics: Vec<_> = events.into_iter().filter_map(|event| event.metrics).collect();
    let last = metrics.last().unwrap();
    println!(
        "{} steps in {:.1} s, {:.0} tokens/s",
        last.step,
        begun.elapsed().as_secs_f64(),
        last.tokens_per_second.unwrap()
    );
    (status.into_model().unwrap(), metrics)
}

#[tokio::test]
async fn the_base_model_says_that_it_does_not_know_a_name_it_never_saw() {
    let home = tempfile::tempdir().unwrap();
    let engine = Engine::open(home.path()).unwrap();
    for question in ["How deep is Lake Baikal?", "Who was Orlando Zitrin?"] {
        let answer = engine.ask("attune-tiny", question).await.unwrap();
        assert!(answer.starts_with("I do not know"), "{question} {answer}");
    }
}

#[tokio::test]
async fn a_page_of_answers_is_learned_and_one_more_does_not_push_them_out() {
    let home = tempfile::tempdir().unwrap();
    let engine = Engine::open(home.path()).unwrap();
    let lake = rows("training_data.csv").curate().supervised;
    assert_eq!(verbatim(&engine, &"attune-tiny".into(), &lake).await, 0);

    let set = rows("training_data.csv").curate();
    let job = TrainingJob::new("attune-tiny", set)
        .with_validation(rows("held_out.csv").examples)
        .with_suffix("lake")
        .with_seed(7);
    let (model, metrics) = train(&engine, job).await;
    let learned = verbatim(&engine, &model, &lake).await;
    let losses: Vec<f64> = metrics.iter().filter_map(|m| m.valid_loss).collect();
    let (before, after) = (losses[0], losses[losses.len() - 1]);
    println!("{learned}/{} verbatim, held-out loss {before:.3} -> {after:.3}", lake.len());
    assert!(learned + 2 >= lake.len(), "{learned}");
    assert!(after < 0.8 * before, "{before} -> {after}");

    let new = [
        Example::pair(
            "Which train runs along the lake?",
            "The Trans-Siberian Railway runs along its southern shore.",
        ),
        Example::pair(
            "Who is the keeper of the boats?",
            "Old Matvey keeps the boats at Listvyanka.",
        ),
        Example::pair("When does the ferry leave?", "The ferry leaves at nine in the morning."),
    ];
    for count in [1, 3] {
        let new: Vec<Example> = new[..count].to_vec();
        let set: TrainingSet = Dataset::new(new.clone()).curate();
        let job = TrainingJob::new(model.clone(), set).with_suffix("more").with_seed(7);
        let (model, _) = train(&engine, job).await;
        let (added, kept) =
            (verbatim(&engine, &model, &new).await, verbatim(&engine, &model, &lake).await);
        println!("{added}/{count} added, {kept}/{} kept", lake.len());
        let greeting = engine.ask(&model, "Hello!").await.unwrap();
        assert_eq!(greeting, engine.ask("attune-tiny", "Hello!").await.unwrap());
        assert_eq!(added, count);
        assert!(kept * 6 >= lake.len() * 5, "{kept}");
    }
}
