//! The seam: whatever can train a model.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use openai_api::ModelId;

use crate::error::Result;
use crate::job::{JobId, JobStatus, TrainingEvent, TrainingJob};

/// What happens to a job, as it happens; ends after the job has.
pub type EventStream = BoxStream<'static, Result<TrainingEvent>>;

/// Trains models: in process, on a server, on a cluster.
///
/// A trainer is a handle: wrap it in an `Arc` and clone that. A submitted job runs on by itself;
/// dropping the trainer, a stream of events or a returned future does not cancel it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Trainer: Debug + Send + Sync + 'static {
    /// Submits a job and returns its id at once.
    ///
    /// # Errors
    ///
    /// What [`TrainingJob::check`] refuses, and
    /// [`Error::UntrainableModel`](crate::Error::UntrainableModel), before anything is changed.
    async fn submit(&self, job: TrainingJob) -> Result<JobId>;

    /// Tells how far a job is.
    ///
    /// # Errors
    ///
    /// [`Error::JobNotFound`](crate::Error::JobNotFound) if no job has this id.
    async fn status(&self, id: &JobId) -> Result<JobStatus>;

    /// Lists the jobs, newest first.
    ///
    /// # Errors
    ///
    /// Whatever keeps the trainer from telling.
    async fn jobs(&self) -> Result<Vec<JobStatus>>;

    /// Tells all that has happened to a job, oldest first, and goes on until the job has ended.
    ///
    /// No event is lost or told twice within one stream. Once the stream has ended,
    /// [`status`](Self::status) is terminal.
    ///
    /// # Errors
    ///
    /// [`Error::JobNotFound`](crate::Error::JobNotFound) if no job has this id.
    async fn events(&self, id: &JobId) -> Result<EventStream>;

    /// Cancels a job; nothing happens if it has ended already.
    ///
    /// # Errors
    ///
    /// [`Error::JobNotFound`](crate::Error::JobNotFound) if no job has this id.
    async fn cancel(&self, id: &JobId) -> Result<()>;

    /// Pauses a job; nothing happens if it is paused or has ended already.
    ///
    /// It may take a step of the training until it is [`Paused`](crate::JobState::Paused).
    ///
    /// # Errors
    ///
    /// [`Error::JobNotFound`](crate::Error::JobNotFound) if no job has this id.
    async fn pause(&self, id: &JobId) -> Result<()>;

    /// Goes on with a paused job; nothing happens if it is under way or has ended.
    ///
    /// # Errors
    ///
    /// [`Error::JobNotFound`](crate::Error::JobNotFound) if no job has this id.
    async fn resume(&self, id: &JobId) -> Result<()>;
}

/// Conveniences over any [`Trainer`].
pub trait TrainerExt: Trainer {
    /// Waits until a job has ended, well or not, and returns what became of it.
    ///
    /// Dropping the future stops the waiting, not the job.
    fn wait(&self, id: &JobId) -> impl Future<Output = Result<JobStatus>> + Send {
        async move {
            let mut events = self.events(id).await?;
            while let Some(event) = next(&mut events).await {
                event?;
            }
            self.status(id).await
        }
    }

    /// Submits a job, waits for it and returns the new model.
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Trainer::submit), and
    /// [`Error::JobEnded`](crate::Error::JobEnded) if the job failed or was cancelled.
    fn train(&self, job: TrainingJob) -> impl Future<Output = Result<ModelId>> + Send {
        async move {
            let id = self.submit(job).await?;
            self.wait(&id).await?.into_model()
        }
    }
}

impl<T: Trainer + ?Sized> TrainerExt for T {}

async fn next(stream: &mut EventStream) -> Option<Result<TrainingEvent>> {
    std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Trainer + ?Sized> Trainer for $pointer<T> {
            async fn submit(&self, job: TrainingJob) -> Result<JobId> {
                (**self).submit(job).await
            }

            async fn status(&self, id: &JobId) -> Result<JobStatus> {
                (**self).status(id).await
            }

            async fn jobs(&self) -> Result<Vec<JobStatus>> {
                (**self).jobs().await
            }

            async fn events(&self, id: &JobId) -> Result<EventStream> {
                (**self).events(id).await
            }

            async fn cancel(&self, id: &JobId) -> Result<()> {
                (**self).cancel(id).await
            }

            async fn pause(&self, id: &JobId) -> Result<()> {
                (**self).pause(id).await
            }

            async fn resume(&self, id: &JobId) -> Result<()> {
                (**self).resume(id).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
