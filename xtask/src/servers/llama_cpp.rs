//! The server of llama-cpp-python, with a tiny random model.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use super::running::Launch;
use crate::{metadata::Workspace, python::Environment};

pub(crate) const LLAMA_CPP: Environment = Environment::new("llama_cpp").with_cmake(
    "-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF -DGGML_CPU_REPACK=OFF \
     -DLLAVA_BUILD=OFF -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O0 \
     -DCMAKE_PROJECT_llama.cpp_INCLUDE=HERE/build.cmake",
);

pub(super) fn launch(sh: &Shell, workspace: &Workspace, port: u16) -> Result<Launch> {
    let installed = LLAMA_CPP.install(sh, workspace)?;
    let launch = Launch::new("llama-cpp", installed.python())
        .with_args(["-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", &port.to_string()])
        .with_args(["--n_ctx", "512", "--seed", "1", "--model_alias", "tiny", "--model"])
        .with_args([installed.made.join("model.gguf")])
        // It has one model, and would end a stream with `[DONE]` when another test asks.
        .with_args(["--interrupt_requests", "false"])
        .with_base("/v1")
        .ready_at("/v1/models", Duration::from_secs(120));
    Ok(launch)
}
