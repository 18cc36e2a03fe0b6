//! `cargo xtask ci`: every lint and check, in order, all of them.

use std::time::Instant;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{
    budget, flags, layers,
    metadata::Workspace,
    table::table,
    tools::{CARGO_DENY, CARGO_HACK},
};

/// A step says whether what it looked at is in order; an error counts as no.
type Step = fn(&Shell, &Workspace) -> Result<Verdict>;

const STEPS: &[(&str, Step)] = &[
    ("fmt", fmt),
    ("clippy", clippy),
    ("doc", doc),
    ("each feature", each_feature),
    ("benches", benches),
    ("deny", deny),
    ("advisories", advisories),
    ("layers", |sh, _| layers::run(sh).map(Verdict::from)),
    ("budget", |sh, _| budget::run(sh, &flags::Budget { json: false }).map(Verdict::from)),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// Could not be looked at on this machine, and why.
    NotRun(String),
}

impl From<bool> for Verdict {
    fn from(ok: bool) -> Self {
        if ok { Self::Passed } else { Self::Failed }
    }
}

/// Runs every step, also after one has failed, and sums up.
pub(crate) fn run(sh: &Shell) -> Result<bool> {
    let workspace = Workspace::load(sh)?;
    let mut rows = Vec::new();
    let mut ok = true;
    for (name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let verdict = step(sh, &workspace).unwrap_or_else(|err| {
            println!("{err:#}");
            Verdict::Failed
        });
        let seconds = format!("{:.1}", start.elapsed().as_secs_f64());
        let said = match &verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed => "FAILED".to_owned(),
            Verdict::NotRun(reason) => format!("not run: {reason}"),
        };
        println!("== {name}: {said}, {seconds} s");
        ok &= verdict != Verdict::Failed;
        rows.push([(*name).to_owned(), seconds, said]);
    }
    println!("\n{}", table(["step", "seconds", "result"], &rows));
    Ok(ok)
}

fn fmt(sh: &Shell, _: &Workspace) -> Result<Verdict> {
    passes(cmd!(sh, "cargo fmt --all --check"))
}

fn clippy(sh: &Shell, _: &Workspace) -> Result<Verdict> {
    passes(cmd!(sh, "cargo clippy --workspace --all-targets --all-features -- -D warnings"))
}

fn doc(sh: &Shell, _: &Workspace) -> Result<Verdict> {
    passes(
        cmd!(sh, "cargo doc --workspace --no-deps --all-features")
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Each feature of each product crate alone, and none, without a warning.
fn each_feature(sh: &Shell, workspace: &Workspace) -> Result<Verdict> {
    let hack = CARGO_HACK.path(sh, workspace)?;
    let packages = layers::product().flat_map(|name| ["--package", name]);
    // Clippy rather than check: it alone can forbid warnings in the workspace
    // without a RUSTFLAGS that would build every dependency again.
    passes(cmd!(sh, "{hack} hack clippy --keep-going --each-feature {packages...} -- -D warnings"))
}

/// The benchmark's own workspace, without the peers, which take minutes to build.
fn benches(sh: &Shell, workspace: &Workspace) -> Result<Verdict> {
    let manifest = "benches/transport/Cargo.toml";
    let target_dir = workspace.target_dir.join("bench-transport");
    let packages = ["client-ours", "client-raw", "fixture", "harness", "server"]
        .map(|name| ["--package", name]);
    let packages = packages.as_flattened();
    cmd!(sh, "cargo fmt --manifest-path {manifest} --all --check").run()?;
    passes(cmd!(
        sh,
        "cargo clippy --locked --manifest-path {manifest} --target-dir {target_dir} {packages...} -- -D warnings"
    ))
}

fn deny(sh: &Shell, workspace: &Workspace) -> Result<Verdict> {
    let deny = CARGO_DENY.path(sh, workspace)?;
    passes(cmd!(sh, "{deny} check bans licenses sources"))
}

/// Known vulnerabilities, where the database of them can be reached.
fn advisories(sh: &Shell, workspace: &Workspace) -> Result<Verdict> {
    let deny = CARGO_DENY.path(sh, workspace)?;
    let fetched = cmd!(sh, "{deny} fetch db").ignore_status().output()?;
    if !fetched.status.success() {
        return Ok(Verdict::NotRun("the advisory database cannot be reached".to_owned()));
    }
    passes(cmd!(sh, "{deny} check advisories --disable-fetch"))
}

/// Runs a command whose output is for the reader.
fn passes(command: xshell::Cmd<'_>) -> Result<Verdict> {
    command.run()?;
    Ok(Verdict::Passed)
}
