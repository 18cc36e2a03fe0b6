//! Models by name, from the Hugging Face hub or a mirror of it.
//!
//! Files are kept as Python's `huggingface_hub` keeps them, so that both find what the other has
//! fetched: `models--ORG--NAME/blobs/ETAG`, with links to them in `snapshots/COMMIT/` and the commit
//! of each branch in `refs/` ([its guide](https://huggingface.co/docs/huggingface_hub/guides/manage-cache)).
//! The crate `hf-hub` does that too, but sends the token along to wherever the hub redirects.

mod fetch;
mod http;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ureq::Agent;

use crate::error::{Error, Result};
use crate::hub::fetch::{Fetch, Wanted, is_name, is_plain_path, make_parent};

/// The hub, and the folder in which what it gave is kept.
///
/// Nothing is read from the environment; whoever makes one says where things are.
///
/// # Examples
///
/// ```no_run
/// use local_engine::{Engine, Hub};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new("cache/hub");
/// let folder = hub.fetch("HuggingFaceTB/SmolLM2-135M-Instruct", "main", &mut |_| {})?;
/// Engine::open("home")?.add_model(&folder, &"smol".into())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    is_offline: bool,
    agent: Agent,
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetching<'a> {
    /// Its name in the model's repository.
    pub file: &'a str,
    /// How many of its bytes are there.
    pub done: u64,
    /// How many there will be, where the hub says so.
    pub total: Option<u64>,
}

impl Hub {
    /// The hub at `https://huggingface.co`, with this folder for what it gives; Python's is
    /// `~/.cache/huggingface/hub`.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let config = Agent::config_builder()
            // They are followed here, where the token can be left out.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("local-engine/", env!("CARGO_PKG_VERSION")));
        Self {
            cache: cache.into(),
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            is_offline: false,
            agent: config.build().new_agent(),
        }
    }

    /// Asks a mirror in its place, by its URL.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into().trim_end_matches('/').to_owned();
        self
    }

    /// Sends a token, to the hub's own address only.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks nobody, and finds only what is there already.
    #[must_use]
    pub fn with_offline(mut self, is_offline: bool) -> Self {
        self.is_offline = is_offline;
        self
    }

    /// Fetches the files that a model needs, those that are not there yet, and gives their folder.
    ///
    /// `revision` is a branch, a tag or a commit. What was cut short goes on where it ended. If the
    /// hub cannot be reached, what it gave earlier has to do.
    ///
    /// # Errors
    ///
    /// [`Error::Hub`] that says what to do: the name is none, there is no such model or it wants a
    /// token, it has no weights in safetensors, the hub cannot be reached, or a file came damaged;
    /// [`Error::Io`] if the cache cannot be written.
    pub fn fetch(
        &self,
        name: &str,
        revision: &str,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        self.fetch_wanted(Fetch { hub: self, name, revision, wanted: Wanted::Model }, progress)
    }

    /// Fetches one file of a model, such as one in the format of GGUF, and gives its path.
    ///
    /// `file` is its path in the model's repository. All else is as with [`fetch`](Self::fetch).
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); [`Error::Hub`] also if there is no such file, with those in GGUF.
    pub fn fetch_file(
        &self,
        name: &str,
        revision: &str,
        file: &str,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        let model = Fetch { hub: self, name, revision, wanted: Wanted::File(file) };
        if !is_plain_path(file) {
            return Err(model.wrong(format!("has no file {file:?}, which is no path of one")));
        }
        Ok(self.fetch_wanted(model, progress)?.join(file))
    }

    /// Fetches what is wanted, and gives the folder that it is in.
    fn fetch_wanted(
        &self,
        model: Fetch<'_>,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        let Fetch { name, revision, .. } = model;
        if !is_name(name) || !is_plain_path(revision) {
            return Err(model.wrong("is no name of a model on the hub, which is like ORG/NAME"));
        }
        if self.is_offline {
            return model.kept().ok_or_else(|| {
                let cache = self.cache.display();
                model.wrong(format!(
                    "is not in {cache}, and nobody is asked offline; fetch it where there is a \
                     network and copy that folder, or add the model by its path"
                ))
            });
        }
        let index = match model.index() {
            Ok(index) => index,
            Err(Error::Hub { source: Some(source), problem, .. }) => {
                let unreachable =
                    || Error::Hub { model: name.to_owned(), problem, source: Some(source) };
                return model.kept().ok_or_else(unreachable);
            }
            Err(error) => return Err(error),
        };
        let folder = model.folder().join("snapshots").join(&index.sha);
        for file in model.wanted(&index)? {
            model.file(file, &index.sha, &folder, progress)?;
        }
        if revision != index.sha {
            let path = model.folder().join("refs").join(revision);
            make_parent(&path)?;
            fs::write(&path, &index.sha).map_err(Error::io("write", &path))?;
        }
        Ok(folder)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("is_offline", &self.is_offline)
            .finish_non_exhaustive()
    }
}
