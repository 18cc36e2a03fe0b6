//! Events by asking again and again.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use openai_api::Page;

use crate::error::Result;
use crate::hosted::api::Api;
use crate::hosted::of_job;
use crate::job::{JobId, JobState, TrainingEvent};
use crate::trainer::EventStream;

/// How long to wait between two questions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    first: Duration,
    most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Duration::from_secs(2))
    }
}

impl Pace {
    /// From `first` to five times that.
    pub(crate) fn new(first: Duration) -> Self {
        Self { first, most: first.saturating_mul(5) }
    }

    /// Half as long again, up to the most.
    fn slower_than(self, wait: Duration) -> Duration {
        wait.saturating_mul(3).checked_div(2).unwrap_or(self.most).clamp(self.first, self.most)
    }
}

/// The events of one job, as far as they have been told.
#[derive(Debug)]
pub(crate) struct Poll {
    api: Arc<dyn Api>,
    id: JobId,
    pace: Pace,
    /// The job's state, asked for before the events that are to come.
    state: JobState,
    /// Whether the events of that state were fetched.
    fetched: bool,
    /// Whether to wait before the next question.
    rest: bool,
    wait: Duration,
    failures: u32,
    told: HashSet<String>,
    /// Fetched and not told yet, oldest first.
    ready: VecDeque<TrainingEvent>,
}

impl Poll {
    /// Watches a job that was in `state` just now, beginning with `warning`.
    pub(crate) fn new(
        api: Arc<dyn Api>,
        id: JobId,
        pace: Pace,
        state: JobState,
        warning: Option<TrainingEvent>,
    ) -> Self {
        let (told, ready) = (HashSet::new(), VecDeque::from_iter(warning));
        let wait = pace.first;
        let (fetched, rest, failures) = (false, false, 0);
        Self { api, id, pace, state, fetched, rest, wait, failures, told, ready }
    }

    /// The events as a stream; an error is its last item.
    pub(crate) fn into_stream(self) -> EventStream {
        stream::unfold(Some(self), |poll| async move {
            let mut poll = poll?;
            match poll.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(poll))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<TrainingEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            // The state is older than the events, so a job that had ended then has no more.
            if self.fetched && self.state.is_terminal() {
                return Ok(None);
            }
            if std::mem::replace(&mut self.rest, true) {
                tokio::time::sleep(self.wait).await;
                self.wait = self.pace.slower_than(self.wait);
            }
            match self.ask().await {
                Ok(()) => self.failures = 0,
                Err(error) => {
                    let asked = error.retry_after().unwrap_or_default();
                    let passes = error.is_retryable() && asked <= MAX_ASKED;
                    if !passes || self.failures == MAX_FAILURES {
                        return Err(of_job(&self.id, error));
                    }
                    self.failures += 1;
                    self.wait = self.wait.max(asked);
                }
            }
        }
    }

    /// Asks for the state, then for the events since.
    async fn ask(&mut self) -> openai_api::Result<()> {
        if self.fetched {
            let job = self.api.job(self.id.as_str()).await?;
            self.state = JobState::from(&*job.status);
            self.fetched = false;
        }
        let fresh = self.fetch().await?;
        self.fetched = true;
        if !fresh.is_empty() {
            self.wait = self.pace.first;
        }
        self.told.extend(fresh.iter().map(|event| event.id.clone()));
        self.ready.extend(fresh);
        Ok(())
    }

    /// The events not told yet, oldest first: page by page back to one that was.
    async fn fetch(&self) -> openai_api::Result<Vec<TrainingEvent>> {
        let mut fresh: Vec<TrainingEvent> = Vec::new();
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let Page { data, has_more, .. } =
                self.api.events(self.id.as_str(), after.clone()).await?;
            let last = data.last().map(|event| event.id.clone()).filter(|id| !id.is_empty());
            let mut reached = false;
            for event in data.into_iter().map(TrainingEvent::from) {
                if self.told.contains(&event.id) {
                    reached = true;
                } else if seen.insert(event.id.clone()) {
                    fresh.push(event);
                }
            }
            if reached || !has_more || last.is_none() || last == after {
                break;
            }
            after = last;
        }
        fresh.reverse();
        // For a server that lists in another order.
        fresh.sort_by_key(|event| event.at);
        Ok(fresh)
    }
}

/// So many failures in a row are waited out.
const MAX_FAILURES: u32 = 5;
/// Whoever watches should hear of a longer wait than this, not sit through it.
const MAX_ASKED: Duration = Duration::from_secs(60);
