#![doc = include_str!("../README.md")]

mod server;

mod app;
mod exchange;
mod routes;

mod chat;
mod files;
#[cfg(feature = "fine-tuning")]
mod fine_tuning;
mod models;

mod body;
mod disk;
mod error;
mod failure;
mod multipart;
mod query;
mod random;

pub use crate::error::{Error, Result};
pub use crate::server::{BoundServer, Server, ServerBuilder};
