//! The trainer: takes jobs, and runs one after the other.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;
use trainer::{
    Error, EventStream, JobError, JobId, JobState, JobStatus, Result, Trainer, TrainingEvent,
    TrainingJob,
};

use crate::engine::{now, timed_id};
use crate::models::Models;
use crate::train::jobs::{Jobs, LiveJob, StoredEvents, ask_to_cancel, ask_to_pause, failed};
use crate::train::work::{Finished, Prepared};

/// Fine-tunes local models in this process.
///
/// A trainer is a handle: clones share one queue, from which one job at a time is trained on a
/// thread of its own. A new model is there for the engine the moment its job has succeeded.
///
/// # Jobs
///
/// Each has a folder under the home folder's `jobs/`: its status, its events and, after each
/// epoch, a checkpoint, of which the last three are kept; a checkpoint is a model folder like any
/// other. Every minute, and when it is paused, the whole state of a job is kept there as well, with
/// its examples; it is removed when the job ends.
///
/// A job that is paused, or was under way when its process ended, is `paused`, and
/// [`resume`](Trainer::resume) goes on with it in any process, to the bits that it would have come
/// to. Jobs that run in another process on the same home can be watched, paused and cancelled;
/// watching them takes a tokio runtime with time.
///
/// # What is trained, and how
///
/// With [`Tuning::Auto`](trainer::Tuning::Auto), all weights of a model of up to 16 million
/// parameters, and of a larger one a LoRA adapter of rank 8 beside each of its linear modules; a
/// model that is an adapter is trained further as one. An adapter is written as PEFT writes it, in
/// a folder that counts as a model and shares its base's weights in memory. `AdamW` makes the
/// steps.
///
/// The loss counts the tokens of the assistant's messages, unless a
/// message's `weight` is 0. Examples of a batch lie end to end and cannot see each other, so
/// nothing is padded. [`Method::Auto`](trainer::Method::Auto) trains on the good answers and then
/// on the preferences, by direct preference optimisation with `beta` 0.1 unless set.
///
/// A model remembers what it was trained on in `training_set.jsonl` in its folder: up to 4096
/// conversations. Beside each batch some of them are rehearsed, so that a model that learns one
/// more answer does not forget those it has. Delete the file to make a model forget its
/// training data; it goes on answering as before.
///
/// A run whose loss, gradients or weights leave the range of numbers ends as failed with the code
/// `diverged`, and leaves no model.
///
/// The learning rate rises, then falls along a cosine to a twentieth, unless the job's
/// [`Pace`](trainer::Pace) says otherwise. With a patience, training ends once the held-out loss
/// has not fallen for so many epochs, and the model is that of the best; good answers and
/// preferences each have a best epoch of their own.
///
/// Without a number of epochs, training ends as soon as an epoch's mean loss is below 0.02, and
/// says so in an event. A seed, the data and the base determine the new model bit for bit on one
/// machine; without one, a seed is chosen and told in the status.
#[derive(Clone, Debug)]
pub struct LocalTrainer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    models: Arc<Models>,
    jobs: Jobs,
    queue: Mutex<Queue>,
    /// How often the state of a job is kept.
    every: Mutex<Duration>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Arc<LiveJob>, Box<Prepared>)>,
    /// Whether a thread takes jobs from the queue.
    tended: bool,
}

impl LocalTrainer {
    pub(crate) fn open(home: &Path, models: Arc<Models>) -> crate::Result<Self> {
        let (jobs, queue, every) = (Jobs::open(home)?, Mutex::default(), Mutex::new(EVERY));
        Ok(Self { shared: Arc::new(Shared { models, jobs, queue, every }) })
    }

    /// Sets how often the state of a job is kept on disk, for all clones of this trainer: after the
    /// first step that ends so long after the last time. A minute unless set.
    ///
    /// A job whose process is killed loses what it did since.
    #[must_use]
    pub fn with_state_every(self, every: Duration) -> Self {
        *self.shared.every.lock().unwrap_or_else(PoisonError::into_inner) = every;
        self
    }
}

