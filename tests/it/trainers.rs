//! The suite of `Trainer` over each trainer.

mod embedded;
mod hosted;
