//! What the handlers share.

use std::error::Error as StdError;
use std::fmt;
use std::hint::black_box;
use std::ops::Deref;
use std::sync::Arc;

use openai_api::ChatBackend;

use crate::failure::Failure;
use crate::files::FileStore;

/// Is told the request id and the cause of each answer with a status from 500 on, and of each
/// record that a list leaves out.
pub(crate) type FailureHook = Arc<dyn Fn(&str, &(dyn StdError + 'static)) + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) backend: Arc<dyn ChatBackend>,
    pub(crate) files: Option<FileStore>,
    #[cfg(feature = "fine-tuning")]
    pub(crate) fine_tuning: Option<crate::fine_tuning::FineTuning>,
    pub(crate) api_key: Option<ApiKey>,
    pub(crate) max_body: u64,
    pub(crate) max_upload: u64,
    pub(crate) on_failure: Option<FailureHook>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn files(&self) -> Result<&FileStore, Failure> {
        self.files.as_ref().ok_or_else(|| {
            Failure::not_offered("this server keeps no files; start it with a files folder")
        })
    }

    #[cfg(feature = "fine-tuning")]
    pub(crate) fn fine_tuning(&self) -> Result<&crate::fine_tuning::FineTuning, Failure> {
        self.fine_tuning.as_ref().ok_or_else(|| {
            Failure::not_offered("this server trains no models; start it with a trainer")
        })
    }

    /// Tells the cause of a failure to whoever wants to know.
    pub(crate) fn report(&self, request_id: &str, failure: &Failure) {
        if let (Some(hook), Some(cause)) = (&self.on_failure, failure.cause()) {
            hook(request_id, cause);
        }
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// The key that clients must show.
pub(crate) struct ApiKey(String);

impl ApiKey {
    pub(crate) fn new(key: String) -> Self {
        Self(key)
    }

    /// Whether `shown` is the key, in a time that tells nothing of where they differ.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        let key = self.0.as_bytes();
        let differ = key.iter().zip(shown).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
        key.len() == shown.len() && differ == 0
    }
}
