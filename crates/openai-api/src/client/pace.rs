//! Attempts that wait until the limits let them go.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use crate::client::outgoing::Outgoing;
use crate::error::Error;
use crate::limit::{Demand, Limits, Ticket};
use crate::meta::Meta;

/// The limits of a client, if it has any.
#[derive(Clone, Default)]
pub(super) struct Pace(Option<Limits>);

impl Pace {
    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until an attempt may go; what no model answers goes at once.
    pub(super) async fn admit(&self, request: &Outgoing) -> Pass {
        let demand =
            request.body.as_ref().and_then(|body| demand(request.url.path(), body.json()?));
        match (&self.0, demand) {
            (Some(limits), Some(demand)) => {
                Pass(Some(Box::new(Mutex::new(limits.admit(demand).await))))
            }
            _ => Pass(None),
        }
    }
}

impl From<Limits> for Pace {
    fn from(limits: Limits) -> Self {
        Self(Some(limits))
    }
}

fn demand(path: &str, (json, lifted): (Cow<'_, [u8]>, usize)) -> Option<Demand> {
    let has_answer = !ANSWERED_WITH_NUMBERS.iter().any(|end| path.ends_with(end));
    Demand::of_json(&json, lifted, has_answer)
}

/// What an attempt was let go with; when it is dropped, the attempt is over.
#[derive(Default)]
pub(super) struct Pass(Option<Box<Mutex<Ticket>>>);

impl Pass {
    /// Takes the head of an answer into account.
    pub(super) fn answered(&self, meta: &Meta) {
        self.with(|ticket| ticket.answered(meta));
    }

    /// Takes an answer, or an event of it, into account.
    pub(super) fn read(&self, json: &[u8]) {
        self.with(|ticket| ticket.read(json));
    }

    /// Takes into account how it ended.
    pub(super) fn failed(&self, error: &Error) {
        self.with(|ticket| ticket.failed(error));
    }

    fn with(&self, act: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = &self.0 {
            act(&mut ticket.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Where no tokens are written.
const ANSWERED_WITH_NUMBERS: &[&str] = &["/embeddings", "/moderations"];
