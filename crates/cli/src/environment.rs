//! What the environment says; it is read here and nowhere else.

use std::env::{VarError, var, var_os};
use std::path::PathBuf;

use anyhow::{Result, bail};

/// The variables that matter; a blank one counts as unset.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// `ATTUNE_HOME`: the data folder.
    pub(crate) home: Option<PathBuf>,
    /// `ATTUNE_MODEL`: the model to ask.
    pub(crate) model: Option<String>,
    /// `ATTUNE_API_KEY`: the key that `attune serve` wants from its clients.
    pub(crate) api_key: Option<String>,
    /// Whether `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set, which chooses the `openai` backend.
    pub(crate) openai: bool,
}

impl Environment {
    /// Reads the variables.
    pub(crate) fn read() -> Result<Self> {
        Ok(Self {
            home: var_os("ATTUNE_HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            model: text("ATTUNE_MODEL")?,
            api_key: text("ATTUNE_API_KEY")?,
            openai: text("OPENAI_API_KEY")?.is_some() || text("OPENAI_BASE_URL")?.is_some(),
        })
    }
}

fn text(name: &str) -> Result<Option<String>> {
    match var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => bail!("{name}: is not Unicode"),
    }
}
