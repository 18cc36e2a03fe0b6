//! What happens to jobs, collected as it happens.
//!
//! A trainer tells events as a stream that ends with the job; the protocol asks for a list at any
//! time. So one task per watched job reads the stream, from the job's submission on or else from
//! the first question, and each question is answered from what the task has collected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use openai_api::FineTuningEvent;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::AbortHandle;
use trainer::{JobId, JobStatus, Trainer};

use crate::failure::Failure;

/// The watched jobs.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_job: Mutex<HashMap<JobId, Watch>>,
}

/// One watched job; dropping it ends the watching, not the job.
#[derive(Debug)]
struct Watch {
    log: Receiver<Log>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Log {
    /// Oldest first.
    events: Vec<FineTuningEvent>,
    ended: bool,
    failure: Option<Failure>,
}

impl Watches {
    /// Watches a job from now on.
    pub(crate) fn begin(&self, trainer: &Arc<dyn Trainer>, id: &JobId) {
        let _ = self.log(trainer, id);
    }

    /// What has happened to a job so far, oldest first.
    ///
    /// For a job that has ended that is all. For one that has not, and was not watched until now,
    /// it may be only the beginning: its first event is waited for, for a moment.
    pub(crate) async fn events(
        &self,
        trainer: &Arc<dyn Trainer>,
        status: &JobStatus,
    ) -> Result<Vec<FineTuningEvent>, Failure> {
        let mut log = self.log(trainer, &status.id);
        let has_ended = status.state.is_terminal();
        let patience = if has_ended { FOR_THE_END } else { FOR_THE_FIRST };
        let enough = |log: &Log| log.ended || (!has_ended && !log.events.is_empty());
        // A time-out, or a task that is gone, leaves what has been collected.
        let _ = tokio::time::timeout(patience, log.wait_for(enough)).await;
        let failure = log.borrow().failure.clone();
        match failure {
            None => Ok(log.borrow().events.clone()),
            Some(failure) => {
                // The next question may have better luck.
                self.lock().remove(&status.id);
                Err(failure)
            }
        }
    }

    fn log(&self, trainer: &Arc<dyn Trainer>, id: &JobId) -> Receiver<Log> {
        let mut watches = self.lock();
        if let Some(watch) = watches.get(id) {
            return watch.log.clone();
        }
        if watches.len() >= REMEMBERED {
            watches.retain(|_, watch| !watch.log.borrow().ended);
        }
        let (sender, log) = channel(Log::default());
        let task = tokio::spawn(collect(Arc::clone(trainer), id.clone(), sender)).abort_handle();
        watches.insert(id.clone(), Watch { log: log.clone(), task });
        log
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Watch>> {
        self.by_job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn collect(trainer: Arc<dyn Trainer>, id: JobId, log: Sender<Log>) {
    let failure = match trainer.events(&id).await {
        Err(error) => Some(error.into()),
        Ok(mut events) => loop {
            match events.next().await {
                Some(Ok(event)) => log.send_modify(|log| log.events.push(event.into())),
                Some(Err(error)) => break Some(error.into()),
                None => break None,
            }
        },
    };
    log.send_modify(|log| (log.ended, log.failure) = (true, failure));
}

const FOR_THE_FIRST: Duration = Duration::from_secs(1);
const FOR_THE_END: Duration = Duration::from_secs(10);
/// Beyond so many, jobs that have ended are forgotten, and collected anew when asked about.
const REMEMBERED: usize = 64;
