//! Programs that are measured, and say what they cost.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{metadata, metadata::Workspace};

/// Builds the program of `benches/NAME`, and says where it is.
pub(super) fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let target = workspace.target_dir.join(format!("bench-{name}"));
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--target-dir"])
        .arg(&target)
        .current_dir(metadata::root().join("benches").join(name))
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "benches/{name} does not build");
    Ok(target.join("release").join(format!("{name}-bench")))
}

/// Runs a program, which prints a line of JSON at its end, and returns that.
pub(super) fn report(mut command: Command, what: &str) -> Result<Value> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{what} cannot be started"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
        bail!("{what} did not do its work: {}", last.unwrap_or("it said nothing"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    serde_json::from_str(line.with_context(|| format!("{what} does not say what it cost"))?)
        .with_context(|| format!("{what} does not say what it cost"))
}
