//! A thread of its own for whatever blocks.

use std::fmt;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// A thread that owns a `T` and does one job after the other on it, in the order they came.
///
/// A job that was sent is done, also when nobody waits for it any more. The thread ends when its
/// last handle is gone and all jobs are done.
pub(crate) struct Worker<T> {
    store: &'static str,
    jobs: mpsc::Sender<Job<T>>,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn spawn(store: &'static str, mut state: T) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job<T>>();
        let work = move || {
            for job in queue {
                job(&mut state);
            }
        };
        let name = format!("{store} store").to_lowercase();
        match thread::Builder::new().name(name).spawn(work) {
            Ok(_) => Ok(Self { store, jobs }),
            Err(error) => Err(Error::Store { store, source: error.into() }),
        }
    }

    /// Sends a job when it is first polled, and returns what came of it.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |state: &mut T| {
            // Whoever asked may have gone; the work stands all the same.
            let _ = reply.send(job(state));
        });
        let ended = || Error::Store { store: self.store, source: "its thread has ended".into() };
        self.jobs.send(job).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self { store: self.store, jobs: self.jobs.clone() }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("store", &self.store).finish_non_exhaustive()
    }
}
