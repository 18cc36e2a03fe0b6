//! Training in process.

mod base;
mod checkpoint;
mod choice;
mod encode;
mod forecast;
mod jobs;
mod learner;
mod local;
mod memory;
mod objective;
mod optimizer;
mod pace;
#[cfg(test)]
mod peers;
mod run;
mod settings;
mod work;

pub use crate::train::base::{BaseModel, BaseModelReport};
pub use crate::train::local::LocalTrainer;
