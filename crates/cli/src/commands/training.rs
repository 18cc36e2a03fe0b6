//! What `train`, `learn`, `jobs` and the demo have in common: settings, and following a job.

use anyhow::Result;
use facade::{OpenAiModel, Submitted, TrainOptions};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use trainer::{JobId, JobState, JobStatus, Lora, Method, Pace, Schedule, Trainer, Tuning};

use crate::Outcome;
use crate::args::{self, BackendKind, Training};
use crate::context::Context;
use crate::failure::Usage;
use crate::interrupt::ctrl_c;
use crate::progress::{Losses, Progress};
use crate::render::{count, fields};

/// Refuses what cannot be done, before any work.
pub(crate) fn check(context: &Context, training: &Training) -> Result<()> {
    if training.no_wait && context.backend_kind() == BackendKind::Embedded {
        let problem = "--no-wait needs the `openai` backend: the embedded trainer lives in this \
                       process and ends with it; `attune serve` keeps one running";
        return Err(Usage(problem.to_owned()).into());
    }
    Ok(())
}

/// The settings as the façade wants them.
pub(crate) fn options(training: &Training) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.method = match training.method {
        args::Method::Auto => Method::Auto,
        args::Method::Supervised => Method::Supervised,
        args::Method::Dpo => Method::Dpo,
    };
    options.tuning = tuning(&training.tuning);
    options.pace = pace(&training.pace);
    options.hyperparameters.epochs = training.epochs;
    options.hyperparameters.batch_size = training.batch_size;
    options.hyperparameters.learning_rate_multiplier = training.learning_rate_multiplier;
    options.hyperparameters.beta = training.beta;
    options.suffix = training.suffix.clone();
    options.seed = training.seed;
    options
}

fn tuning(asked: &args::Tuning) -> Tuning {
    if asked.full {
        return Tuning::Full;
    }
    if !asked.lora {
        return Tuning::Auto;
    }
    let mut lora = Lora::default()
        .with_target_modules(asked.lora_modules.iter().cloned())
        .with_rslora(asked.rslora)
        .with_dora(asked.dora);
    lora.rank = asked.lora_rank.unwrap_or(lora.rank);
    lora.alpha = asked.lora_alpha.unwrap_or(lora.alpha);
    lora.dropout = asked.lora_dropout.unwrap_or(lora.dropout);
    Tuning::Lora(lora)
}

fn pace(asked: &args::Pace) -> Pace {
    let mut pace = Pace::default();
    pace.schedule = match asked.schedule {
        None => Schedule::Auto,
        Some(args::Schedule::Cosine) => Schedule::Cosine,
        Some(args::Schedule::Linear) => Schedule::Linear,
        Some(args::Schedule::Constant) => Schedule::Constant,
    };
    pace.warmup_ratio = asked.warmup_ratio;
    pace.early_stopping_patience = asked.patience;
    pace
}

/// Notes a job that was submitted, follows it, and tells what came of it.
pub(crate) async fn see_through(
    context: &Context,
    model: &OpenAiModel,
    submitted: &Submitted,
    training: &Training,
    default_description: &str,
) -> Result<Outcome> {
    let output = context.output;
    let id = &submitted.id;
    let trains_on = trains_on(submitted);
    output.note(format_args!("{id}: training {} on {trains_on}", submitted.base_model));
    // A registry that cannot be written shall not lose a job that is under way.
    let saved = if training.no_save {
        Ok(())
    } else {
        let description = training.description.as_deref().unwrap_or(default_description);
        model.save_job_id(id, description).await.map(drop)
    };
    if training.no_wait {
        saved?;
        let next = format!("`attune jobs watch {id}` follows it");
        output.either(|| submitted_json(submitted), || format!("{id} is submitted; {next}"))?;
        return Ok(Outcome::Done);
    }
    let followed = follow(model.trainer()?, id, OnCtrlC::Cancel).await?;
    saved?;
    conclude(context, submitted, followed)
}

/// What to do with the job when someone presses Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCtrlC {
    /// Cancel it, and wait until it has ended.
    Cancel,
    /// Let it run, and look away.
    LookAway,
}

/// A job that was followed.
pub(crate) struct Followed {
    pub(crate) status: JobStatus,
    pub(crate) losses: Losses,
    pub(crate) interrupted: bool,
}

/// Shows how far a job is until it has ended, or someone presses Ctrl-C.
pub(crate) async fn follow(trainer: &dyn Trainer, id: &JobId, on: OnCtrlC) -> Result<Followed> {
    let mut events = trainer.events(id).await?;
    let mut progress = Progress::new();
    let mut interrupted = false;
    // One listener for the whole time: a press while an event is shown counts too.
    let mut pressed = std::pin::pin!(ctrl_c());
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => progress.event(&event?),
                None => break,
            },
            heard = &mut pressed => {
                heard?;
                pressed.set(ctrl_c());
                // Pressed again, it does not even wait for the cancelling.
                if interrupted || on == OnCtrlC::LookAway {
                    interrupted = true;
                    break;
                }
                interrupted = true;
                trainer.cancel(id).await?;
            }
        }
    }
    let losses = progress.finish();
    Ok(Followed { status: trainer.status(id).await?, losses, interrupted })
}

/// Tells the end of a job that this process trained.
fn conclude(context: &Context, submitted: &Submitted, followed: Followed) -> Result<Outcome> {
    let Followed { status, losses, interrupted } = followed;
    let output = context.output;
    if interrupted {
        if output.is_json() {
            output.json(&json!({"job": status, "model": null, "losses": losses}))?;
        }
        output.note(format_args!("{}: {}", status.id, status.state));
        return Ok(Outcome::Interrupted);
    }
    let model = status.clone().into_model()?;
    let for_programs = || {
        let mut told = submitted_json(submitted);
        told["job"] = json!(status);
        told["model"] = json!(model);
        told["losses"] = json!(losses);
        told
    };
    output.either(for_programs, || {
        fields(&[
            ("model", Some(model.to_string())),
            ("loss", Some(losses.train_course())),
            ("held-out loss", losses.valid.map(|course| course.to_string())),
            ("tokens trained on", status.trained_tokens.map(|tokens| tokens.to_string())),
            ("ask it", Some(format!("attune ask --model {model} \"...\""))),
        ])
    })?;
    Ok(Outcome::Done)
}

/// What a job trains on, in words.
pub(crate) fn trains_on(submitted: &Submitted) -> String {
    let mut parts = Vec::new();
    if submitted.supervised > 0 {
        parts.push(count(submitted.supervised, "good answer"));
    }
    if submitted.preferences > 0 {
        parts.push(count(submitted.preferences, "preference pair"));
    }
    let mut told = parts.join(" and ");
    if !submitted.unpaired.is_empty() {
        let unpaired = count(submitted.unpaired.len(), "bad answer");
        told = format!("{told} ({unpaired} without a good one left out)");
    }
    told
}

fn submitted_json(submitted: &Submitted) -> Value {
    json!({
        "id": submitted.id,
        "base_model": submitted.base_model,
        "supervised": submitted.supervised,
        "preferences": submitted.preferences,
        "unpaired": submitted.unpaired.len(),
    })
}

/// A job's state in one line, for those who only looked.
pub(crate) fn ended(status: &JobStatus) -> String {
    match (&status.fine_tuned_model, &status.error) {
        (Some(model), _) if status.state == JobState::Succeeded => {
            format!("{}: {}, {model}", status.id, status.state)
        }
        (_, Some(error)) => format!("{}: {}, {}", status.id, status.state, error.message),
        _ => format!("{}: {}", status.id, status.state),
    }
}