#[async_trait]
impl Trainer for LocalTrainer {
    async fn submit(&self, job: TrainingJob) -> Result<JobId> {
        job.check()?;
        let shared = Arc::clone(&self.shared);
        let (tell, heard) = oneshot::channel();
        // Loading the model and encoding the examples keeps a core busy for a while.
        std::thread::Builder::new()
            .name("local-trainer-submit".to_owned())
            .spawn(move || {
                // If nobody waits for the id any more, the job is there all the same.
                let _ = tell.send(submit(&shared, job));
            })
            .map_err(|source| failed(crate::Error::Thread { source }))?;
        heard.await.map_err(failed)?
    }

    async fn status(&self, id: &JobId) -> Result<JobStatus> {
        self.shared.jobs.status(id)
    }

    async fn jobs(&self) -> Result<Vec<JobStatus>> {
        self.shared.jobs.list()
    }

    async fn events(&self, id: &JobId) -> Result<EventStream> {
        match self.shared.jobs.live(id) {
            Some(job) => Ok(live_events(job)),
            None => Ok(stored_events(StoredEvents::new(self.shared.jobs.stored(id)?))),
        }
    }

    async fn cancel(&self, id: &JobId) -> Result<()> {
        if let Some(job) = self.shared.jobs.live(id) {
            return job.cancel();
        }
        let folder = self.shared.jobs.stored(id)?;
        match self.shared.jobs.status(id)?.state {
            state if state.is_terminal() => Ok(()),
            JobState::Paused => match self.shared.jobs.reopen(id)? {
                Some(job) => {
                    job.cancel()?;
                    self.shared.jobs.release(&job);
                    Ok(())
                }
                None => Ok(()),
            },
            _ => ask_to_cancel(&folder),
        }
    }

    async fn pause(&self, id: &JobId) -> Result<()> {
        if let Some(job) = self.shared.jobs.live(id) {
            return job.pause();
        }
        let folder = self.shared.jobs.stored(id)?;
        match self.shared.jobs.status(id)?.state {
            JobState::Queued | JobState::Running => ask_to_pause(&folder),
            _ => Ok(()),
        }
    }

    /// Goes on with a paused job, or one whose process is gone, to the same bits that it would have
    /// come to.
    async fn resume(&self, id: &JobId) -> Result<()> {
        let job = match self.shared.jobs.live(id) {
            Some(job) => Some(job),
            None if self.shared.jobs.status(id)?.state == JobState::Paused => {
                self.shared.jobs.reopen(id)?
            }
            None => None,
        };
        let Some(job) = job else { return Ok(()) };
        let prepared = match job.status().state {
            JobState::Paused => Prepared::read(&job.folder)?,
            _ => return Ok(()),
        };
        if job.requeue()? {
            enqueue(&self.shared, job, prepared)?;
        }
        Ok(())
    }
}

fn submit(shared: &Arc<Shared>, job: TrainingJob) -> Result<JobId> {
    let base = &job.base_model;
    if shared.models.files(base).is_err() {
        let there = shared.models.ids().map_err(failed)?.join(", ");
        let reason = format!("there is no local model of this name; trainable are {there}");
        return Err(Error::UntrainableModel { model: base.to_string(), reason });
    }
    let model = shared.models.load(base).map_err(failed)?;
    let id = JobId::new(format!("ftjob-{}", timed_id()));
    let mut status = JobStatus::new(id.clone(), base.clone(), JobState::Queued);
    status.created_at = now();
    let prepared = Prepared::new(&id, job, &model, &shared.models)?;
    status.hyperparameters = prepared.hyperparameters();
    status.seed = Some(prepared.seed());
    let live = shared.jobs.create(status)?;
    if let Err(error) = prepared.save(&live.folder) {
        let told = job_error(&error);
        live.end(JobState::Failed, &told.message.clone(), |status| status.error = Some(told))?;
        shared.jobs.release(&live);
        return Err(error);
    }
    live.tell("the job waits for its turn", None)?;
    enqueue(shared, live, prepared)?;
    Ok(id)
}

