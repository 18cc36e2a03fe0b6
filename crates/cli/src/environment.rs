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
    /// What is said of the Hugging Face hub, by the names of Python's `huggingface_hub`.
    pub(crate) hub: HubEnvironment,
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
            hub: HubEnvironment::read()?,
            openai: text("OPENAI_API_KEY")?.is_some() || text("OPENAI_BASE_URL")?.is_some(),
        })
    }
}

/// Where the hub is, what it gave is kept, and who asks.
#[derive(Clone, Default)]
pub(crate) struct HubEnvironment {
    /// `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else `~/.cache/huggingface/hub`.
    pub(crate) cache: Option<PathBuf>,
    /// `HF_ENDPOINT`: a mirror.
    pub(crate) endpoint: Option<String>,
    /// `HF_TOKEN`.
    pub(crate) token: Option<String>,
    /// The file that `hf auth login` writes: `HF_TOKEN_PATH`, else `token` in `HF_HOME`.
    pub(crate) token_file: Option<PathBuf>,
    /// `HF_HUB_OFFLINE`: 1, `ON`, `YES` or `TRUE`.
    pub(crate) is_offline: bool,
}

impl HubEnvironment {
    fn read() -> Result<Self> {
        let path = |name| var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let cache_folder = || {
            let home = || directories::BaseDirs::new().map(|it| it.home_dir().join(".cache"));
            path("XDG_CACHE_HOME").or_else(home)
        };
        let home =
            path("HF_HOME").or_else(|| cache_folder().map(|folder| folder.join("huggingface")));
        let in_home = |name| home.as_ref().map(|home| home.join(name));
        let older = || path("HUGGINGFACE_HUB_CACHE");
        let offline = text("HF_HUB_OFFLINE")?.unwrap_or_default().to_uppercase();
        Ok(Self {
            cache: path("HF_HUB_CACHE").or_else(older).or_else(|| in_home("hub")),
            endpoint: text("HF_ENDPOINT")?,
            token: text("HF_TOKEN")?,
            token_file: path("HF_TOKEN_PATH").or_else(|| in_home("token")),
            is_offline: ["1", "ON", "YES", "TRUE"].contains(&&*offline),
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
