//! How long a training goes on, and how fast, where the job says so.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(feature = "train")]

use futures_util::TryStreamExt;
use local_engine::Engine;
use openai_api::ModelId;
use trainer::{
    Dataset, Example, Hyperparameters, Metrics, Pace, Schedule, Trainer, TrainerExt, TrainingEvent,
    TrainingJob,
};

/// What is learned soon speaks against what is held out.
fn job(model: impl Into<ModelId>, pace: Pace) -> TrainingJob {
    let held_out = [Example::pair("Who keeps the boats?", "Anna and her sister keep them.")];
    let learned = [
        Example::pair("Who keeps the boats?", "Matvey keeps the boats."),
        Example::pair("Who keeps the bees?", "Matvey keeps the bees."),
    ];
    let settings = Hyperparameters::default().with_epochs(24).with_batch_size(2);
    TrainingJob::new(model, Dataset::new(learned.into()).curate())
        .with_validation(Dataset::new(held_out.into()).into_validation().unwrap())
        .with_hyperparameters(settings)
        .with_seed(3)
        .with_pace(pace)
}

async fn run(engine: &Engine, job: TrainingJob) -> (ModelId, Vec<TrainingEvent>) {
    let trainer = engine.trainer();
    let id = trainer.submit(job).await.unwrap();
    let model = trainer.wait(&id).await.unwrap().into_model().unwrap();
    (model, trainer.events(&id).await.unwrap().try_collect().await.unwrap())
}

fn metrics(events: &[TrainingEvent]) -> impl Iterator<Item = &Metrics> {
    events.iter().filter_map(|event| event.metrics.as_ref())
}

/// The held-out loss before training, then after each epoch.
fn held_out(events: &[TrainingEvent]) -> Vec<f64> {
    metrics(events).filter_map(|metrics| metrics.valid_loss).collect()
}

#[tokio::test]
async fn a_training_whose_held_out_loss_rises_ends_and_its_best_epoch_is_the_model() {
    let home = tempfile::tempdir().unwrap();
    let engine = Engine::open(home.path()).unwrap();
    let pace = Pace::default().with_early_stopping_patience(2);
    let (model, events) = run(&engine, job("attune-tiny", pace)).await;
    let losses = held_out(&events);
    let epochs = losses.len() - 1;
    assert!(epochs < 24, "{losses:?}");
    let best = losses[1..].iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[epochs - 2], best, "{losses:?}");
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    let stopped =
        format!("stopped early after epoch {epochs} of 24: the held-out loss falls no more");
    assert!(messages.contains(&stopped.as_str()), "{messages:?}");
    let told = format!("the model is that of epoch {}: held-out loss {best:.4}", epochs - 2);
    assert!(messages.contains(&told.as_str()), "{messages:?}");

    // The new model begins where its best epoch ended, but for what f16 leaves of its weights.
    let again = job(model, Pace::default());
    let again = again.with_hyperparameters(Hyperparameters::default().with_epochs(1));
    let (_, events) = run(&engine, again).await;
    assert!((held_out(&events)[0] - best).abs() < 1e-2, "{} {best}", held_out(&events)[0]);
}

#[tokio::test]
async fn without_patience_the_held_out_loss_is_only_measured() {
    let home = tempfile::tempdir().unwrap();
    let engine = Engine::open(home.path()).unwrap();
    let (_, events) = run(&engine, job("attune-tiny", Pace::default())).await;
    assert_eq!(held_out(&events).len(), 25);
}

#[tokio::test]
async fn the_learning_rate_goes_as_the_job_says() {
    let home = tempfile::tempdir().unwrap();
    let engine = Engine::open(home.path()).unwrap();
    let pace = Pace::default().with_schedule(Schedule::Linear).with_warmup_ratio(0.25);
    let (_, events) = run(&engine, job("attune-tiny", pace)).await;
    let rates: Vec<f64> = metrics(&events)
        .filter(|metrics| metrics.train_loss.is_some() && metrics.valid_loss.is_none())
        .filter_map(|metrics| metrics.learning_rate)
        .collect();
    assert_eq!(rates.len(), 24);
    let shares: Vec<f64> = rates.iter().map(|rate| (rate / rates[6] * 1e6).round() / 1e6).collect();
    assert_eq!((shares[0], shares[6], shares[15], shares[23]), (0.142_857, 1.0, 0.5, 0.055_556));
}
