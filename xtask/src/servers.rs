//! The servers of other people that cells of the matrix run against.

mod litellm;
mod llama_cpp;
mod prism;
mod running;
mod stdy;
mod transformers_serve;

use anyhow::Result;
use xshell::Shell;

pub(crate) use self::{llama_cpp::LLAMA_CPP, running::Running, transformers_serve::TRANSFORMERS};
use crate::metadata::Workspace;

/// A server that the tests start and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// A mock made from OpenAI's specification, which streams.
    Stdy,
    /// A mock made from OpenAI's specification, which is strict with it and streams nothing.
    Prism,
    /// A proxy, here before a model that always says the same.
    LiteLlm,
    /// Models of `PyTorch`, here a tiny one with random weights.
    TransformersServe,
    /// llama.cpp's models, here a tiny one with random weights.
    LlamaCpp,
}

impl Server {
    /// The environment variable in which the tests find its base URL.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Stdy => "ATTUNE_TEST_STDY",
            Self::Prism => "ATTUNE_TEST_PRISM",
            Self::LiteLlm => "ATTUNE_TEST_LITELLM",
            Self::TransformersServe => "ATTUNE_TEST_TRANSFORMERS_SERVE",
            Self::LlamaCpp => "ATTUNE_TEST_LLAMA_CPP",
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
            Self::Prism => prism::launch(sh, workspace, port),
            Self::LiteLlm => litellm::launch(sh, workspace, port),
            Self::TransformersServe => transformers_serve::launch(sh, workspace, port),
            Self::LlamaCpp => llama_cpp::launch(sh, workspace, port),
        }?;
        running::start(launch, port, &workspace.tools_dir().join("logs"))
    }
}
