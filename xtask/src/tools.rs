//! Cargo tools that the checks need: pinned, and installed under `target/tools`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

use crate::metadata::Workspace;

/// A cargo tool at one version.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    build_time: &'static str,
}

/// Checks each feature of a crate alone.
pub(crate) const CARGO_HACK: Tool =
    Tool { name: "cargo-hack", version: "0.6.46", build_time: "less than a minute" };

/// Checks licences, sources, bans and advisories.
pub(crate) const CARGO_DENY: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", build_time: "one to five minutes" };

impl Tool {
    /// The tool's executable, built first if this version is not there yet.
    pub(crate) fn path(&self, sh: &Shell, workspace: &Workspace) -> Result<PathBuf> {
        let Self { name, version, build_time } = self;
        let root = workspace.tools_dir();
        let executable =
            root.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
        let installed = cmd!(sh, "cargo install --list --root {root}").quiet().read()?;
        if executable.exists() && is_listed(&installed, name, version) {
            return Ok(executable);
        }
        println!("building {name} {version} into {}, once: {build_time}", root.display());
        // Unoptimised it builds in a fraction of the time, and still checks
        // this workspace in seconds.
        cmd!(sh, "cargo install --quiet --locked --debug --root {root} {name}@{version}")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .run()
            .with_context(|| format!("{name} {version} could not be installed"))?;
        Ok(executable)
    }
}

/// Whether `cargo install --list` names this tool at this version.
fn is_listed(list: &str, name: &str, version: &str) -> bool {
    list.lines().any(|line| line == format!("{name} v{version}:"))
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    const LIST: &str = "cargo-deny v0.20.2:\n    cargo-deny\ncargo-hack v0.6.46:\n    cargo-hack\n";

    #[test]
    fn another_version_is_not_the_pinned_one() {
        assert!(is_listed(LIST, "cargo-hack", "0.6.46"));
        assert!(!is_listed(LIST, "cargo-hack", "0.6.4"));
        assert!(!is_listed(LIST, "cargo-hack", "0.6.47"));
        assert!(!is_listed(LIST, "cargo", "0.6.46"));
    }
}
