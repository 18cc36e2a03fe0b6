#![doc = include_str!("../README.md")]

mod check;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod convert;
mod dataset;
mod error;
mod export;
#[cfg(feature = "hosted")]
mod hosted;
mod job;
mod messages;
mod pace;
mod read;
mod registry;
pub mod scan;
mod split;
mod text;
pub mod tokens;
mod trainer;
mod tuning;
mod validate;
mod whole_file;
mod wire;
mod write;

pub use crate::check::{Check, Code, Remark, Report};
pub use crate::convert::{Conversion, Converted};
pub use crate::dataset::{Dataset, Example, Label, Origin, Preference, TrainingSet};
pub use crate::error::{BoxError, Error, Problem, Result};
#[cfg(feature = "hosted")]
pub use crate::hosted::HostedTrainer;
pub use crate::job::{
    EventLevel, Hyperparameters, JobError, JobId, JobState, JobStatus, Method, Metrics,
    TrainingEvent, TrainingJob,
};
pub use crate::pace::{Pace, Schedule};
pub use crate::read::{FileType, Pair, Place, Reader, Record, Text};
pub use crate::registry::{JobRecord, JobRegistry};
pub use crate::split::{GroupedSplit, Side, Split};
#[cfg(feature = "mock")]
pub use crate::trainer::MockTrainer;
pub use crate::trainer::{EventStream, Trainer, TrainerExt};
pub use crate::tuning::{Lora, Tuning};
pub use crate::write::{Format, Kind, UnknownFormat, add_to_dataset_info};
