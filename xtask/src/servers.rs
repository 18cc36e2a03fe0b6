//! The servers of other people that cells of the matrix run against.

mod running;
mod stdy;

use anyhow::Result;
use xshell::Shell;

pub(crate) use self::running::Running;
use crate::metadata::Workspace;

/// A server that the tests start and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// A mock made from OpenAI's specification, which streams.
    Stdy,
}

impl Server {
    /// The environment variable in which the tests find its base URL.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Stdy => "ATTUNE_TEST_STDY",
        }
    }

    /// Installs it if need be, starts it on a free port of the loopback and waits until it answers.
    ///
    /// # Errors
    ///
    /// It cannot be had on this machine, or does not start.
    pub(crate) fn start(self, sh: &Shell, workspace: &Workspace) -> Result<Running> {
        let port = running::free_port()?;
        let launch = match self {
            Self::Stdy => stdy::launch(sh, workspace, port),
        }?;
        running::start(launch, port, &workspace.tools_dir().join("logs"))
    }
}
