//! Ctrl-C, and being asked to end.

use std::future::Future;

use anyhow::{Context as _, Result};

use crate::Outcome;

/// Runs `work` until it is done or someone presses Ctrl-C; `work` is dropped then.
pub(crate) async fn or_interrupted(work: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    tokio::select! {
        ended = work => ended,
        pressed = ctrl_c() => pressed.map(|()| Outcome::Interrupted),
    }
}

/// Waits for Ctrl-C.
pub(crate) async fn ctrl_c() -> Result<()> {
    tokio::signal::ctrl_c().await.context("could not listen for Ctrl-C")
}

/// Waits for Ctrl-C or, where there is such a thing, for SIGTERM.
pub(crate) async fn asked_to_end() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate =
            signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
        tokio::select! {
            pressed = ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    ctrl_c().await
}
