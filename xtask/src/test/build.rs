//! Builds what the tests run: the test binaries and `attune`.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{metadata::Workspace, test::cells};

/// The packages and features of every build here but [`Wanted::Package`]. One selection
/// for all, so that a slice finds built what a full run left, and the other way round.
pub(crate) const SELECTION: [&str; 2] = ["--workspace", "--all-features"];

/// How much to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// Every test binary, and `attune`.
    Everything,
    /// The matrix's test binary, and `attune`.
    Matrix,
    /// The test binaries of one member, without the rest of the workspace.
    Package(&'static str),
}

/// What a build left.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) executables: Vec<Executable>,
    /// Whether something did not build.
    pub(crate) is_broken: bool,
}

impl Built {
    /// Adds what another build left.
    pub(crate) fn add(&mut self, other: Self) {
        self.executables.extend(other.executables);
        self.is_broken |= other.is_broken;
    }
}

/// Something that was built and can be run.
#[derive(Debug)]
pub(crate) struct Executable {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) is_test: bool,
}

impl Executable {
    /// A command that runs it as cargo would: in its package's folder.
    pub(crate) fn command(&self) -> Command {
        let dir = self.manifest.parent().unwrap_or(Path::new("."));
        let mut command = Command::new(&self.path);
        command.current_dir(dir).env("CARGO_MANIFEST_DIR", dir);
        command
    }
}

/// Builds in the dev profile, also past an error, so that the crates that build
/// can be tested. The compiler's messages go to standard error.
pub(crate) fn build(workspace: &Workspace, wanted: Wanted) -> Result<Built> {
    let Some(attune) = workspace.package("cli").and_then(|cli| cli.bins.first()) else {
        bail!("the workspace has no crate `cli` with a binary");
    };
    println!("== build");
    let mut command = Command::new("cargo");
    command.args(["build", "--keep-going"]);
    match wanted {
        Wanted::Everything => command.args(SELECTION).args(["--tests", "--bin", attune]),
        Wanted::Matrix => command.args(SELECTION).args(["--test", cells::BINARY, "--bin", attune]),
        Wanted::Package(name) => command.args(["--all-features", "--tests", "--package", name]),
    };
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo does not start")?;
    let messages = child.stdout.take().context("cargo has no standard output")?;
    let mut executables = Vec::new();
    for message in BufReader::new(messages).lines() {
        executables.extend(executable(&message.context("cargo's messages cannot be read")?));
    }
    let status = child.wait().context("cargo cannot be waited for")?;
    executables.retain(|e: &Executable| e.is_test || e.name == *attune);
    Ok(Built { executables, is_broken: !status.success() })
}

/// The executable that a message of `cargo build` announces, if it does.
fn executable(message: &str) -> Option<Executable> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    Some(Executable {
        path: PathBuf::from(message["executable"].as_str()?),
        name: message["target"]["name"].as_str()?.to_owned(),
        manifest: PathBuf::from(message["manifest_path"].as_str()?),
        is_test: message["profile"]["test"].as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn only_an_artifact_that_runs_is_an_executable() {
        let library = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml",
            "target":{"name":"facade"},"profile":{"test":false},"executable":null}"#;
        let tests = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml",
            "target":{"name":"facade"},"profile":{"test":true},"executable":"/t/facade-1"}"#;
        let finished = r#"{"reason":"build-finished","success":true}"#;
        assert!(executable(library).is_none());
        assert!(executable(finished).is_none());
        assert!(executable("   Compiling facade").is_none());
        let tests = executable(tests).unwrap();
        assert!(tests.is_test && tests.path.ends_with("facade-1"));
    }
}
