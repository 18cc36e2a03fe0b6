//! Training in process.

mod base;
mod encode;
mod jobs;
mod local;
mod memory;
mod objective;
mod optimizer;
mod run;
mod settings;
mod work;

pub use crate::train::base::{BaseModel, BaseModelReport};
pub use crate::train::local::LocalTrainer;
