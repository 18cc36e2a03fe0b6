//! The suite over a small trainer that really learns: how often each byte stands in an answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream;
use tokio::sync::watch;

use super::*;
use crate::job::Metrics;

#[derive(Debug, Default)]
pub(crate) struct ByteTrainer {
    jobs: Arc<Mutex<Vec<watch::Sender<Progress>>>>,
}

#[derive(Clone, Debug)]
struct Progress {
    status: JobStatus,
    events: Vec<TrainingEvent>,
}

impl ByteTrainer {
    fn all(&self) -> MutexGuard<'_, Vec<watch::Sender<Progress>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has happened so far, without waiting for more.
    #[cfg(feature = "hosted")]
    pub(crate) fn events_so_far(&self, id: &JobId) -> Result<Vec<TrainingEvent>> {
        Ok(self.find(id)?.borrow().events.clone())
    }

    fn find(&self, id: &JobId) -> Result<watch::Sender<Progress>> {
        let jobs = self.all();
        let found = jobs.iter().find(|job| job.borrow().status.id == *id);
        found.cloned().ok_or_else(|| Error::JobNotFound(id.clone()))
    }
}

#[async_trait]
impl Trainer for ByteTrainer {
    async fn submit(&self, job: TrainingJob) -> Result<JobId> {
        job.check()?;
        if job.base_model != "bytes" {
            let (model, reason) = (job.base_model.to_string(), "try bytes".to_owned());
            return Err(Error::UntrainableModel { model, reason });
        }
        let mut jobs = self.all();
        let id = JobId::new(format!("ftjob-{}", jobs.len()));
        let mut status = JobStatus::new(id.clone(), job.base_model.clone(), JobState::Running);
        status.created_at = 1;
        let (progress, _) = watch::channel(Progress { status, events: Vec::new() });
        jobs.push(progress.clone());
        tokio::spawn(learn(job, progress));
        Ok(id)
    }

    async fn status(&self, id: &JobId) -> Result<JobStatus> {
        Ok(self.find(id)?.borrow().status.clone())
    }

    async fn jobs(&self) -> Result<Vec<JobStatus>> {
        Ok(self.all().iter().rev().map(|job| job.borrow().status.clone()).collect())
    }

    async fn events(&self, id: &JobId) -> Result<EventStream> {
        let progress = self.find(id)?.subscribe();
        let events = stream::unfold((progress, 0), |(mut progress, told)| async move {
            let ready = |now: &Progress| now.events.len() > told || now.status.state.is_terminal();
            let event = progress.wait_for(ready).await.ok()?.events.get(told).cloned()?;
            Some((Ok(event), (progress, told + 1)))
        });
        Ok(events.boxed())
    }

    async fn cancel(&self, id: &JobId) -> Result<()> {
        self.find(id)?.send_if_modified(|now| end(now, JobState::Cancelled));
        Ok(())
    }

    async fn pause(&self, id: &JobId) -> Result<()> {
        self.find(id)?.send_if_modified(|now| turn(now, JobState::Running, JobState::Paused));
        Ok(())
    }

    async fn resume(&self, id: &JobId) -> Result<()> {
        self.find(id)?.send_if_modified(|now| turn(now, JobState::Paused, JobState::Running));
        Ok(())
    }
}

/// Moves a job from one state to another, if it is in that.
fn turn(now: &mut Progress, from: JobState, to: JobState) -> bool {
    let is_there = now.status.state == from;
    if is_there {
        now.status.state = to;
    }
    is_there
}

/// Ends a job, unless it has ended.
fn end(now: &mut Progress, state: JobState) -> bool {
    let goes_on = !now.status.state.is_terminal();
    if goes_on {
        now.status.state = state;
        now.status.finished_at = Some(2);
        now.status.fine_tuned_model = (state == JobState::Succeeded).then(|| "ft:bytes".into());
    }
    goes_on
}

async fn learn(job: TrainingJob, progress: watch::Sender<Progress>) {
    let bytes = |examples: &[Example]| -> Vec<u8> {
        let good = examples.iter().filter(|example| example.label == Label::Positive);
        good.flat_map(|example| example.messages[1].text().into_bytes()).collect()
    };
    let (training, validation) = (bytes(&job.training.supervised), bytes(&job.validation));
    let epochs = u64::from(job.hyperparameters.epochs.unwrap_or(3));
    let mut logits = [0.0; 256];
    for step in 1..=epochs {
        let (loss, gradient) = loss(&logits, &training);
        logits.iter_mut().zip(gradient).for_each(|(logit, slope)| *logit -= 0.5 * slope);
        let mut metrics = Metrics::new(step, epochs);
        metrics.train_loss = Some(loss);
        metrics.valid_loss = (!validation.is_empty()).then(|| self::loss(&logits, &validation).0);
        let event = TrainingEvent::new(format!("e{step}"), 1, "").with_metrics(metrics);
        progress.send_if_modified(|now| {
            let goes_on = !now.status.state.is_terminal();
            if goes_on {
                now.events.push(event);
            }
            goes_on
        });
        if progress.borrow().status.state.is_terminal() {
            return;
        }
        tokio::task::yield_now().await;
        let goes_on = |now: &Progress| now.status.state != JobState::Paused;
        if progress.subscribe().wait_for(goes_on).await.is_err() {
            return;
        }
    }
    progress.send_if_modified(|now| end(now, JobState::Succeeded));
}

/// The mean cross-entropy of the bytes, and its gradient.
fn loss(logits: &[f64; 256], bytes: &[u8]) -> (f64, [f64; 256]) {
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let mut gradient = logits.map(|logit| logit.exp() / total);
    let share = 1.0 / bytes.len() as f64;
    let mut loss = 0.0;
    for byte in bytes {
        loss -= (logits[usize::from(*byte)] - total.ln()) * share;
        gradient[usize::from(*byte)] -= share;
    }
    (loss, gradient)
}

crate::trainer_conformance! {
    trainer: ByteTrainer::default(),
    offer: Offer::new("bytes"),
}

mod guarded {
    use super::*;

    crate::trainer_conformance! {
        trainer: Guarded::new(Arc::new(ByteTrainer::default()), ()),
        offer: Offer::new("bytes")
            .with_hyperparameters(Hyperparameters::default().with_epochs(9))
            .without(Ability::CancelInTime, "to show how it is declared"),
    }
}
