//! Where the sequences on one network meet: whoever comes last takes the step for all of them.
//!
//! There is no thread for it. A thread that has tokens of its sequence to take in sits down, and
//! waits until all others that were given logits have come back, or are gone; the last to come takes
//! the tokens of all through the network. One that takes long, as its next token is hard to choose, is
//! waited for no longer than a step takes. No lock is held during a step.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::LoadedModel;
use crate::network::{Cache, Part, Tuning};
use crate::serve::plan::{Waiting, plan};

/// A sequence with tokens to take in.
pub(super) struct Guest {
    pub(super) model: Arc<LoadedModel>,
    pub(super) cache: Cache,
    pub(super) tokens: Vec<u32>,
    /// How many of them were taken in.
    taken: usize,
    /// What may come after them, once all were.
    pub(super) logits: Vec<f32>,
}

impl Guest {
    pub(super) fn new(model: Arc<LoadedModel>, cache: Cache, tokens: Vec<u32>) -> Self {
        Self { model, cache, tokens, taken: 0, logits: Vec::new() }
    }

    fn waiting(&self) -> Waiting {
        Waiting { start: self.cache.tokens(), left: self.tokens.len() - self.taken }
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut guest = f.debug_struct("Guest");
        guest
            .field("tokens", &self.tokens.len())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// The place of a sequence, which is held for it while it chooses its next token.
#[derive(Debug)]
pub(super) struct Seat<'t> {
    table: &'t Table,
    /// Whether others wait for it to come back.
    is_awaited: bool,
}

/// Where all sequences on one network meet, whichever adapters they go with.
#[derive(Debug, Default)]
pub(crate) struct Table {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Those that wait for a step, in the order in which they came.
    waiting: BTreeMap<u64, Guest>,
    /// Those that were served; nothing where the step broke down.
    pub(super) served: HashMap<u64, Option<Guest>>,
    /// The number of the next to come.
    next: u64,
    is_running: bool,
    /// How many were given logits, and have not come back.
    pub(super) away: usize,
    /// When the last step ended, and how long it took.
    pub(super) last: Option<(Instant, Duration)>,
}

impl Table {
    pub(super) fn seat(&self) -> Seat<'_> {
        Seat { table: self, is_awaited: false }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one step for those that wait.
    fn lead<'t>(&'t self, mut state: MutexGuard<'t, State>) -> MutexGuard<'t, State> {
        let mut running = Running { table: self, step: state.begin(), is_done: false };
        drop(state);
        running.step.run();
        running.is_done = true;
        drop(running);
        self.lock()
    }
}

impl Seat<'_> {
    /// Takes in all tokens of a sequence, in company of others.
    ///
    /// Returns nothing if nobody wants it any more, which is asked after each step, or if a step
    /// broke down.
    pub(super) fn advance(&mut self, guest: Guest, is_wanted: &dyn Fn() -> bool) -> Option<Guest> {
        let table = self.table;
        let mut state = table.lock();
        state.away -= usize::from(std::mem::take(&mut self.is_awaited));
        let number = state.enter(guest);
        let _leave = Leave { table, number };
        loop {
            if let Some(served) = state.served.remove(&number) {
                self.is_awaited = served.is_some();
                return served;
            }
            if !is_wanted() && state.waiting.remove(&number).is_some() {
                // All others may be there now.
                table.news.notify_all();
                return None;
            }
            let broken = |broken: PoisonError<_>| broken.into_inner();
            state = if state.is_running {
                table.news.wait(state).unwrap_or_else(broken)
            } else {
                match state.patience() {
                    Some(patience) => {
                        let woken = table.news.wait_timeout(state, patience);
                        woken.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => table.lead(state),
                }
            };
        }
    }
}

impl Drop for Seat<'_> {
    /// Tells the others not to wait.
    fn drop(&mut self) {
        if self.is_awaited {
            self.table.lock().away -= 1;
            self.table.news.notify_all();
        }
    }
}

impl State {
    pub(super) fn enter(&mut self, guest: Guest) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, guest);
        number
    }

    /// How long to wait for others, if at all.
    pub(super) fn patience(&self) -> Option<Duration> {
        let (ended, lasted) = self.last.filter(|_| self.away > 0)?;
        // As long again as it would take to serve it apart.
        lasted.checked_sub(ended.elapsed()).filter(|left| !left.is_zero())
    }

    /// Takes those that the next step is for.
    pub(super) fn begin(&mut self) -> Step {
        let waiting: Vec<Waiting> = self.waiting.values().map(Guest::waiting).collect();
        let mut guests = Vec::new();
        let numbers: Vec<u64> = self.waiting.keys().copied().collect();
        for (number, count) in numbers.into_iter().zip(plan(&waiting)) {
            if count > 0
                && let Some(guest) = self.waiting.remove(&number)
            {
                guests.push((number, guest, count));
            }
        }
        self.is_running = true;
        Step { guests, begun: Instant::now() }
    }

    /// Gives logits to those whose tokens were all taken in.
    pub(super) fn end(&mut self, step: Step) {
        for (number, guest, _) in step.guests {
            if guest.taken < guest.tokens.len() {
                self.waiting.insert(number, guest);
            } else {
                self.served.insert(number, Some(guest));
                self.away += 1;
            }
        }
        self.last = Some((Instant::now(), step.begun.elapsed()));
        self.is_running = false;
    }
}

/// One pass through the network.
#[derive(Debug)]
pub(super) struct Step {
    /// Each with its number, and how many of its tokens are taken in.
    pub(super) guests: Vec<(u64, Guest, usize)>,
    begun: Instant,
}

impl Step {
    pub(super) fn run(&mut self) {
        let Some((_, first, _)) = self.guests.first() else { return };
        // Whatever their adapters, all are on the same network.
        let model = Arc::clone(&first.model);
        let mut parts = Vec::with_capacity(self.guests.len());
        for (_, Guest { model, cache, tokens, taken, .. }, count) in &mut self.guests {
            let end = *taken + *count;
            let part = Part {
                tokens: &tokens[*taken..end],
                cache,
                tuning: model.adapter.as_ref().map(Tuning::new),
                asks: end == tokens.len(),
            };
            parts.push(part);
        }
        let mut logits = model.network.step(&mut parts).into_iter();
        for (_, guest, count) in &mut self.guests {
            guest.taken += *count;
            if guest.taken == guest.tokens.len() {
                guest.logits = logits.next().unwrap_or_default();
            }
        }
    }
}

/// A step under way. When it is over, or has broken down, the others are told.
/// Takes a guest away whose thread breaks down, so that nobody waits for it, or works for it.
struct Leave<'t> {
    table: &'t Table,
    number: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.table.lock();
            state.waiting.remove(&self.number);
            if state.served.remove(&self.number).is_some_and(|served| served.is_some()) {
                state.away -= 1;
            }
            drop(state);
            self.table.news.notify_all();
        }
    }
}

struct Running<'t> {
    table: &'t Table,
    step: Step,
    is_done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let begun = self.step.begun;
        let step = std::mem::replace(&mut self.step, Step { guests: Vec::new(), begun });
        let mut state = self.table.lock();
        if self.is_done {
            state.end(step);
        } else {
            state.served.extend(step.guests.into_iter().map(|(number, ..)| (number, None)));
            state.is_running = false;
        }
        drop(state);
        self.table.news.notify_all();
    }
}
