//! The server over loopback, asked by a plain HTTP client.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod chat;
mod echo;
mod errors;
mod files;
#[cfg(feature = "fine-tuning")]
mod fine_tuning;
#[cfg(feature = "fine-tuning")]
mod hand_trainer;
mod models;
mod support;
