//! The engine beside `PyTorch`, transformers and llama.cpp, on the same model and processor.

mod answers;
mod rig;
mod training;

use anyhow::Result;
use xshell::Shell;

use self::rig::Rig;
use crate::{bench::Section, flags, metadata::Workspace};

/// Measures what the flags select, a part at a time.
pub(crate) fn measure(
    sh: &Shell,
    workspace: &Workspace,
    flags: &flags::Engine,
    mut tell: impl FnMut(Section),
) -> Result<()> {
    let rig = Rig::build(sh, workspace)?;
    let rounds = flags.rounds.unwrap_or(5).max(1);
    let all = flags.training == flags.answers;
    if all || flags.answers {
        tell(answers::measure(&rig, rounds)?);
    }
    if all || flags.training {
        tell(training::measure(&rig, rounds)?);
    }
    Ok(())
}
