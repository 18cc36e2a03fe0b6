//! [`trace`](crate::trace) in a build without the feature `tracing`: nothing, at no cost.

#[cfg(feature = "retry")]
pub(crate) fn sends_again(_: u32, _: std::time::Duration, _: &crate::error::Error) {}

#[cfg(feature = "http")]
#[derive(Clone)]
pub(crate) struct Trace;

#[cfg(feature = "http")]
impl Trace {
    pub(crate) fn begin(_: &str, _: &str, _: &str) -> Self {
        Self
    }

    pub(crate) fn over<F: Future>(&self, call: F) -> F {
        call
    }

    pub(crate) fn failed(&self, _: &crate::error::Error) {}

    pub(crate) fn attempts(&self) {}

    pub(crate) fn answered(&self, _: &crate::meta::Meta) {}

    pub(crate) fn read(&self, _: &[u8]) {}
}
