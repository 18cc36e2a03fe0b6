//! `cargo xtask bench`: what a crate costs beside others that do the same.

mod clients;
mod comparison;
mod cpu;
mod data;
mod engine;
mod heap;
mod linear;
mod memory;
mod minimal;
mod program;
mod statistics;
mod tokens;

use std::io::IsTerminal as _;

use anyhow::Result;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::{
    bench::clients::{Clients, Server},
    flags,
    metadata::Workspace,
};

/// Runs what the flags select; `false` if a target is missed.
pub(crate) fn run(sh: &Shell, flags: &flags::Bench) -> Result<bool> {
    match &flags.subcommand {
        flags::BenchCmd::Transport(flags) => transport(sh, flags),
        flags::BenchCmd::Data(flags) => {
            let mut report = Report::new(flags.json);
            data::measure(sh, &Workspace::load(sh)?, flags, |section| report.add(section))?;
            report.end(sh)
        }
        flags::BenchCmd::Engine(flags) => {
            let mut report = Report::new(flags.json);
            engine::measure(sh, &Workspace::load(sh)?, flags, |section| report.add(section))?;
            report.end(sh)
        }
        flags::BenchCmd::Tokens(flags) => {
            let mut report = Report::new(flags.json);
            report.add(tokens::measure(sh, &Workspace::load(sh)?, flags)?);
            report.end(sh)
        }
    }
}

fn transport(sh: &Shell, flags: &flags::Transport) -> Result<bool> {
    let target_dir = Workspace::load(sh)?.target_dir.join("bench-transport");
    let mut report = Report::new(flags.json);
    if flags.build {
        report.add(minimal::measure(&target_dir, flags.peers)?);
    } else {
        let clients = Clients::build(&target_dir)?;
        let server = Server::start(&clients)?;
        report.add(cpu::measure(&clients, &server, flags.quick)?);
        report.add(heap::measure(&clients, &server)?);
        report.add(linear::measure(&clients, &server, flags.quick)?);
        report.add(memory::measure(&clients, &server, &target_dir)?);
    }
    report.end(sh)
}

/// What was found: printed as it comes, or kept to be printed as JSON.
#[derive(Debug)]
struct Report {
    json: Option<Value>,
    is_met: bool,
}

impl Report {
    fn new(as_json: bool) -> Self {
        Self { json: as_json.then(|| json!({})), is_met: true }
    }

    fn add(&mut self, section: Section) {
        self.is_met &= section.is_met;
        match &mut self.json {
            Some(json) => json[section.name] = section.json,
            None => {
                progress("");
                println!("\n== {}\n{}", section.title, section.table.trim_end());
            }
        }
    }

    /// Prints the JSON, if that is how it is told; `false` if a target is missed.
    fn end(self, sh: &Shell) -> Result<bool> {
        if let Some(mut json) = self.json {
            json["commit"] = commit(sh)?.into();
            println!("{json:#}");
        }
        Ok(self.is_met)
    }
}

/// Figures that are told together.
#[derive(Debug)]
struct Section {
    name: &'static str,
    title: String,
    table: String,
    json: Value,
    /// Whether what the product must keep to, it keeps to.
    is_met: bool,
}

/// Says what is under way, to whoever sits and waits.
fn progress(message: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{message}");
    }
}

/// The commit that is measured, marked if the working tree has changed since.
fn commit(sh: &Shell) -> Result<String> {
    Ok(cmd!(sh, "git describe --always --dirty --exclude=*").quiet().read()?)
}

/// What the last column says about a figure and its target.
fn verdict(value: f64, target: Option<f64>) -> &'static str {
    match target {
        Some(target) if value > target => "missed",
        Some(_) => "met",
        None => "",
    }
}
