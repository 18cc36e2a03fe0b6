//! The façade against doubles at the seams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod ask;
mod image;
mod learn;
mod session;
mod support;