fn enqueue(shared: &Arc<Shared>, live: Arc<LiveJob>, prepared: Prepared) -> Result<()> {
    let mut queue = shared.queue();
    queue.waiting.push_back((live, Box::new(prepared)));
    if !queue.tended {
        let tending = Arc::clone(shared);
        std::thread::Builder::new()
            .name("local-trainer".to_owned())
            .spawn(move || tending.tend())
            .map_err(|source| failed(crate::Error::Thread { source }))?;
        queue.tended = true;
    }
    Ok(())
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the waiting jobs until there are none.
    fn tend(&self) {
        loop {
            let (job, prepared) = {
                let mut queue = self.queue();
                let Some(next) = queue.waiting.pop_front() else {
                    queue.tended = false;
                    return;
                };
                next
            };
            // A fault in one job must not keep the others waiting for ever.
            let run = || self.run(&job, &prepared);
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                Err(failed("the training broke down, which is a fault of the engine"))
            });
            if let Err(error) = outcome {
                let error = job_error(&error);
                let text = error.message.clone();
                // What cannot be written is known to those who watch all the same.
                let _ = job.end(JobState::Failed, &text, |status| status.error = Some(error));
            }
            self.jobs.release(&job);
        }
    }

    fn run(&self, job: &LiveJob, prepared: &Prepared) -> Result<()> {
        if !job.begin()? {
            return Ok(());
        }
        let every = *self.every.lock().unwrap_or_else(PoisonError::into_inner);
        match prepared.train(job, &self.models, every)? {
            Finished::Model(model, tokens) => {
                job.end(JobState::Succeeded, &format!("the new model is {model}"), |status| {
                    status.fine_tuned_model = Some(model.clone());
                    status.trained_tokens = Some(tokens);
                })
            }
            Finished::Paused => job.paused("paused"),
            Finished::Cancelled => job.end(JobState::Cancelled, "cancelled", |_| {}),
        }
    }
}

fn job_error(error: &Error) -> JobError {
    if let Error::Trainer { source, .. } = error
        && let Some(cause) = source.downcast_ref::<crate::Error>()
        && matches!(cause, crate::Error::Diverged { .. } | crate::Error::NotFinite { .. })
    {
        return JobError::new("diverged", cause.to_string());
    }
    JobError::new("training_failed", with_causes(error))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Tells what there is, then waits for more.
fn live_events(job: Arc<LiveJob>) -> EventStream {
    let watch = job.watch();
    let batches = stream::unfold(Some((job, watch, 0)), |state| async move {
        let (job, mut watch, told) = state?;
        loop {
            watch.mark_unchanged();
            let (events, more) = job.events(told);
            let told = told + events.len();
            if !more {
                return Some((events, None));
            }
            if !events.is_empty() {
                return Some((events, Some((job, watch, told))));
            }
            // The sender lives in the job, which is held here.
            watch.changed().await.ok()?;
        }
    });
    batches.flat_map(|events| stream::iter(events.into_iter().map(Ok))).boxed()
}

/// Tells what is on disk, and looks again while the job runs in another process.
fn stored_events(events: StoredEvents) -> EventStream {
    let batches = stream::unfold(Some((events, false)), |state| async move {
        let (mut events, wait) = state?;
        if wait {
            tokio::time::sleep(POLL).await;
        }
        let batch: Vec<Result<TrainingEvent>> = match events.poll() {
            Ok(Some(batch)) => batch.into_iter().map(Ok).collect(),
            Ok(None) => return None,
            Err(error) => return Some((vec![Err(error)], None)),
        };
        let wait = !events.ended();
        Some((batch, Some((events, wait))))
    });
    batches.flat_map(stream::iter).boxed()
}

const EVERY: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);
