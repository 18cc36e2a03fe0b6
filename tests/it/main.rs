//! The integration matrix: one binary, one module a cell; `cargo xtask test` runs it and prints
//! the table.

// What fails in a test shall panic there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub, clippy::print_stderr)]

mod backends;
mod cli;
mod parity;
mod python_client;
mod servers;
mod stores;
mod support;
mod trainers;
