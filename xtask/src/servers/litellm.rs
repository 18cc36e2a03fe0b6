//! LiteLLM's proxy, in front of its `mock_response`.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use super::running::Launch;
use crate::{metadata::Workspace, python::Environment};

const LITELLM: Environment = Environment::new("litellm");

pub(super) fn launch(sh: &Shell, workspace: &Workspace, port: u16) -> Result<Launch> {
    let installed = LITELLM.install(sh, workspace)?;
    let config = sh.current_dir().join("tests/python/litellm/config.yaml");
    let launch = Launch::new("litellm", installed.script("litellm"))
        .with_args(["--host", "127.0.0.1", "--port", &port.to_string(), "--config"])
        .with_args([config])
        // It would ask the network for prices and for its dashboard otherwise.
        .with_env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .with_env("DISABLE_ADMIN_UI", "True")
        .with_base("/v1")
        .ready_at("/health/liveliness", Duration::from_secs(180));
    Ok(launch)
}
