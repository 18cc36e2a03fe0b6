//! The command line, as people use it, with wrong input too.

mod demo;
mod jobs;
mod loops;
mod models;
mod run;
mod serve;
mod wrong_input;

pub use run::{Serving, attune_home};
