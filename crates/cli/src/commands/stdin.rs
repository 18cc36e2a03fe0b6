//! Standard input, off the threads that drive futures.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context as _, Result};

/// Whether a person sits at it.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// All of it.
pub(crate) async fn all() -> Result<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    });
    read.await?.context("could not read standard input")
}

/// The next line without its line break; `None` at the end.
pub(crate) async fn line() -> Result<Option<String>> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|bytes| (bytes > 0).then_some(line))
    });
    let line = read.await?.context("could not read standard input")?;
    Ok(line.map(|line| line.trim_end_matches(['\n', '\r']).to_owned()))
}
