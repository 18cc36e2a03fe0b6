//! Who may go, and when: the queue, and the account of what has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::bucket::Bucket;
use super::estimate::{self, Demand};
use super::window::{MINUTE, Window};
use crate::chat::{ChatCompletion, Usage};
use crate::chunk::ChatChunk;
use crate::error::Error;
use crate::meta::Meta;
use crate::model::ModelId;
#[cfg(feature = "http")]
use crate::spent::Spent;

/// The queue, and the account of what has gone.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Held by the request whose turn it is, until it may go; tokio hands it on in order, and a
    /// request that is given up steps out of the queue by itself.
    turn: tokio::sync::Mutex<()>,
    /// Rung when the request whose turn it is might go earlier than it thought.
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) requests: Option<Window>,
    pub(super) tokens: Option<Window>,
    pub(super) concurrency: Option<Arc<Semaphore>>,
    models: HashMap<ModelId, Account>,
    last_id: u64,
}

/// What is known of a model: what is under way to it, and what the server said.
#[derive(Debug, Default)]
struct Account {
    requests_under_way: u64,
    tokens_under_way: u64,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    paused_until: Option<Instant>,
}

impl Admission {
    /// Waits until a request may go.
    pub(super) async fn admit(self: &Arc<Self>, demand: Demand) -> Ticket {
        let Demand { model, prompt, answer } = demand;
        let tokens = prompt.saturating_add(answer);
        let _turn = self.turn.lock().await;
        let concurrency = self.state().concurrency.clone();
        let permit = match concurrency {
            // It is never closed, so there is a permit.
            Some(semaphore) => semaphore.acquire_owned().await.ok(),
            None => None,
        };
        loop {
            // Before it may go it is not in the account, so giving up leaves nothing behind.
            let wait_until = match self.state().take(&model, tokens, Instant::now()) {
                Ok(id) => {
                    return Ticket {
                        admission: Arc::clone(self),
                        model,
                        id,
                        estimated: tokens,
                        prompt,
                        streamed: 0,
                        counted: false,
                        spent: tokens,
                        reported: false,
                        _permit: permit,
                    };
                }
                Err(at) => at,
            };
            // Whether time or news ends the wait, what follows is the same.
            let _ = timeout_at(wait_until, self.changed.notified()).await;
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[cfg(test)]
    pub(super) fn models(&self) -> usize {
        self.models.len()
    }

    /// Takes a request into account if it may go, or says when to look again.
    fn take(&mut self, model: &ModelId, tokens: u64, now: Instant) -> Result<u64, Instant> {
        let account = self.models.get(model);
        let ready = [
            self.requests.as_mut().map(|window| window.ready_at(1, now)),
            self.tokens.as_mut().map(|window| window.ready_at(tokens, now)),
            account.and_then(|account| Some(account.requests.as_ref()?.ready_at(1, now))),
            account.and_then(|account| Some(account.tokens.as_ref()?.ready_at(tokens, now))),
            account.and_then(|account| account.paused_until),
        ];
        if let Some(at) = ready.into_iter().flatten().max().filter(|at| *at > now) {
            return Err(at);
        }
        self.last_id += 1;
        if let Some(window) = &mut self.requests {
            window.take(self.last_id, 1, now);
        }
        if let Some(window) = &mut self.tokens {
            window.take(self.last_id, tokens, now);
        }
        let account = self.models.entry(model.clone()).or_default();
        account.requests_under_way += 1;
        account.tokens_under_way = account.tokens_under_way.saturating_add(tokens);
        if let Some(bucket) = &mut account.requests {
            bucket.take(1, now);
        }
        if let Some(bucket) = &mut account.tokens {
            bucket.take(tokens, now);
        }
        Ok(self.last_id)
    }
}

impl Account {
    /// Whether forgetting it changes nothing.
    fn is_idle(&self, now: Instant) -> bool {
        let full = |bucket: &Option<Bucket>| bucket.as_ref().is_none_or(|it| it.is_full(now));
        self.requests_under_way == 0
            && full(&self.requests)
            && full(&self.tokens)
            && self.paused_until.is_none_or(|until| until <= now)
    }
}

/// A request that may go; when it is dropped, the account learns what it took.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    model: ModelId,
    id: u64,
    estimated: u64,
    prompt: u64,
    /// Bytes that came so far.
    streamed: u64,
    /// Whether the server has told how many tokens it took.
    counted: bool,
    /// Tokens that it took, as far as is known.
    spent: u64,
    reported: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Ticket {
    pub(super) fn completed(&mut self, completion: &ChatCompletion) {
        self.spent = match &completion.usage {
            Some(usage) => total(usage),
            None => self.prompt + estimate::completed(completion),
        };
        self.report(completion.meta.as_deref());
    }

    pub(super) fn streamed(&mut self, chunk: &ChatChunk) {
        self.streamed += estimate::bytes_of(chunk);
        if let Some(usage) = &chunk.usage {
            self.spent = total(usage);
            self.counted = true;
        } else if !self.counted {
            self.spent = self.prompt + estimate::of_bytes(self.streamed);
        }
        self.report(chunk.meta.as_deref());
    }

    /// Takes the head of an answer into account.
    #[cfg(feature = "http")]
    pub(crate) fn answered(&mut self, meta: &Meta) {
        self.report(Some(meta));
    }

    /// Takes an answer in JSON, or an event of it, into account.
    #[cfg(feature = "http")]
    pub(crate) fn read(&mut self, json: &[u8]) {
        if let Some(spent) = Spent::read(json) {
            let [asked, answered] =
                [spent.tokens_in, spent.tokens_out].map(Option::unwrap_or_default);
            self.spent = asked.saturating_add(answered);
            self.counted = true;
        } else if !self.counted {
            self.streamed += estimate::bytes_in(json);
            self.spent = self.prompt + estimate::of_bytes(self.streamed);
        }
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        let Some(refused) = error.as_api() else {
            if self.streamed == 0 && never_left(error.last()) {
                self.spent = 0;
            }
            return;
        };
        if refused.status < 500 && self.streamed == 0 {
            self.spent = 0;
        }
        self.report(refused.meta.as_deref());
        if let (429, Some(wait)) = (refused.status, refused.retry_after) {
            let until = Instant::now() + wait.min(LONGEST_PAUSE);
            let mut state = self.admission.state();
            let account = state.models.entry(self.model.clone()).or_default();
            account.paused_until = account.paused_until.max(Some(until));
        }
    }

    /// Takes into account what the server reports with an answer, once.
    fn report(&mut self, meta: Option<&Meta>) {
        let Some(meta) = meta.filter(|_| !self.reported) else { return };
        self.reported = true;
        let (limits, now) = (meta.rate_limits(), Instant::now());
        let mut state = self.admission.state();
        let account = state.models.entry(self.model.clone()).or_default();
        // This request is one that the server has counted.
        let requests = account.requests_under_way.saturating_sub(1);
        let tokens = account.tokens_under_way.saturating_sub(self.estimated);
        Bucket::update(&mut account.requests, limits.requests, requests, now);
        Bucket::update(&mut account.tokens, limits.tokens, tokens, now);
        drop(state);
        self.admission.changed.notify_one();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        if let Some(window) = &mut state.tokens {
            window.correct(self.id, self.spent);
        }
        if let Some(account) = state.models.get_mut(&self.model) {
            account.requests_under_way = account.requests_under_way.saturating_sub(1);
            account.tokens_under_way = account.tokens_under_way.saturating_sub(self.estimated);
        }
        // Whoever asks for ever new models shall not fill the memory.
        if state.models.len() > MOST_MODELS {
            let now = Instant::now();
            state.models.retain(|_, account| !account.is_idle(now));
        }
        drop(state);
        self.admission.changed.notify_one();
    }
}

/// Whether a request that ended so never reached a model.
fn never_left(error: &Error) -> bool {
    use Error::{Certificate, Connect, File, InvalidRequest, Key};
    matches!(error, Connect { .. } | Certificate { .. } | InvalidRequest { .. })
        || matches!(error, Key { .. } | File { .. })
}

fn total(usage: &Usage) -> u64 {
    usage.total_tokens.max(usage.prompt_tokens.saturating_add(usage.completion_tokens))
}

/// A server that asks for more is asked again after this.
const LONGEST_PAUSE: Duration = MINUTE;
const MOST_MODELS: usize = 64;
