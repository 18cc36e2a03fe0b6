//! Running `attune`.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A fresh data folder.
pub fn attune_home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What a run of `attune` did.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// The message of a run that failed as it should.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        self.err
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// Runs `attune` to its end.
pub async fn attune(home: &Path, args: &[&str]) -> Ran {
    let output = command(home).args(args).stdin(Stdio::null()).output().await.unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(home: &Path) -> Command {
    let attune = std::env::var_os("ATTUNE_BIN")
        .expect("ATTUNE_BIN names no `attune`; `cargo xtask test` builds one");
    let mut command = Command::new(attune);
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("OPENAI_") || name.starts_with("ATTUNE_")
    });
    for name in ours {
        command.env_remove(name);
    }
    command.env("ATTUNE_HOME", home).kill_on_drop(true);
    command
}

/// `attune serve` on a free port; it ends when this is dropped.
pub struct Serving {
    base_url: String,
    _child: Child,
}

impl Serving {
    /// Starts it and waits until it says where it listens.
    pub async fn start(home: &TempDir, args: &[&str]) -> Self {
        let mut child = command(home.path())
            .args(["serve", "--addr", "127.0.0.1:0", "--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it ended before it listened");
        let told: Value = serde_json::from_str(&line).unwrap();
        Self { base_url: told["base_url"].as_str().unwrap().to_owned(), _child: child }
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}
