//! Jobs on any server with OpenAI's fine-tuning API.

mod api;
mod poll;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use openai_api::{ApiError, Client, CreateFineTuningJob, FileId, Page};
use tempfile::NamedTempFile;

use crate::dataset::{Dataset, Example, TrainingSet};
use crate::error::{Error, Result};
use crate::hosted::api::Api;
use crate::hosted::poll::{Pace, Poll};
use crate::job::{EventLevel, JobId, JobState, JobStatus, Method, TrainingEvent, TrainingJob};
use crate::trainer::{EventStream, Trainer};
use crate::tuning::Tuning;

/// Trains on a server with OpenAI's fine-tuning API: OpenAI's own, or one's own.
///
/// A job's examples are written to a temporary file and uploaded. If the server refuses the job,
/// with a status from 400 to 499, they are deleted from it again; after any other failure the job
/// may be there and need them, so they stay. A submitted job is the server's: it runs on without this handle, and a
/// new handle finds it by its id.
///
/// The API does one thing per job. With [`Method::Auto`] a set that has supervised examples is
/// trained on those, and its preferences wait for a job of their own with [`Method::Dpo`]; the
/// first event of such a job is a warning that says so, as long as it is asked of this handle.
/// Preferences alone are trained on as such.
///
/// Validation examples are measured where they are good; in a preference job, where a prompt has
/// a good and a bad one.
///
/// # Examples
///
/// ```no_run
/// use openai_api::Client;
/// use trainer::{Dataset, HostedTrainer, Label, TrainerExt, TrainingJob};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let trainer = HostedTrainer::new(Client::from_env()?);
/// let set = Dataset::from_csv_file("training_data.csv", Label::Positive)?.curate();
/// let model = trainer.train(TrainingJob::new("gpt-4.1-mini-2025-04-14", set)).await?;
/// println!("{model}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HostedTrainer {
    api: Arc<dyn Api>,
    pace: Pace,
    warnings: Arc<Mutex<HashMap<JobId, TrainingEvent>>>,
}

impl HostedTrainer {
    /// Trains where `client` leads.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::over(Arc::new(client))
    }

    fn over(api: Arc<dyn Api>) -> Self {
        Self { api, pace: Pace::default(), warnings: Arc::default() }
    }

    /// Sets how long to wait before asking for events again: 2 seconds by default.
    ///
    /// While nothing happens the interval grows to five times that; when something does, it
    /// starts again.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.pace = Pace::new(interval);
        self
    }

    /// Uploads the files of a job, all or none.
    async fn upload(&self, files: &Files) -> Result<Uploaded> {
        let training = self.api.upload(files.training.path()).await?;
        let Some(file) = &files.validation else {
            return Ok(Uploaded { training, validation: None });
        };
        match self.api.upload(file.path()).await {
            Ok(validation) => Ok(Uploaded { training, validation: Some(validation) }),
            Err(error) => {
                self.delete(&Uploaded { training, validation: None }).await;
                Err(error.into())
            }
        }
    }

    async fn create(
        &self,
        job: &TrainingJob,
        plan: Plan,
        uploaded: &Uploaded,
    ) -> openai_api::Result<JobStatus> {
        let mut request =
            CreateFineTuningJob::new(job.base_model.clone(), uploaded.training.clone());
        request.validation_file.clone_from(&uploaded.validation);
        request.method = plan.method.to_wire(job.hyperparameters.clone());
        request.suffix.clone_from(&job.suffix);
        request.seed = plan.seed;
        self.api.create(request).await.map(JobStatus::from)
    }

    /// Deletes uploaded files; one that stays does no harm.
    async fn delete(&self, uploaded: &Uploaded) {
        for file in [Some(&uploaded.training), uploaded.validation.as_ref()].into_iter().flatten() {
            let _ = self.api.delete_file(file).await;
        }
    }

    fn warn(&self, status: &JobStatus, job: &TrainingJob, plan: Plan) {
        let left_out = job.training.preferences.len();
        if plan.method == Method::Supervised && job.method == Method::Auto && left_out > 0 {
            let message = format!(
                "{left_out} preferences are not part of this job: the API trains on answers or on \
                 preferences; submit them in a job with the method dpo on the new model"
            );
            let warning = TrainingEvent::new("preferences-left-out", status.created_at, message)
                .with_level(EventLevel::Warn);
            let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            warnings.insert(status.id.clone(), warning);
        }
    }
}

