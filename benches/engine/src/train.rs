//! Trains an adapter, by the trainer as anyone has it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::TryStreamExt;
use local_engine::Engine;
use openai_api::ModelId;
use serde_json::{Value, json};
use trainer::{Dataset, Hyperparameters, Lora, Trainer, TrainingJob, Tuning};

use crate::{cpu_time, peak_kib};

/// Measures so many steps of training an adapter of rank 8 in batches of two.
///
/// The first step, in which memory is got, is not counted, and one more follows the last, so that
/// nothing of how training ends is counted either.
pub(crate) async fn run(folder: &str, data: &str, steps: u64) -> Result<Value> {
    let home = tempfile::tempdir()?;
    let engine = Engine::open(home.path())?;
    let model = ModelId::from("measured");
    engine.add_model(folder.as_ref(), &model)?;

    let mut set = Dataset::from_jsonl_file(data)?.curate();
    let examples = BATCH as usize * (steps as usize + 2);
    ensure!(set.supervised.len() >= examples, "{data} has too few examples for {steps} steps");
    set.supervised.truncate(examples);
    let settings = Hyperparameters::default().with_epochs(1).with_batch_size(BATCH);
    let job = TrainingJob::new(model, set)
        .with_hyperparameters(settings)
        .with_tuning(Tuning::Lora(Lora::default()))
        .with_seed(1);
    let trainer = engine.trainer();
    let id = trainer.submit(job).await?;

    let mut events = trainer.events(&id).await?;
    let mut first = None;
    while let Some(event) = events.try_next().await? {
        let Some(metrics) = event.metrics.filter(|metrics| metrics.train_loss.is_some()) else {
            continue;
        };
        if metrics.step == 1 {
            first = Some((cpu_time()?, Instant::now(), metrics.train_loss));
        } else if metrics.step == steps + 1 {
            let (cpu, begun, loss) = first.context("the first step was not told")?;
            let tokens = (TOKENS * u64::from(BATCH) * steps) as f64;
            let per_token = |time: Duration| time.as_nanos() as f64 / tokens;
            let report = json!({
                "cpu_ns_per_token": per_token(cpu_time()?.saturating_sub(cpu)),
                "wall_ns_per_token": per_token(begun.elapsed()),
                "tokens_per_step": TOKENS * u64::from(BATCH),
                "first_loss": loss,
                "peak_kib": peak_kib()?,
            });
            trainer.cancel(&id).await?;
            return Ok(report);
        }
    }
    let status = trainer.status(&id).await?;
    anyhow::bail!("training ended as {:?}: {:?}", status.state, status.error);
}

const BATCH: u32 = 2;
/// In each conversation of the data.
const TOKENS: u64 = 256;
