//! The Python environment that holds the official `openai` client.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::{Shell, cmd};

use crate::metadata::Workspace;

/// The interpreter of a virtual environment with `tests/python/requirements.txt`
/// installed, built again only when that file or Python itself has changed.
///
/// # Errors
///
/// There is no Python 3 with `venv`, or the packages cannot be had.
pub(crate) fn environment(sh: &Shell, workspace: &Workspace) -> Result<PathBuf> {
    let requirements = sh.current_dir().join("tests/python/requirements.txt");
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let Ok(version) = cmd!(sh, "python3 --version").quiet().ignore_stderr().read() else {
        bail!("python3 is not installed");
    };
    let dir = workspace.tools_dir().join("python");
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = dir.join("installed.txt");
    let wanted = format!("{version}\n{wanted}");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    println!("installing the Python client into {}", dir.display());
    sh.remove_path(&dir)?;
    quietly(cmd!(sh, "python3 -m venv {dir}"))
        .context("`python3 -m venv` failed; on Debian: apt-get install python3-venv")?;
    quietly(cmd!(sh, "{python} -m pip install --disable-pip-version-check -r {requirements}"))
        .context("pip could not install tests/python/requirements.txt")?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(python)
}

/// Runs a command and, only if it fails, says its last line.
pub(crate) fn quietly(command: xshell::Cmd<'_>) -> Result<()> {
    let output = command.quiet().ignore_status().output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    bail!("{}", last.unwrap_or("it said nothing"));
}
