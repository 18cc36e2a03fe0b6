//! What it takes to build a minimal chat program.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    bench::{
        Section,
        clients::{CLIENTS, OURS, RAW, workspace},
        progress,
        statistics::Spread,
        verdict,
    },
    table::table,
};

/// Builds each program from nothing, in alternating rounds; the other clients only with `peers`.
pub(crate) fn measure(target_dir: &Path, peers: bool) -> Result<Section> {
    let programs: Vec<_> =
        CLIENTS.iter().filter(|client| peers || [RAW, OURS].contains(client)).collect();
    let mut costs = Vec::new();
    for client in &programs {
        fetch(client)?;
        costs.push((**client, Vec::new()));
    }
    let mut sizes = Vec::new();
    for round in 0..ROUNDS {
        for (client, seconds) in &mut costs {
            progress(&format!("round {} of {ROUNDS}: building {client}", round + 1));
            let (cpu, size) = build(client, &target_dir.join("minimal"))?;
            seconds.push(cpu);
            sizes.push((*client, size));
        }
        costs.reverse();
    }
    let raw = costs.iter().find(|(client, _)| *client == RAW).context("raw is not built")?;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let mut is_met = true;
    for client in programs {
        let cpu = costs.iter().find(|(name, _)| name == client).context("not built")?;
        let seconds = Spread::of(cpu.1.clone());
        let ratio = Spread::of(cpu.1.iter().zip(&raw.1).map(|(cpu, raw)| cpu / raw).collect());
        let crates = crates(client)?;
        let size = sizes.iter().find(|(name, _)| name == client).context("not built")?.1;
        let ours = *client == OURS;
        let verdicts = [
            verdict(ratio.median, ours.then_some(BUILD)),
            verdict(crates as f64, ours.then_some(MOST_CRATES)),
            verdict(size, ours.then_some(LARGEST_MB)),
        ];
        is_met &= !verdicts.contains(&"missed");
        rows.push([
            (*client).to_owned(),
            format!("{:.1}", seconds.median),
            format!("{:.1}..{:.1}", seconds.low, seconds.high),
            format!("{:.3}", ratio.median),
            verdicts[0].to_owned(),
            crates.to_string(),
            verdicts[1].to_owned(),
            format!("{size:.2}"),
            verdicts[2].to_owned(),
        ]);
        json.push(json!({
            "client": client,
            "cpu_seconds": seconds.median,
            "ratio_to_raw": ratio.median,
            "crates": crates,
            "stripped_mb": size,
        }));
    }
    let head = ["program", "s CPU", "quartiles", "to raw", "", "crates", "", "MB", ""];
    Ok(Section {
        name: "build",
        title: format!(
            "a clean release build of a minimal chat program, medians of {ROUNDS} rounds; for ours \
             at most {BUILD} to raw, {MOST_CRATES} crates, {LARGEST_MB} MB stripped"
        ),
        table: table(head, &rows),
        json: Value::Array(json),
        is_met,
    })
}

/// Has the sources at hand, so that the build needs no network.
fn fetch(client: &str) -> Result<()> {
    let status = cargo(client, &["fetch", "--quiet"]).status()?;
    ensure!(status.success(), "the crates of minimal/{client} cannot be fetched");
    Ok(())
}

/// Builds into an empty folder; says how many seconds of CPU time that took and how many megabytes
/// came of it.
fn build(client: &str, target_dir: &Path) -> Result<(f64, f64)> {
    if target_dir.exists() {
        fs::remove_dir_all(target_dir)?;
    }
    let before = children_cpu()?;
    let status = cargo(client, &["build", "--quiet", "--release", "--offline", "--locked"])
        .arg("--target-dir")
        .arg(target_dir)
        .status()?;
    ensure!(status.success(), "minimal/{client} does not build");
    let cpu = children_cpu()? - before;
    let size = fs::metadata(target_dir.join("release").join(format!("minimal-{client}")))?.len();
    fs::remove_dir_all(target_dir)?;
    Ok((cpu, size as f64 / 1e6))
}

/// How many crates a program is, itself not counted.
fn crates(client: &str) -> Result<usize> {
    let args = ["tree", "--locked", "--edges", "normal", "--prefix", "none"];
    let output = cargo(client, &args).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the crates of minimal/{client} cannot be counted");
    let tree = String::from_utf8_lossy(&output.stdout);
    let name_and_version = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    let crates: BTreeSet<_> = tree.lines().filter_map(name_and_version).collect();
    Ok(crates.len() - 1)
}

fn cargo(client: &str, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(workspace().join("minimal").join(client));
    // Each setting of the shell's would be measured too.
    for name in ["CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "RUSTFLAGS", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    command
}

/// CPU time of all processes that this one has waited for, and of theirs, in seconds.
///
/// From proc(5): `cutime` and `cstime`, in ticks of 10 ms.
fn children_cpu() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("this needs Linux's /proc")?;
    // The second field, in brackets, may hold anything; the third follows its last bracket.
    let after = stat.rsplit_once(") ").map(|(_, fields)| fields).context("unknown format")?;
    let fields: Vec<_> = after.split(' ').collect();
    let ticks = |field: usize| -> Result<f64> {
        Ok(fields.get(field - 3).context("unknown format")?.parse()?)
    };
    Ok((ticks(16)? + ticks(17)?) / 100.0)
}

const ROUNDS: usize = 3;
const BUILD: f64 = 1.15;
const MOST_CRATES: f64 = 100.0;
const LARGEST_MB: f64 = 6.2;
