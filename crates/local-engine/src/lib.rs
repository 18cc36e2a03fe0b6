#![doc = include_str!("../README.md")]

mod available;
mod config;
mod engine;
mod error;
mod export;
mod files;
mod generate;
mod gguf;
#[cfg(feature = "json")]
mod grammar;
#[cfg(feature = "hub")]
mod hub;
mod image_facts;
mod info;
mod kernels;
mod matmul;
mod model;
mod models;
mod network;
mod peft;
mod quant;
mod request;
mod rope;
mod sample;
mod serve;
mod stop;
mod store;
mod template;
mod tensor;
mod tokenizer;
mod tools;
#[cfg(feature = "train")]
mod train;
mod weights;

pub use crate::engine::Engine;
pub use crate::error::{BoxError, Error, Result};
pub use crate::export::{Export, ExportFormat, Exporting, WeightType};
#[cfg(feature = "hub")]
pub use crate::hub::{Fetching, Hub};
pub use crate::info::ModelInfo;
pub use crate::template::ChatMarks;
#[cfg(feature = "train")]
pub use crate::train::{BaseModel, BaseModelReport, LocalTrainer};