impl HostedTrainer {
    /// What came of a change to a job. Servers refuse one to what is so already; for us, nothing
    /// happens then.
    async fn unless_already(
        &self,
        id: &JobId,
        done: openai_api::Result<()>,
        already: impl Fn(JobState) -> bool + Send,
    ) -> Result<()> {
        let Err(error) = done else { return Ok(()) };
        let refused = refusal(&error).is_some();
        match of_job(id, error) {
            error if refused && !matches!(error, Error::JobNotFound(_)) => {
                if already(self.status(id).await?.state) { Ok(()) } else { Err(error) }
            }
            error => Err(error),
        }
    }
}

/// What the server says, if it has refused what it was asked for.
fn refusal(error: &openai_api::Error) -> Option<&ApiError> {
    error.as_api().filter(|api| (400..500).contains(&api.status))
}

/// The server's words, if it was the model that it refused.
fn refused_model(error: &openai_api::Error) -> Option<String> {
    let api = refusal(error)?;
    let by_code = matches!(api.code.as_deref(), Some("model_not_available" | "model_not_found"));
    let of_model = api.param.as_deref() == Some("model") && !api.is_retryable();
    (by_code || of_model).then(|| api.message.clone())
}

#[async_trait]
impl Trainer for HostedTrainer {
    /// Submits a job: writes its files, uploads them, creates it.
    ///
    /// Dropping the future may leave uploaded files, or a job, on the server; so may a failure
    /// that is no refusal, such as a time-out: [`jobs`](Trainer::jobs) tells whether the job is
    /// there.
    async fn submit(&self, job: TrainingJob) -> Result<JobId> {
        job.check()?;
        job.check_data()?;
        let plan = Plan::of(&job)?;
        let (job, files) = off_thread(move || {
            let files = plan.write(&job).map_err(|source| Error::Io {
                action: "write",
                path: std::env::temp_dir(),
                source,
            })?;
            Ok((job, files))
        })
        .await?;

        let uploaded = self.upload(&files).await?;
        let error = match self.create(&job, plan, &uploaded).await {
            Ok(status) => {
                self.warn(&status, &job, plan);
                return Ok(status.id);
            }
            Err(error) => error,
        };
        // After a time-out, say, the job may be there, and its files in use.
        if refusal(&error).is_some() {
            self.delete(&uploaded).await;
        }
        if let (Some(api), Some(hint)) = (error.as_api(), error.hint()) {
            return Err(Error::FineTuningClosed { reason: api.message.clone(), hint });
        }
        Err(match refused_model(&error) {
            Some(reason) => Error::UntrainableModel { model: job.base_model.to_string(), reason },
            None => error.into(),
        })
    }

    async fn status(&self, id: &JobId) -> Result<JobStatus> {
        let job = self.api.job(id.as_str()).await.map_err(|error| of_job(id, error))?;
        Ok(job.into())
    }

