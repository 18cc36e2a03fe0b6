//! Counting tokens beside tiktoken from Python, on one thread.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xshell::Shell;

use crate::{
    bench::{
        Section,
        comparison::{Comparison, HEAD, Target},
        program::{build, report},
        progress,
    },
    flags, metadata,
    metadata::Workspace,
    table::table,
    test::TIKTOKEN,
};

/// Files of texts, as `tests/python/tiktoken` makes them, and how many times as fast as the peer
/// they are to be counted.
const SETS: &[(&str, &str, f64)] = &[
    ("documents", "200,000 documents", 6.0),
    ("library", "Python's standard library", 6.0),
    ("adversarial", "20,000 adversarial strings", 1.0),
    ("runs", "1 MB of one character", 1.0),
];
const ENCODINGS: [&str; 2] = ["o200k_base", "cl100k_base"];

/// Counts each set in alternating rounds.
pub(super) fn measure(sh: &Shell, workspace: &Workspace, flags: &flags::Tokens) -> Result<Section> {
    let rig = Rig::build(sh, workspace)?;
    let rounds = flags.rounds.unwrap_or(5).max(1);
    let mut found = Vec::new();
    for &(set, told, target) in SETS {
        let mut reports = Vec::new();
        for round in 0..rounds {
            progress(&format!("{told}: round {} of {rounds}", round + 1));
            reports.push(rig.round(set, round % 2 == 1)?);
        }
        for encoding in ENCODINGS {
            let speeds = |reports: &[&Value]| {
                let speeds = reports.iter().map(|report| speed(&report[encoding]));
                speeds.collect::<Result<Vec<_>>>()
            };
            let (ours, theirs): (Vec<_>, Vec<_>) = reports.iter().map(|(a, b)| (a, b)).unzip();
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let counts = [ours, theirs].map(|report| &report[encoding]["tokens"]);
                ensure!(counts[0] == counts[1], "{set} in {encoding}: {counts:?} differ");
            }
            found.push(Comparison {
                what: format!("{told}, {encoding}"),
                peer: "tiktoken".to_owned(),
                unit: "M/s",
                target: Some(Target::AtLeast(target)),
                ..Comparison::of(&speeds(&ours)?, &speeds(&theirs)?)
            });
        }
    }
    let rows: Vec<_> = found.iter().map(Comparison::row).collect();
    Ok(Section {
        name: "tokens",
        title: format!(
            "millions of tokens counted in a second of CPU time, on one thread: medians of \
             {rounds} alternating rounds"
        ),
        table: table(HEAD, &rows),
        json: found.iter().map(Comparison::json).collect(),
        is_met: found.iter().all(Comparison::is_met),
    })
}

/// Millions of tokens in a second.
fn speed(report: &Value) -> Result<f64> {
    let number = |field: &str| {
        report[field].as_f64().with_context(|| format!("a program does not tell its {field}"))
    };
    Ok(number("tokens")? / number("seconds")? / 1e6)
}

/// Both programs.
#[derive(Debug)]
struct Rig {
    ours: PathBuf,
    python: PathBuf,
    peer: PathBuf,
    texts: PathBuf,
}

impl Rig {
    /// Builds and installs what is not there yet.
    fn build(sh: &Shell, workspace: &Workspace) -> Result<Self> {
        let installed = TIKTOKEN.install(sh, workspace)?;
        let here = metadata::root().join("benches/tokens");
        Ok(Self {
            ours: build(workspace, "tokens")?,
            python: installed.python(),
            peer: here.join("peers/count.py"),
            texts: installed.made,
        })
    }

    /// What ours and theirs tell of a set; every other round theirs goes first, so that a drift of
    /// the machine's favours nobody.
    fn round(&self, set: &str, theirs_first: bool) -> Result<(Value, Value)> {
        let texts = self.texts.join(set).with_extension("bin");
        let ours = || {
            let mut command = Command::new(&self.ours);
            command.arg(&texts);
            report(command, "tokens-bench")
        };
        let theirs = || {
            let mut command = Command::new(&self.python);
            command.arg("-B").arg(&self.peer).arg(&texts);
            report(command, "count.py")
        };
        if theirs_first {
            let theirs = theirs()?;
            Ok((ours()?, theirs))
        } else {
            Ok((ours()?, theirs()?))
        }
    }
}
