//! `transformers serve`, with a tiny random model.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use super::running::Launch;
use crate::{metadata::Workspace, python::Environment};

/// `PyTorch` and `transformers`.
pub(crate) const TRANSFORMERS: Environment = Environment::new("transformers_serve");

pub(super) fn launch(sh: &Shell, workspace: &Workspace, port: u16) -> Result<Launch> {
    let installed = TRANSFORMERS.install(sh, workspace)?;
    let launch = Launch::new("transformers-serve", installed.script("transformers"))
        .with_args(["serve", "--device", "cpu", "--default-seed", "1", "--log-level", "info"])
        .with_args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .with_env("HF_HUB_CACHE", installed.made.join("hub"))
        .with_env("HF_HUB_OFFLINE", "1")
        .with_env("HF_HUB_DISABLE_TELEMETRY", "1")
        .with_base("/v1")
        .ready_at("/health", Duration::from_secs(180));
    Ok(launch)
}
