//! Maintains attune: `cargo xtask` runs the tests, the lints and the checks on
//! the crates' shape.
//!
//! It imports no crate of the product, so it builds while the product does not.

// A command-line tool speaks by printing.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod base_model;
mod bench;
mod budget;
mod ci;
mod flags;
mod layers;
mod metadata;
mod npm;
mod python;
mod servers;
mod spec;
mod table;
mod test;
mod tools;

use std::process::ExitCode;

use xshell::Shell;

use crate::flags::XtaskCmd;

fn main() -> ExitCode {
    match run(command_line()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; `false` when what it checked is not in order.
fn run(flags: flags::Xtask) -> anyhow::Result<bool> {
    let sh = Shell::new()?;
    sh.change_dir(metadata::root());
    match flags.subcommand {
        XtaskCmd::Test(flags) => Ok(test::run(&sh, flags)),
        XtaskCmd::Ci(_) => ci::run(&sh),
        XtaskCmd::Layers(_) => layers::run(&sh),
        XtaskCmd::Budget(flags) => budget::run(&sh, &flags),
        XtaskCmd::Bench(flags) => bench::run(&sh, &flags),
        XtaskCmd::BaseModel(flags) => base_model::run(&sh, &flags),
        XtaskCmd::Spec(flags) => spec::run(&sh, &flags),
    }
}

/// Parses the arguments; with none, shows what there is.
fn command_line() -> flags::Xtask {
    let mut args: Vec<_> = std::env::args_os().skip(1).collect();
    if args.is_empty() {
        args.push("--help".into());
    }
    flags::Xtask::from_vec(args).unwrap_or_else(|err| err.exit())
}
