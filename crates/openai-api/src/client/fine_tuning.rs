//! `/fine_tuning/jobs`.

use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Result;
use crate::fine_tuning::{
    CreateFineTuningJob, FineTuningCheckpoint, FineTuningEvent, FineTuningJob,
};
use crate::page::Page;

impl Client {
    /// Creates a fine-tuning job.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) if the server refuses the model, the file or a setting.
    pub async fn create_fine_tuning_job(&self, job: CreateFineTuningJob) -> Result<FineTuningJob> {
        self.post(JOBS)?.json(&job)?.read(JOB).await
    }

    /// Tells how far a job is.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not know the job.
    pub async fn fine_tuning_job(&self, id: &str) -> Result<FineTuningJob> {
        self.get(&["fine_tuning", "jobs", id])?.read(JOB).await
    }

    /// Lists jobs, newest first: at most `limit` (the server's default is 20) that come `after` a
    /// job's id.
    ///
    /// # Errors
    ///
    /// Whatever keeps the server from telling.
    pub async fn fine_tuning_jobs(
        &self,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<FineTuningJob>> {
        self.page(JOBS, after, limit, "list of fine-tuning jobs").await
    }

    /// Lists what happened to a job, newest first: at most `limit` events that come `after` an
    /// event's id.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not know the job.
    pub async fn fine_tuning_events(
        &self,
        id: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<FineTuningEvent>> {
        let path = &["fine_tuning", "jobs", id, "events"];
        self.page(path, after, limit, "list of fine-tuning events").await
    }

    /// Lists a job's checkpoints, newest first: at most `limit` that come `after` a checkpoint's
    /// id.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not know the job.
    pub async fn fine_tuning_checkpoints(
        &self,
        id: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<FineTuningCheckpoint>> {
        let path = &["fine_tuning", "jobs", id, "checkpoints"];
        self.page(path, after, limit, "list of fine-tuning checkpoints").await
    }

    /// Cancels a job and tells how far it came.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) if the server does not know the job or it has ended.
    pub async fn cancel_fine_tuning_job(&self, id: &str) -> Result<FineTuningJob> {
        self.post(&["fine_tuning", "jobs", id, "cancel"])?.read(JOB).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        after: Option<&str>,
        limit: Option<u32>,
        what: &'static str,
    ) -> Result<Page<T>> {
        self.get(path)?.query("after", after).query("limit", limit).read_page(what).await
    }
}

const JOBS: &[&str] = &["fine_tuning", "jobs"];
const JOB: &str = "fine-tuning job";
