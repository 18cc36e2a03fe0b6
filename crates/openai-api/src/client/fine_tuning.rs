//! `/fine_tuning/jobs`.

use reqwest::Method;

use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::List;
use crate::fine_tuning::{
    CreateFineTuningJob, FineTuningCheckpoint, FineTuningEvent, FineTuningJob,
};

impl Client {
    /// Creates a fine-tuning job.
    pub fn create_fine_tuning_job(&self, job: CreateFineTuningJob) -> Call<FineTuningJob> {
        self.call(Method::POST, JOBS, JOB).json(&job)
    }

    /// Tells how far a job is.
    pub fn fine_tuning_job(&self, id: &str) -> Call<FineTuningJob> {
        self.call(Method::GET, &["fine_tuning", "jobs", id], JOB)
    }

    /// Lists the jobs, newest first.
    pub fn fine_tuning_jobs(&self) -> List<FineTuningJob> {
        self.list(JOBS, "list of fine-tuning jobs")
    }

    /// Lists what happened to a job, newest first.
    pub fn fine_tuning_events(&self, id: &str) -> List<FineTuningEvent> {
        self.list(&["fine_tuning", "jobs", id, "events"], "list of fine-tuning events")
    }

    /// Lists a job's checkpoints, newest first.
    pub fn fine_tuning_checkpoints(&self, id: &str) -> List<FineTuningCheckpoint> {
        self.list(&["fine_tuning", "jobs", id, "checkpoints"], "list of fine-tuning checkpoints")
    }

    /// Cancels a job and tells how far it came.
    pub fn cancel_fine_tuning_job(&self, id: &str) -> Call<FineTuningJob> {
        self.call(Method::POST, &["fine_tuning", "jobs", id, "cancel"], JOB)
    }
}

const JOBS: &[&str] = &["fine_tuning", "jobs"];
const JOB: &str = "fine-tuning job";
