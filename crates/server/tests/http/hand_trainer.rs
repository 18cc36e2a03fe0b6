//! A trainer that does what the test says, when it says so.

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream;
use tokio::sync::watch;
use trainer::{
    Error, EventStream, JobError, JobId, JobState, JobStatus, Result, Trainer, TrainingEvent,
    TrainingJob,
};

#[derive(Debug, Default)]
pub(crate) struct HandTrainer {
    jobs: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    job: TrainingJob,
    state: watch::Sender<State>,
}

#[derive(Debug)]
struct State {
    status: JobStatus,
    events: Vec<TrainingEvent>,
}

impl HandTrainer {
    /// The job that was submitted as the `nth`, from 0.
    pub(crate) fn job(&self, nth: usize) -> TrainingJob {
        self.jobs.lock().unwrap()[nth].job.clone()
    }

    pub(crate) fn event(&self, nth: usize, event: TrainingEvent) {
        self.jobs.lock().unwrap()[nth].state.send_modify(|state| state.events.push(event));
    }

    pub(crate) fn end(&self, nth: usize, ended: JobState) {
        self.jobs.lock().unwrap()[nth].state.send_modify(|state| {
            state.status.state = ended;
            state.status.finished_at = Some(9);
            match ended {
                JobState::Succeeded => {
                    state.status.fine_tuned_model = Some("ft:echo:lake:1".into());
                }
                _ => state.status.error = Some(JobError::new("stopped", "it was stopped")),
            }
        });
    }

    /// Moves a job from one state to another, if it is in that.
    fn turn(&self, id: &JobId, from: JobState, to: JobState) -> Result<()> {
        self.find(id, |entry| {
            entry.state.send_if_modified(|state| {
                let is_there = state.status.state == from;
                if is_there {
                    state.status.state = to;
                }
                is_there
            });
        })
    }

    fn find<T>(&self, id: &JobId, look: impl FnOnce(&Entry) -> T) -> Result<T> {
        let jobs = self.jobs.lock().unwrap();
        let entry = jobs.iter().find(|entry| entry.state.borrow().status.id == *id);
        entry.map(look).ok_or_else(|| Error::JobNotFound(id.clone()))
    }
}

#[async_trait]
impl Trainer for HandTrainer {
    async fn submit(&self, job: TrainingJob) -> Result<JobId> {
        job.check()?;
        if job.base_model != "echo" {
            let reason = "only echo can be trained".into();
            return Err(Error::UntrainableModel { model: job.base_model.to_string(), reason });
        }
        let mut jobs = self.jobs.lock().unwrap();
        // A form of id that is no file name.
        let id = JobId::new(format!("job:{}", jobs.len()));
        let mut status = JobStatus::new(id.clone(), job.base_model.clone(), JobState::Running);
        status.created_at = 5;
        status.hyperparameters.batch_size = Some(4);
        let (state, _) = watch::channel(State { status, events: Vec::new() });
        jobs.push(Entry { job, state });
        Ok(id)
    }

    async fn status(&self, id: &JobId) -> Result<JobStatus> {
        self.find(id, |entry| entry.state.borrow().status.clone())
    }

    async fn jobs(&self) -> Result<Vec<JobStatus>> {
        let jobs = self.jobs.lock().unwrap();
        Ok(jobs.iter().rev().map(|entry| entry.state.borrow().status.clone()).collect())
    }

    async fn events(&self, id: &JobId) -> Result<EventStream> {
        let state = self.find(id, |entry| entry.state.subscribe())?;
        Ok(Box::pin(stream::unfold((state, 0), |(mut state, told)| async move {
            let event = state
                .wait_for(|state| state.events.len() > told || state.status.state.is_terminal())
                .await
                .ok()?
                .events
                .get(told)?
                .clone();
            Some((Ok(event), (state, told + 1)))
        })))
    }

    async fn pause(&self, id: &JobId) -> Result<()> {
        self.turn(id, JobState::Running, JobState::Paused)
    }

    async fn resume(&self, id: &JobId) -> Result<()> {
        self.turn(id, JobState::Paused, JobState::Running)
    }

    async fn cancel(&self, id: &JobId) -> Result<()> {
        self.find(id, |entry| {
            entry.state.send_if_modified(|state| {
                let runs = !state.status.state.is_terminal();
                if runs {
                    state.status.state = JobState::Cancelled;
                }
                runs
            });
        })
    }
}
