//! [`pace`](crate::client::pace) in a build without the feature `limit`: nothing waits.

use crate::client::outgoing::Outgoing;
use crate::error::Error;
use crate::meta::Meta;

#[derive(Clone, Default)]
pub(super) struct Pace();

impl Pace {
    pub(super) fn is_limited(&self) -> bool {
        false
    }

    pub(super) async fn admit(&self, _: &Outgoing) -> Pass {
        Pass()
    }
}

#[derive(Default)]
pub(super) struct Pass();

impl Pass {
    pub(super) fn answered(&self, _: &Meta) {}

    pub(super) fn read(&self, _: &[u8]) {}

    pub(super) fn failed(&self, _: &Error) {}
}
