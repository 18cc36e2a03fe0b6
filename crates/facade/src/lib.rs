#![doc = include_str!("../README.md")]

mod ask;
mod assistants;
mod blocking;
mod builder;
mod convert;
mod error;
mod exchange;
mod image;
mod learn;
mod near;
mod openai_model;
mod session;
mod train;

pub use crate::ask::{Ask, Reply, ReplyPart, ReplyStream};
pub use crate::assistants::Assistants;
pub use crate::builder::Builder;
pub use crate::error::{Error, Hidden, Result};
pub use crate::image::{DescribeImage, ImageDescription, ImageSource};
pub use crate::learn::{Learn, Unrated};
pub use crate::openai_model::OpenAiModel;
pub use crate::session::Session;
pub use crate::train::{Submitted, Train, TrainOptions, TrainingData};
