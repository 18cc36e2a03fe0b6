//! `cargo xtask test`: unit tests, doc tests and the integration matrix.

mod build;
mod cells;
mod libtest;
mod process;
mod report;

use std::{
    collections::BTreeSet, env, ffi::OsString, path::PathBuf, process::Command, time::Instant,
};

use anyhow::{Result, bail};
use xshell::Shell;

use crate::{
    flags,
    metadata::Workspace,
    python::Environment,
    servers::{LLAMA_CPP, Running, Server, TRANSFORMERS},
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
    let mut built = Built::default();
    for wanted in wanted(plan) {
        built.add(build::build(&workspace, wanted)?);
    }
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

fn wanted(plan: &Plan) -> Vec<Wanted> {
    if plan.unit {
        return vec![Wanted::Everything];
    }
    let of =
        |cell: &Cell| if cell.is_own() { Wanted::Matrix } else { Wanted::Package(cell.package) };
    let wanted: BTreeSet<_> = plan.cells.iter().map(of).collect();
    wanted.into_iter().collect()
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
    let packages: BTreeSet<_> = plan.cells.iter().map(|cell| cell.package).collect();
    let suites = packages.into_iter().map(|package| suites(workspace, built, package));
    let suites = suites.collect::<Result<Vec<_>>>()?.concat();
    let attune = built.iter().find(|e| !e.is_test);
    if attune.is_none() && plan.cells.iter().any(Cell::is_own) {
        bail!("the build made no `attune`, which the matrix runs");
    }

    for cell in &plan.cells {
        println!("\n== {} {}", cell.axis, cell.name);
        let row = run_cell(sh, workspace, cell, &suites, attune)?;
        println!("{row}");
        report.add(cell.axis, row);
    }
    if plan.everything {
        let own = suites.iter().filter(|suite| suite.package == cells::PACKAGE);
        for name in own.flat_map(|suite| cells::strays(&suite.names)) {
            let reason = "no cell runs this test; put its module in xtask/src/test/cells.rs";
            report.add("problems", Row::broken(name, reason.to_owned()));
        }
    }
    Ok(())
}

/// A test binary and the full names of its tests.
#[derive(Debug, Clone)]
struct Suite<'a> {
    package: &'a str,
    executable: &'a Executable,
    names: Vec<String>,
}

/// Those of one member.
fn suites<'a>(
    workspace: &Workspace,
    built: &'a [Executable],
    package: &'a str,
) -> Result<Vec<Suite<'a>>> {
    let home = workspace.package(package).map(|package| &package.manifest);
    let built = built.iter().filter(|e| e.is_test && home == Some(&e.manifest));
    let suites = built.map(|executable| {
        Ok(Suite { package, executable, names: libtest::list(executable.command())? })
    });
    let suites = suites.collect::<Result<Vec<_>>>()?;
    if suites.is_empty() {
        bail!("the build made no test binary of `{package}`");
    }
    Ok(suites)
}

fn run_cell(
    sh: &Shell,
    workspace: &Workspace,
    cell: &Cell,
    suites: &[Suite<'_>],
    attune: Option<&Executable>,
) -> Result<Row> {
    let suites = suites.iter().filter(|suite| suite.package == cell.package).map(|suite| {
        let is_held = |name: &&String| cell.holds(&suite.executable.name, name);
        (suite.executable, suite.names.iter().filter(is_held).collect::<Vec<_>>())
    });
    let suites: Vec<_> = suites.filter(|(_, tests)| !tests.is_empty()).collect();
    if suites.is_empty() {
        return Ok(Row::broken(cell.name, format!("no test ran: `{}` has none", cell.module)));
    }
    let found = match Found::what(cell.need, sh, workspace) {
        Ok(found) => found,
        Err(err) => return Ok(Row::not_run(cell.name, format!("{err:#}"))),
    };
    let start = Instant::now();
    let mut tally = Tally::default();
    for (executable, tests) in suites {
        let mut command = executable.command();
        // What needs the command or the client is ignored by a plain `cargo test`.
        command.args(["--exact", "--include-ignored"]).args(&tests);
        command.envs(attune.map(|attune| ("ATTUNE_BIN", &attune.path)));
        command.envs(found.variables());
        tally += run_tests(command, tests)?;
    }
    if tally.failed > 0
        && let Found::Server(_, running) = &found
    {
        let log = format!("what the server said is in {}\n", running.log().display());
        tally.complaints.push_str(&log);
    }
    Ok(Row::new(cell.name, tally, start.elapsed()))
}

/// Runs a test binary, which is to report these tests.
fn run_tests(command: Command, tests: Vec<&String>) -> Result<Tally> {
    let mut silent: BTreeSet<_> = tests.into_iter().map(String::as_str).collect();
    let mut tally = libtest::run(command, |line| {
        println!("{line}");
        silent.remove(line.name);
    })?;
    if tally.failed > 0 {
        // Which ones they were says where a crash began.
        let silent = silent.into_iter().map(|test| format!("not reported: {test}\n"));
        tally.complaints.extend(silent);
    }
    Ok(tally)
}

/// The official Python client.
const CLIENT: Environment = Environment::new("client");

/// The libraries that the engine is to agree with.
pub(crate) const PEERS: Environment = Environment::new("engine").on(&TRANSFORMERS);

/// OpenAI's own tokenizer.
pub(crate) const TIKTOKEN: Environment = Environment::new("tiktoken");

/// What a cell needed, found or started; a server is stopped when this is dropped.
#[derive(Debug)]
enum Found {
    Nothing,
    Python(PathBuf),
    /// What scripts wrote, in these folders.
    Peers {
        transformers: PathBuf,
        llama_cpp: PathBuf,
    },
    /// What a script wrote, in this folder.
    Tiktoken(PathBuf),
    Server(Server, Running),
}

impl Found {
    fn what(need: Need, sh: &Shell, workspace: &Workspace) -> Result<Self> {
        Ok(match need {
            Need::Nothing => Self::Nothing,
            Need::PythonClient => Self::Python(CLIENT.install(sh, workspace)?.python()),
            Need::Peers => Self::Peers {
                transformers: PEERS.install(sh, workspace)?.made,
                llama_cpp: LLAMA_CPP.install(sh, workspace)?.made,
            },
            Need::Tiktoken => Self::Tiktoken(TIKTOKEN.install(sh, workspace)?.made),
            Need::Server(server) => Self::Server(server, server.start(sh, workspace)?),
        })
    }

    /// The environment variables in which the tests find it.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Python(python) => vec![("ATTUNE_TEST_PYTHON", python.into())],
            Self::Peers { transformers, llama_cpp } => vec![
                ("ATTUNE_TEST_ENGINE_PEERS", transformers.into()),
                ("ATTUNE_TEST_ENGINE_GGUF", llama_cpp.into()),
            ],
            Self::Tiktoken(made) => vec![("ATTUNE_TEST_TIKTOKEN", made.into())],
            Self::Server(server, running) => vec![(server.variable(), running.base_url().into())],
        }
    }
}
