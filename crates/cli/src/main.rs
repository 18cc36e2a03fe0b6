//! The command `attune`: a thin shell over the crates.
//!
//! Answers and tables go to standard output, everything else to standard error. This is the one
//! place where the environment is read, a runtime is started and something is printed.

mod args;
mod commands;
mod context;
mod demo;
mod environment;
mod failure;
mod interrupt;
mod progress;
mod render;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::context::Context;
use crate::environment::Environment;
use crate::render::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::refuse(&error),
    };
    let output = Output::new(cli.global.json);
    let ended = run(cli, output);
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => failure::report(&error, output),
    }
}

/// How a command ended that has said all there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Done,
    /// It has told what is wrong.
    Failed,
    /// Someone pressed Ctrl-C.
    Interrupted,
}

fn run(cli: Cli, output: Output) -> anyhow::Result<Outcome> {
    let environment = Environment::read()?;
    let context = Context::new(cli.global, environment, output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(commands::run(context, cli.command));
    // A thread that waits for a line of standard input would never let go.
    runtime.shutdown_background();
    ended
}
