//! `cargo xtask test`: unit tests, doc tests and the integration matrix.

mod build;
mod cells;
mod libtest;
mod process;
mod report;

use std::{collections::BTreeSet, env, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context as _, Result};
use xshell::Shell;

use crate::{
    flags,
    metadata::Workspace,
    python::Environment,
    servers::{Running, Server},
    test::{
        build::{Built, Executable, Wanted},
        cells::{Cell, Need, Plan},
        libtest::Tally,
        report::{Report, Row},
    },
};

/// Runs what the flags select; `true` if nothing failed.
///
/// The last line printed is always `N passed, N failed`.
pub(crate) fn run(sh: &Shell, flags: flags::Test) -> bool {
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    let mut report = Report::new(ci);
    let done = Plan::new(flags).and_then(|plan| carry_out(sh, &plan, &mut report));
    if let Err(err) = done {
        report.add("problems", Row::broken("cargo xtask test", format!("{err:#}")));
    }
    report.print();
    report.ok()
}

fn carry_out(sh: &Shell, plan: &Plan, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load(sh)?;
    let built = build::build(&workspace, wanted(plan))?;
    if built.is_broken {
        let complaint = "not everything builds; the compiler's messages are above";
        report.add("problems", Row::broken("cargo build", complaint.to_owned()));
    }
    if plan.unit {
        for row in unit_tests(&workspace, &built) {
            report.add("unit tests", row?);
        }
    }
    if plan.doc && built.is_broken {
        let reason = "not everything builds".to_owned();
        report.add("doc tests", Row::not_run("all", reason));
    } else if plan.doc {
        for row in doc_tests()? {
            report.add("doc tests", row);
        }
    }
    if !plan.cells.is_empty() {
        matrix(sh, &workspace, plan, &built.executables, report)?;
    }
    Ok(())
}

fn wanted(plan: &Plan) -> Wanted {
    match (plan.unit, plan.cells.is_empty()) {
        (true, _) => Wanted::Everything,
        (false, false) => Wanted::Matrix,
        (false, true) => Wanted::Nothing,
    }
}

/// One row per crate, over all its test binaries.
fn unit_tests<'a>(
    workspace: &'a Workspace,
    built: &'a Built,
) -> impl Iterator<Item = Result<Row>> + 'a {
    println!("\n== unit tests");
    workspace.packages.iter().filter(|package| package.name != cells::PACKAGE).map(|package| {
        let start = Instant::now();
        let mut tally = Tally::default();
        let tests = |e: &&Executable| e.is_test && e.manifest == package.manifest;
        if built.is_broken && !built.executables.iter().any(|e| tests(&e)) {
            return Ok(Row::not_run(&package.name, "it does not build".to_owned()));
        }
        for executable in built.executables.iter().filter(tests) {
            tally += libtest::run(executable.command(), |line| {
                if line.is_failure() {
                    println!("{}: {line}", package.name);
                }
            })?;
        }
        let row = Row::new(&package.name, tally, start.elapsed());
        println!("{row}");
        Ok(row)
    })
}

/// One row per crate; cargo runs them, since only it knows how.
fn doc_tests() -> Result<Vec<Row>> {
    println!("\n== doc tests");
    let mut command = Command::new("cargo");
    command.args(["test", "--doc", "--no-fail-fast"]).args(build::SELECTION);
    let mut rows = Vec::new();
    let run = libtest::run_by_crate(command, |name, tally, took| {
        let row = Row::new(name, tally, took);
        println!("{row}");
        rows.push(row);
    })?;
    if let Some(problem) = run {
        rows.push(Row::broken("cargo test --doc", problem));
    }
    Ok(rows)
}

/// Runs each cell of the matrix on its own, so that one that crashes takes no
/// other with it.
fn matrix(
    sh: &Shell,
    workspace: &Workspace,
    plan: &Plan,
    built: &[Executable],
    report: &mut Report,
) -> Result<()> {
    // Other crates name their own test binaries so too.
    let home = workspace.packages.iter().find(|package| package.name == cells::PACKAGE);
    let binary = built
        .iter()
        .find(|e| {
            e.is_test && e.name == cells::BINARY && home.is_some_and(|p| p.manifest == e.manifest)
        })
        .with_context(|| format!("the build made no test binary `{}`", cells::BINARY))?;
    let attune = built
        .iter()
        .find(|e| !e.is_test)
        .context("the build made no `attune`, which the matrix runs")?;
    let names = libtest::list(binary.command())?;

    for cell in &plan.cells {
        println!("\n== {} {}", cell.axis, cell.name);
        let row = run_cell(sh, workspace, cell, binary, attune, &names)?;
        println!("{row}");
        report.add(cell.axis, row);
    }
    if plan.everything {
        for name in cells::strays(&names) {
            let reason = "no cell runs this test; put its module in xtask/src/test/cells.rs";
            report.add("problems", Row::broken(name, reason.to_owned()));
        }
    }
    Ok(())
}

fn run_cell(
    sh: &Shell,
    workspace: &Workspace,
    cell: &Cell,
    binary: &Executable,
    attune: &Executable,
    names: &[String],
) -> Result<Row> {
    let tests: Vec<_> = names.iter().filter(|name| cell.holds(name)).collect();
    if tests.is_empty() {
        return Ok(Row::broken(cell.name, format!("no test ran: `{}` has none", cell.module)));
    }
    let found = match Found::what(cell.need, sh, workspace) {
        Ok(found) => found,
        Err(err) => return Ok(Row::not_run(cell.name, format!("{err:#}"))),
    };
    let start = Instant::now();
    let mut command = binary.command();
    // What needs the command or the client is ignored by a plain `cargo test`.
    command.args(["--exact", "--include-ignored"]).args(&tests).env("ATTUNE_BIN", &attune.path);
    match &found {
        Found::Nothing => {}
        Found::Python(python) => _ = command.env("ATTUNE_TEST_PYTHON", python),
        Found::Server(server, running) => _ = command.env(server.variable(), running.base_url()),
    }
    let mut silent: BTreeSet<_> = tests.into_iter().map(String::as_str).collect();
    let mut tally = libtest::run(command, |line| {
        println!("{line}");
        silent.remove(line.name);
    })?;
    if tally.failed > 0 {
        // Which ones they were says where a crash began.
        let silent = silent.into_iter().map(|test| format!("not reported: {test}\n"));
        tally.complaints.extend(silent);
        if let Found::Server(_, running) = &found {
            let log = format!("what the server said is in {}\n", running.log().display());
            tally.complaints.push_str(&log);
        }
    }
    Ok(Row::new(cell.name, tally, start.elapsed()))
}

/// The official Python client.
const CLIENT: Environment = Environment::new("client");

/// What a cell needed, found or started; a server is stopped when this is dropped.
#[derive(Debug)]
enum Found {
    Nothing,
    Python(PathBuf),
    Server(Server, Running),
}

impl Found {
    fn what(need: Need, sh: &Shell, workspace: &Workspace) -> Result<Self> {
        Ok(match need {
            Need::Nothing => Self::Nothing,
            Need::PythonClient => Self::Python(CLIENT.install(sh, workspace)?.python()),
            Need::Server(server) => Self::Server(server, server.start(sh, workspace)?),
        })
    }
}
