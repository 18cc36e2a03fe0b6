//! From a request with the ids of files to a job with examples.

use axum::Json;
use axum::extract::State;
use openai_api::{CreateFineTuningJob, FileId, FilePurpose, FineTuningJob};
use serde::de::DeserializeOwned;
use trainer::{Dataset, Error, Hyperparameters, JobStatus, Method, TrainingJob};

use crate::app::App;
use crate::body::JsonBody;
use crate::failure::Failure;
use crate::files::storage_failed;
use crate::fine_tuning::failure::bad_data;

pub(crate) async fn create(
    State(app): State<App>,
    JsonBody(request): JsonBody<CreateFineTuningJob>,
) -> Result<Json<FineTuningJob>, Failure> {
    app.fine_tuning()?;
    let job = read(&app, &request).await?;
    job.check()?;
    // A client that goes away meanwhile must not leave a job of which nobody knows the files.
    let submitted = tokio::spawn(async move {
        let status = submit(&app, job, &request).await?;
        app.fine_tuning()?.told(status).await
    });
    let submitted = submitted
        .await
        .map_err(|error| Failure::internal("the job could not be submitted", error))?;
    submitted.map(Json)
}

async fn submit(
    app: &App,
    job: TrainingJob,
    request: &CreateFineTuningJob,
) -> Result<JobStatus, Failure> {
    let fine_tuning = app.fine_tuning()?;
    let id = fine_tuning.trainer.submit(job).await?;
    if let Err(error) = fine_tuning.ledger.write(&id, request).await {
        fine_tuning.trainer.cancel(&id).await?;
        return Err(storage_failed(error));
    }
    fine_tuning.watches.begin(&fine_tuning.trainer, &id);
    Ok(fine_tuning.trainer.status(&id).await?)
}

async fn read(app: &App, request: &CreateFineTuningJob) -> Result<TrainingJob, Failure> {
    let method = Method::from_request(request)?;
    let training = read_file(app, &request.training_file, "training_file", Ok).await?;
    let mut job = TrainingJob::new(request.model.clone(), training.curate())
        .with_method(method)
        .with_hyperparameters(Hyperparameters::from_request(request));
    if let Some(file) = &request.validation_file {
        let examples = read_file(app, file, "validation_file", Dataset::into_validation).await?;
        job = job.with_validation(examples);
    }
    if let Some(tuning) = extension(request, "tuning")? {
        job = job.with_tuning(tuning);
    }
    if let Some(pace) = extension(request, "pace")? {
        job = job.with_pace(pace);
    }
    job.suffix.clone_from(&request.suffix);
    // The wire knows signed seeds; all that counts is that equal ones stay equal.
    job.seed = request.seed.map(i64::cast_unsigned);
    Ok(job)
}

/// A field that `OpenAI`'s API does not have: what of the model is trained, or how fast.
fn extension<T: DeserializeOwned>(
    request: &CreateFineTuningJob,
    name: &'static str,
) -> Result<Option<T>, Failure> {
    let value = request.extra.get(name).filter(|value| !value.is_null());
    let Some(value) = value else { return Ok(None) };
    T::deserialize(value)
        .map(Some)
        .map_err(|error| Failure::invalid(name, format!("cannot be read: {error}")))
}

/// What `make` makes of the examples in an uploaded file.
async fn read_file<T: Send + 'static>(
    app: &App,
    id: &FileId,
    param: &'static str,
    make: impl FnOnce(Dataset) -> trainer::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let unknown = || {
        let message = "no file has this id; upload it first, with the purpose fine-tune";
        Failure::invalid(param, message).with_code("invalid_file_id")
    };
    let files = app.files()?;
    let file = files.get(id.as_str()).await.map_err(storage_failed)?.ok_or_else(unknown)?;
    if file.purpose != Some(FilePurpose::FineTune) {
        let message = "the file was uploaded for another purpose; upload it as fine-tune";
        return Err(Failure::invalid(param, message).with_code("invalid_file_purpose"));
    }
    let path = files.content_path(id.as_str()).ok_or_else(unknown)?;
    let read = tokio::task::spawn_blocking(move || make(Dataset::from_jsonl_file(path)?)).await;
    let read = read.map_err(|error| Failure::internal("the file could not be read", error))?;
    read.map_err(|error| match error {
        Error::InvalidData(problems) => bad_data(param, &file.filename, problems),
        other => other.into(),
    })
}
