//! `/v1/fine_tuning/jobs`: the trainer's jobs, as OpenAI tells them.

mod create;
mod failure;
mod ledger;
mod watches;

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use openai_api::{CreateFineTuningJob, FineTuningCheckpoint, FineTuningEvent, FineTuningJob, Page};
use serde_json::Value;
use trainer::{Hyperparameters, JobId, JobStatus, Method, Trainer};

use crate::app::App;
use crate::exchange::RequestId;
use crate::failure::Failure;
use crate::files::{FileStore, storage_failed};
pub(crate) use crate::fine_tuning::create::create;
use crate::fine_tuning::ledger::Ledger;
use crate::fine_tuning::watches::Watches;
use crate::query::{Id, Limit, Query};

/// A trainer, and what it does not keep: what clients asked for.
pub(crate) struct FineTuning {
    trainer: Arc<dyn Trainer>,
    ledger: Ledger,
    watches: Watches,
}

impl FineTuning {
    pub(crate) fn new(trainer: Arc<dyn Trainer>, files: &FileStore) -> Self {
        let ledger = Ledger::new(files.dir().join("jobs"));
        Self { trainer, ledger, watches: Watches::default() }
    }

    /// A job as OpenAI tells it: how far it is from the trainer, the rest from the request, where
    /// this server took it.
    async fn told(&self, status: JobStatus) -> Result<FineTuningJob, Failure> {
        let request = self.ledger.read(&status.id).await.map_err(storage_failed)?;
        Ok(told(status, request))
    }
}

/// The trainer's jobs. One whose request can no longer be read is told without it, and whoever runs
/// the server is told why.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    query: Query,
) -> Result<Json<Page<FineTuningJob>>, Failure> {
    let fine_tuning = app.fine_tuning()?;
    let jobs = fine_tuning.trainer.jobs().await?;
    let page = query.page(jobs, Limit { default: 20, most: 100 }, |job| job.id.as_str())?;
    let mut jobs = Vec::new();
    for status in page.data {
        let request = fine_tuning.ledger.read(&status.id).await.unwrap_or_else(|error| {
            app.report(request_id.as_str(), &storage_failed(error));
            None
        });
        jobs.push(told(status, request));
    }
    let mut whole = Page::whole(jobs);
    (whole.has_more, whole.extra) = (page.has_more, page.extra);
    Ok(Json(whole))
}

pub(crate) async fn retrieve(
    State(app): State<App>,
    id: Id,
) -> Result<Json<FineTuningJob>, Failure> {
    let fine_tuning = app.fine_tuning()?;
    let status = fine_tuning.trainer.status(&JobId::new(id.as_str())).await?;
    fine_tuning.told(status).await.map(Json)
}

/// Cancels a job; one that has ended stays as it is, and is told as it is.
pub(crate) async fn cancel(State(app): State<App>, id: Id) -> Result<Json<FineTuningJob>, Failure> {
    app.fine_tuning()?.trainer.cancel(&JobId::new(id.as_str())).await?;
    retrieve(State(app), id).await
}

/// Pauses a job; one that is paused or has ended stays as it is, and is told as it is.
pub(crate) async fn pause(State(app): State<App>, id: Id) -> Result<Json<FineTuningJob>, Failure> {
    app.fine_tuning()?.trainer.pause(&JobId::new(id.as_str())).await?;
    retrieve(State(app), id).await
}

/// Goes on with a paused job; any other stays as it is, and is told as it is.
pub(crate) async fn resume(State(app): State<App>, id: Id) -> Result<Json<FineTuningJob>, Failure> {
    app.fine_tuning()?.trainer.resume(&JobId::new(id.as_str())).await?;
    retrieve(State(app), id).await
}

/// What has happened to a job so far, newest first; all of it once the job has ended.
pub(crate) async fn events(
    State(app): State<App>,
    id: Id,
    query: Query,
) -> Result<Json<Page<FineTuningEvent>>, Failure> {
    let fine_tuning = app.fine_tuning()?;
    let status = fine_tuning.trainer.status(&JobId::new(id.as_str())).await?;
    let mut events = fine_tuning.watches.events(&fine_tuning.trainer, &status).await?;
    events.reverse();
    let limit = Limit { default: 20, most: 1000 };
    query.page(events, limit, |event| event.id.as_str()).map(Json)
}

/// No trainer tells its checkpoints, so a job that is there has none.
pub(crate) async fn checkpoints(
    State(app): State<App>,
    id: Id,
    query: Query,
) -> Result<Json<Page<FineTuningCheckpoint>>, Failure> {
    app.fine_tuning()?.trainer.status(&JobId::new(id.as_str())).await?;
    let none: Vec<FineTuningCheckpoint> = Vec::new();
    query.page(none, Limit { default: 10, most: 100 }, |entry| entry.id.as_str()).map(Json)
}

fn told(status: JobStatus, request: Option<CreateFineTuningJob>) -> FineTuningJob {
    let mut settings = status.hyperparameters.clone();
    let mut job = FineTuningJob::from(status);
    let mut add = |name: &str, value| {
        job.extra.entry(name).or_insert(value);
    };
    add("organization_id", "".into());
    add("integrations", Value::Array(Vec::new()));
    add("estimated_finish", Value::Null);
    let Some(request) = request else { return job };
    add("user_provided_suffix", request.suffix.clone().into());
    add("metadata", Value::Null);
    job.metadata.clone_from(&request.metadata);
    let asked = Hyperparameters::from_request(&request);
    settings.epochs = settings.epochs.or(asked.epochs);
    settings.batch_size = settings.batch_size.or(asked.batch_size);
    settings.learning_rate_multiplier =
        settings.learning_rate_multiplier.or(asked.learning_rate_multiplier);
    settings.beta = settings.beta.or(asked.beta);
    job.method = Method::from_request(&request).ok().and_then(|m| m.to_wire(settings.clone()));
    job.hyperparameters = Some(settings.into());
    job.seed = job.seed.or(request.seed);
    job.training_file = Some(request.training_file);
    job.validation_file = request.validation_file;
    job
}
