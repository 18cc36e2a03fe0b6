//! `/fine_tuning`: jobs, permissions on checkpoints, graders; and the deletion of what was tuned.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::client::call::Call;
use crate::client::json;
use crate::client::list::List;
use crate::fine_tuning::{
    CheckpointPermission, CheckpointPermissionDeleted, CreateFineTuningJob, FineTuningCheckpoint,
    FineTuningDialect, FineTuningEvent, FineTuningJob, GraderRun, GraderValidated, ModelDeleted,
};
use crate::model::ModelId;
use crate::page::Page;

impl Client {
    /// Creates a fine-tuning job.
    ///
    /// Unless the job [names a dialect](CreateFineTuningJob::with_dialect), it is told to
    /// `mistral.ai` in Mistral's and to everyone else in OpenAI's.
    ///
    /// # Errors
    ///
    /// [`Error::is_fine_tuning_closed`](crate::Error::is_fine_tuning_closed) if the server trains
    /// no more.
    pub fn create_fine_tuning_job(&self, job: CreateFineTuningJob) -> Call<FineTuningJob> {
        let own = if self.inner.is_mistral {
            FineTuningDialect::Mistral
        } else {
            FineTuningDialect::OpenAi
        };
        let body = match job.dialect.unwrap_or(own) {
            FineTuningDialect::OpenAi => json::body(&job),
            dialect => job.to_body(dialect).and_then(|body| json::body(&body)),
        };
        self.call(Method::POST, JOBS, JOB).with_json(body)
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
        self.on_job(id, "cancel")
    }

    /// Pauses a job.
    pub fn pause_fine_tuning_job(&self, id: &str) -> Call<FineTuningJob> {
        self.on_job(id, "pause")
    }

    /// Goes on with a paused job.
    pub fn resume_fine_tuning_job(&self, id: &str) -> Call<FineTuningJob> {
        self.on_job(id, "resume")
    }

    /// Starts a job that was created not to start by itself; Mistral's servers have such.
    pub fn start_fine_tuning_job(&self, id: &str) -> Call<FineTuningJob> {
        self.on_job(id, "start")
    }

    fn on_job(&self, id: &str, action: &str) -> Call<FineTuningJob> {
        self.call(Method::POST, &["fine_tuning", "jobs", id, action], JOB)
    }

    /// Deletes a model that was fine-tuned.
    pub fn delete_model(&self, id: &ModelId) -> Call<ModelDeleted> {
        self.call(Method::DELETE, &["models", id.as_str()], "deletion").or_silence()
    }

    /// Lets projects use a checkpoint; it takes an admin key.
    pub fn permit_checkpoint(
        &self,
        checkpoint: &ModelId,
        projects: &[&str],
    ) -> Call<Page<CheckpointPermission>> {
        self.call(Method::POST, &permissions(checkpoint), "list of permissions")
            .json(&json!({"project_ids": projects}))
    }

    /// Lists the projects that may use a checkpoint; it takes an admin key.
    pub fn checkpoint_permissions(&self, checkpoint: &ModelId) -> List<CheckpointPermission> {
        self.list(&permissions(checkpoint), "list of permissions")
    }

    /// Takes a permission back; it takes an admin key.
    pub fn delete_checkpoint_permission(
        &self,
        checkpoint: &ModelId,
        permission: &str,
    ) -> Call<CheckpointPermissionDeleted> {
        let [fine_tuning, checkpoints, checkpoint, permissions] = permissions(checkpoint);
        let path = [fine_tuning, checkpoints, checkpoint, permissions, permission];
        self.call(Method::DELETE, &path, "deletion").or_silence()
    }

    /// Has a grader give a mark to an answer; `item` is the example that the answer is for.
    pub fn run_grader(
        &self,
        grader: &Value,
        answer: &str,
        item: Option<&Value>,
    ) -> Call<GraderRun> {
        let mut body = json!({"grader": grader, "model_sample": answer});
        if let Some(item) = item {
            body["item"] = item.clone();
        }
        self.call(Method::POST, &["fine_tuning", "alpha", "graders", "run"], "grader's mark")
            .json(&body)
    }

    /// Asks whether a grader can be used.
    pub fn validate_grader(&self, grader: &Value) -> Call<GraderValidated> {
        self.call(Method::POST, &["fine_tuning", "alpha", "graders", "validate"], "grader")
            .json(&json!({"grader": grader}))
    }
}

fn permissions(checkpoint: &ModelId) -> [&str; 4] {
    ["fine_tuning", "checkpoints", checkpoint.as_str(), "permissions"]
}

const JOBS: &[&str] = &["fine_tuning", "jobs"];
const JOB: &str = "fine-tuning job";
