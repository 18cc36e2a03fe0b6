//! Tools that a model may call: what a request offers, and how models write their calls.

mod calls;
mod dialect;
mod object;
mod offer;

pub(crate) use calls::{CallFilter, Event};
pub(crate) use dialect::{Dialect, Manner};
pub(crate) use offer::{Offer, Which, turns_more};