    async fn jobs(&self) -> Result<Vec<JobStatus>> {
        let mut jobs: Vec<JobStatus> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let Page { data, has_more, .. } = self.api.jobs(after.clone()).await?;
            jobs.extend(data.into_iter().map(JobStatus::from));
            let last = jobs.last().map(|job| job.id.to_string());
            // A server that does not go on from `after` must not keep us for ever.
            if !has_more || last == after {
                break;
            }
            after = last;
        }
        jobs.sort_by_key(|job| Reverse(job.created_at));
        Ok(jobs)
    }

    /// Tells what happens to a job by asking again and again; waits longer while nothing happens.
    ///
    /// A failure that can pass is waited out up to five times in a row, each time as long as the
    /// server asks for; then it, any other failure, or one after which the server asks for more
    /// than 60 seconds, is the last item.
    async fn events(&self, id: &JobId) -> Result<EventStream> {
        let state = self.status(id).await?.state;
        let warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = warnings.get(id).cloned();
        drop(warnings);
        Ok(Poll::new(Arc::clone(&self.api), id.clone(), self.pace, state, warning).into_stream())
    }

    async fn cancel(&self, id: &JobId) -> Result<()> {
        let done = self.api.cancel(id.as_str()).await;
        self.unless_already(id, done, JobState::is_terminal).await
    }

    async fn pause(&self, id: &JobId) -> Result<()> {
        let done = self.api.pause(id.as_str()).await;
        let already = |state: JobState| state.is_terminal() || state == JobState::Paused;
        self.unless_already(id, done, already).await
    }

    async fn resume(&self, id: &JobId) -> Result<()> {
        let done = self.api.resume(id.as_str()).await;
        self.unless_already(id, done, |state| state != JobState::Paused).await
    }
}

/// The failure of a call about a job.
fn of_job(id: &JobId, error: openai_api::Error) -> Error {
    match error.as_api() {
        Some(api) if api.status == 404 => Error::JobNotFound(id.clone()),
        _ => error.into(),
    }
}

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
struct Plan {
    method: Method,
    seed: Option<i64>,
}

impl Plan {
    fn of(job: &TrainingJob) -> Result<Self> {
        let is_chosen =
            [("tuning", job.tuning != Tuning::Auto), ("pace", job.pace != crate::Pace::default())];
        if let Some((field, _)) = is_chosen.into_iter().find(|(_, is_chosen)| *is_chosen) {
            let problem = "is the service's own choice; leave it out";
            return Err(Error::invalid_job(field, problem));
        }
        let method = match job.method {
            Method::Auto if job.training.supervised.is_empty() => Method::Dpo,
            Method::Auto => Method::Supervised,
            method => method,
        };
        let seed = job.seed.map(i64::try_from).transpose().map_err(|_| {
            Error::invalid_job("seed", format!("must be at most {} for this API", i64::MAX))
        })?;
        let plan = Self { method, seed };
        if !job.validation.is_empty() && plan.validation(&job.validation).is_empty() {
            let problem = match method {
                Method::Dpo => "a preference job needs a prompt with a good and a bad answer",
                _ => "all answers are negative; leave them out or add a good one",
            };
            return Err(Error::invalid_job("validation", problem));
        }
        Ok(plan)
    }

    /// The validation examples that the method can measure.
    fn validation(self, examples: &[Example]) -> TrainingSet {
        let mut set = Dataset::new(examples.to_vec()).curate();
        match self.method {
            Method::Dpo => set.supervised.clear(),
            _ => set.preferences.clear(),
        }
        set
    }

    fn write(self, job: &TrainingJob) -> io::Result<Files> {
        let training = self.write_set("training-", &job.training)?;
        let measured = (!job.validation.is_empty()).then(|| self.validation(&job.validation));
        let validation = measured.map(|set| self.write_set("validation-", &set)).transpose()?;
        Ok(Files { training, validation })
    }

    fn write_set(self, name: &str, set: &TrainingSet) -> io::Result<NamedTempFile> {
        let mut file = tempfile::Builder::new().prefix(name).suffix(".jsonl").tempfile()?;
        let mut out = io::BufWriter::new(&mut file);
        match self.method {
            Method::Dpo => set.write_preferences_jsonl(&mut out)?,
            _ => set.write_supervised_jsonl(&mut out)?,
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(file)
    }
}

/// The files of a job; they vanish when they are dropped.
#[derive(Debug)]
struct Files {
    training: NamedTempFile,
    validation: Option<NamedTempFile>,
}

/// The same files on the server.
#[derive(Debug)]
struct Uploaded {
    training: FileId,
    validation: Option<FileId>,
}

/// Does what blocks on the disk where it may.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| {
        Err(Error::Trainer { trainer: "hosted", source: Box::new(stopped) })
    })
}

#[cfg(test)]
mod tests;
