//! `@stdy/cli`: takes the specification as it is, and streams.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use super::running::Launch;
use crate::{metadata::Workspace, npm, spec};

pub(super) fn launch(sh: &Shell, workspace: &Workspace, port: u16) -> Result<Launch> {
    let dir = npm::environment(sh, workspace)?;
    let specification = sh.current_dir().join(spec::DIR).join("openapi.json");
    let launch = Launch::new("stdy", npm::script(&dir, "steady"))
        .with_args(["--host", "127.0.0.1", "--log-format", "text", "--log-bodies", "--no-color"])
        .with_args(["--stream-interval", "1", "--port", &port.to_string()])
        // As OpenAI's documentation shows it: `expires_after[anchor]=created_at`.
        .with_args(["--validator-form-object-format", "brackets"])
        .with_args([specification])
        .ready_at("/models", Duration::from_secs(60));
    Ok(launch)
}
