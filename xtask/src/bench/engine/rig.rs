//! The engine's program and those of its peers, each run as a process of its own.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use anyhow::Result;
use serde_json::Value;
use xshell::Shell;

use crate::{
    bench::program::{build, report},
    metadata,
    metadata::Workspace,
    python::Environment,
    test::PEERS,
};

/// The peers, with llama.cpp built for this processor.
const MEASURED: Environment = Environment::new("engine_bench").on(&PEERS).with_cmake(
    "-DGGML_NATIVE=ON -DGGML_OPENMP=ON -DGGML_LLAMAFILE=ON -DGGML_CPU_REPACK=ON -DLLAVA_BUILD=OFF \
         -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O3 -DCMAKE_CXX_FLAGS_RELEASE=-O3 \
         -DCMAKE_PROJECT_llama.cpp_INCLUDE=HERE/../llama_cpp/build.cmake",
);

/// All that is run.
#[derive(Debug)]
pub(super) struct Rig {
    ours: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
    models: PathBuf,
}

impl Rig {
    /// Builds and installs what is not there yet.
    pub(super) fn build(sh: &Shell, workspace: &Workspace) -> Result<Self> {
        let installed = MEASURED.install(sh, workspace)?;
        Ok(Self {
            ours: build(workspace, "engine")?,
            python: installed.python(),
            scripts: metadata::root().join("benches/engine/peers"),
            models: installed.made,
        })
    }

    /// A file or folder that `prepare.py` made.
    pub(super) fn made(&self, name: &str) -> String {
        self.models.join(name).display().to_string()
    }

    /// Runs the engine's program, and returns what it reports.
    pub(super) fn ours(&self, threads: usize, args: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.ours);
        command.env("RAYON_NUM_THREADS", threads.to_string()).args(args);
        report(command, &args.join(" "))
    }

    /// Runs a peer's script.
    pub(super) fn peer(&self, script: &str, args: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.python);
        command.args([OsStr::new("-B"), self.scripts.join(script).as_os_str()]).args(args);
        report(command, &format!("{script} {}", args.join(" ")))
    }
}
