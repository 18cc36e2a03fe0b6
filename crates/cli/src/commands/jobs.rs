//! `attune jobs`: training jobs, whoever submitted them.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Value, json};
use trainer::{JobId, JobState, JobStatus, Trainer};

use crate::Outcome;
use crate::args::Jobs;
use crate::commands::training::{self, Followed, OnCtrlC};
use crate::context::Context;
use crate::render::{Columns, fields, or_dash, time};

pub(crate) async fn run(context: &Context, command: Jobs) -> Result<Outcome> {
    match command {
        Jobs::List => list(context).await,
        Jobs::Show { id } => show(context, &id.into()).await,
        Jobs::Watch { id } => watch(context, &id.into()).await,
        Jobs::Pause { id } => pause(context, &id.into()).await,
        Jobs::Resume { id } => resume(context, &id.into()).await,
        Jobs::Cancel { id } => cancel(context, &id.into()).await,
    }
}

async fn list(context: &Context) -> Result<Outcome> {
    let trainer = context.trainer()?;
    let listed = async { Ok(trainer.jobs().await?) };
    let jobs = context.in_time(listed).await?;
    let descriptions = descriptions(context)?;
    let described = |job: &JobStatus| descriptions.get(&job.id).cloned();
    context.output.either(
        || jobs.iter().map(|job| for_programs(job, described(job))).collect::<Vec<_>>(),
        || {
            let headings = ["JOB", "STATE", "CREATED", "BASE", "MODEL", "DESCRIPTION"];
            let mut table = Columns::new(&headings);
            for job in &jobs {
                table.row([
                    job.id.to_string(),
                    job.state.to_string(),
                    time::show_unix(job.created_at),
                    job.base_model.to_string(),
                    or_dash(job.fine_tuned_model.as_ref()),
                    or_dash(described(job)),
                ]);
            }
            table.to_string()
        },
    )?;
    Ok(Outcome::Done)
}

async fn show(context: &Context, id: &JobId) -> Result<Outcome> {
    let trainer = context.trainer()?;
    let job = context.in_time(async { Ok(trainer.status(id).await?) }).await?;
    let description = descriptions(context)?.remove(id);
    let for_people = || shown(&job, description.clone());
    context.output.either(|| for_programs(&job, description.clone()), for_people)?;
    Ok(Outcome::Done)
}

async fn watch(context: &Context, id: &JobId) -> Result<Outcome> {
    let trainer = context.trainer()?;
    follow(context, &*trainer, id).await
}

async fn follow(context: &Context, trainer: &dyn Trainer, id: &JobId) -> Result<Outcome> {
    let Followed { status, losses, interrupted } =
        training::follow(trainer, id, OnCtrlC::LookAway).await?;
    context
        .output
        .either(|| json!({"job": status, "losses": losses}), || training::ended(&status))?;
    Ok(match status.state {
        _ if interrupted => Outcome::Interrupted,
        JobState::Succeeded => Outcome::Done,
        _ => Outcome::Failed,
    })
}

async fn pause(context: &Context, id: &JobId) -> Result<Outcome> {
    let trainer = context.trainer()?;
    trainer.pause(id).await?;
    let job = trainer.status(id).await?;
    context.output.either(|| for_programs(&job, None), || format!("{id}: {}", job.state))?;
    Ok(Outcome::Done)
}

/// The embedded trainer lives in this process, so the job is followed to its end.
async fn resume(context: &Context, id: &JobId) -> Result<Outcome> {
    let trainer = context.trainer()?;
    trainer.resume(id).await?;
    follow(context, &*trainer, id).await
}

async fn cancel(context: &Context, id: &JobId) -> Result<Outcome> {
    let trainer = context.trainer()?;
    trainer.cancel(id).await?;
    let job = trainer.status(id).await?;
    context.output.either(|| for_programs(&job, None), || training::ended(&job))?;
    Ok(Outcome::Done)
}

/// What was noted of jobs; the latest word counts.
fn descriptions(context: &Context) -> Result<HashMap<JobId, String>> {
    let records = context.job_registry()?.list()?;
    Ok(records.into_iter().map(|record| (record.id, record.description)).collect())
}

fn for_programs(job: &JobStatus, description: Option<String>) -> Value {
    let mut told = json!(job);
    told["description"] = json!(description);
    told
}

fn shown(job: &JobStatus, description: Option<String>) -> String {
    let settings = &job.hyperparameters;
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    fields(&[
        ("job", Some(job.id.to_string())),
        ("description", description),
        ("state", Some(job.state.to_string())),
        ("error", job.error.as_ref().map(|error| format!("{}: {}", error.code, error.message))),
        ("base model", Some(job.base_model.to_string())),
        ("model", job.fine_tuned_model.as_ref().map(ToString::to_string)),
        ("created", Some(time::show_unix(job.created_at))),
        ("finished", job.finished_at.map(time::show_unix)),
        ("tokens trained on", job.trained_tokens.map(|tokens| tokens.to_string())),
        ("epochs", number(settings.epochs)),
        ("batch size", number(settings.batch_size)),
        ("learning rate factor", settings.learning_rate_multiplier.map(|it| it.to_string())),
        ("beta", settings.beta.map(|it| it.to_string())),
        ("seed", job.seed.map(|seed| seed.to_string())),
    ])
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use trainer::JobError;

    use super::*;

    #[test]
    fn a_job_is_shown_with_what_is_known_of_it() {
        let mut job = JobStatus::new("ftjob-1", "attune-tiny", JobState::Failed);
        job.hyperparameters.epochs = Some(20);
        job.error = Some(JobError::new("interrupted", "the process ended; train again"));
        expect![[r#"
            job          ftjob-1
            description  the lake
            state        failed
            error        interrupted: the process ended; train again
            base model   attune-tiny
            created      -
            epochs       20"#]]
        .assert_eq(&shown(&job, Some("the lake".into())));
    }
}
