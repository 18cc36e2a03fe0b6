//! `cargo xtask base-model`: trains the model that the engine ships.

use xshell::{Shell, cmd};

use crate::flags;

/// Runs the engine's own training command, in release, with the given arguments.
pub(crate) fn run(sh: &Shell, flags: &flags::BaseModel) -> anyhow::Result<bool> {
    let args = &flags.args;
    cmd!(
        sh,
        "cargo run --release -p local-engine --features train --example base_model -- {args...}"
    )
    .run()?;
    Ok(true)
}
