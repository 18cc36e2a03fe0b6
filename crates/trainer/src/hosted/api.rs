//! What is asked of a server, so that the rest can be tested without one.

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;
use openai_api::{
    Client, CreateFineTuningJob, Entry, FileId, FilePurpose, FineTuningEvent, FineTuningJob, List,
    Page, Result,
};

/// The calls of the files and fine-tuning API that a trainer makes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub(crate) trait Api: Debug + Send + Sync + 'static {
    /// Uploads a file to train on.
    async fn upload(&self, path: &Path) -> Result<FileId>;
    /// Deletes an uploaded file.
    async fn delete_file(&self, id: &FileId) -> Result<()>;
    /// Creates a job.
    async fn create(&self, job: CreateFineTuningJob) -> Result<FineTuningJob>;
    /// Tells one job.
    async fn job(&self, id: &str) -> Result<FineTuningJob>;
    /// Tells a page of jobs, newest first.
    async fn jobs(&self, after: Option<String>) -> Result<Page<FineTuningJob>>;
    /// Tells a page of a job's events, newest first.
    async fn events(&self, id: &str, after: Option<String>) -> Result<Page<FineTuningEvent>>;
    /// Cancels a job.
    async fn cancel(&self, id: &str) -> Result<()>;
    async fn pause(&self, id: &str) -> Result<()>;
    async fn resume(&self, id: &str) -> Result<()>;
}

#[async_trait]
impl Api for Client {
    async fn upload(&self, path: &Path) -> Result<FileId> {
        Ok(self.upload_file(path, FilePurpose::FineTune).await?.id)
    }

    async fn delete_file(&self, id: &FileId) -> Result<()> {
        self.delete_file(id).await.map(drop)
    }

    async fn create(&self, job: CreateFineTuningJob) -> Result<FineTuningJob> {
        self.create_fine_tuning_job(job).await
    }

    async fn job(&self, id: &str) -> Result<FineTuningJob> {
        self.fine_tuning_job(id).await
    }

    async fn jobs(&self, after: Option<String>) -> Result<Page<FineTuningJob>> {
        page(self.fine_tuning_jobs(), after).await
    }

    async fn events(&self, id: &str, after: Option<String>) -> Result<Page<FineTuningEvent>> {
        page(self.fine_tuning_events(id), after).await
    }

    async fn cancel(&self, id: &str) -> Result<()> {
        self.cancel_fine_tuning_job(id).await.map(drop)
    }

    async fn pause(&self, id: &str) -> Result<()> {
        self.pause_fine_tuning_job(id).await.map(drop)
    }

    async fn resume(&self, id: &str) -> Result<()> {
        self.resume_fine_tuning_job(id).await.map(drop)
    }
}

async fn page<T: Entry>(list: List<T>, after: Option<String>) -> Result<Page<T>> {
    let list = list.limit(PAGE);
    match after {
        Some(after) => list.after(after).await,
        None => list.await,
    }
}

/// As many entries as OpenAI gives at once.
const PAGE: u32 = 100;
