//! A thread of its own for whatever blocks.

use std::fmt;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// A thread that owns a `T` and does one job after the other on it, in the order they came.
///
/// A job that was sent is done, also when nobody waits for it any more. Dropping the last handle
/// waits until all jobs are done and the `T` is dropped, so that a program which ends leaves
/// nothing behind: no append undone, no database half-closed.
pub(crate) struct Worker<T> {
    store: &'static str,
    thread: Arc<Thread<T>>,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

struct Thread<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    handle: Option<JoinHandle<()>>,
}

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        // Without a sender the thread comes to its end.
        self.jobs = None;
        let handle = self.handle.take();
        // A job may hold the last handle; a thread cannot wait for itself.
        let elsewhere = |handle: &JoinHandle<()>| handle.thread().id() != thread::current().id();
        if let Some(handle) = handle.filter(elsewhere) {
            // A panic in a job was its caller's to see.
            let _ = handle.join();
        }
    }
}

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
            Ok(handle) => {
                let thread = Thread { jobs: Some(jobs), handle: Some(handle) };
                Ok(Self { store, thread: Arc::new(thread) })
            }
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
        let jobs = self.thread.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self { store: self.store, thread: Arc::clone(&self.thread) }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("store", &self.store).finish_non_exhaustive()
    }
}
