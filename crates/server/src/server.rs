//! From parts to a server that listens.

use std::fmt;
use std::future::{Future, pending};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use openai_api::ChatBackend;
use tokio::net::TcpListener;

use crate::app::{ApiKey, App, FailureHook, Parts};
use crate::error::{Error, Result};
use crate::files::FileStore;
use crate::routes;

/// OpenAI's protocol over a backend, and over a trainer where there is one.
///
/// A server is made of parts and holds no socket until it is [bound](Self::bind). Cloning it
/// gives a second handle on the same server.
#[derive(Clone, Debug)]
pub struct Server {
    app: App,
}

impl Server {
    /// Where to listen unless told otherwise: port 8377 of the loopback interface, which other
    /// machines cannot reach.
    pub const DEFAULT_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8377);

    /// Begins a server over `backend`.
    pub fn builder(backend: Arc<dyn ChatBackend>) -> ServerBuilder {
        ServerBuilder {
            backend,
            #[cfg(feature = "fine-tuning")]
            trainer: None,
            files_dir: None,
            api_key: None,
            max_body: DEFAULT_MAX_BODY,
            max_upload: DEFAULT_MAX_UPLOAD,
            on_failure: None,
        }
    }

    /// The routes, to nest into a service of one's own.
    pub fn router(&self) -> Router {
        routes::router(self.app.clone())
    }

    /// Listens on `addr`; port 0 takes any free one. Needs a tokio runtime around it.
    ///
    /// Connections are taken, and wait, from now on; they are answered once
    /// [`serve_with_shutdown`](BoundServer::serve_with_shutdown) runs.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the address cannot be listened on.
    pub async fn bind(&self, addr: SocketAddr) -> Result<BoundServer> {
        let failed = |source| Error::Bind { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(BoundServer { listener, local_addr, router: self.router() })
    }
}

/// Puts a [`Server`] together.
#[derive(Clone)]
pub struct ServerBuilder {
    backend: Arc<dyn ChatBackend>,
    #[cfg(feature = "fine-tuning")]
    trainer: Option<Arc<dyn trainer::Trainer>>,
    files_dir: Option<PathBuf>,
    api_key: Option<String>,
    max_body: u64,
    max_upload: u64,
    on_failure: Option<FailureHook>,
}

impl ServerBuilder {
    /// Serves fine-tuning jobs too; needs a [files folder](Self::with_files_dir).
    #[cfg(feature = "fine-tuning")]
    #[must_use]
    pub fn with_trainer(mut self, trainer: Arc<dyn trainer::Trainer>) -> Self {
        self.trainer = Some(trainer);
        self
    }

    /// Serves uploaded files too, and keeps them in this folder, which is made if it is not there.
    ///
    /// What is in it belongs to the server and is found again by the next one.
    #[must_use]
    pub fn with_files_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.files_dir = Some(path.into());
        self
    }

    /// Asks each request but `/health` for `Authorization: Bearer <key>`; by default none is asked.
    #[must_use]
    pub fn with_api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Limits a request's body, uploads apart, in bytes; 64 MiB by default.
    #[must_use]
    pub fn with_max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// Limits an uploaded file, in bytes; 512 MiB by default, as OpenAI has it.
    #[must_use]
    pub fn with_max_upload(mut self, bytes: u64) -> Self {
        self.max_upload = bytes;
        self
    }

    /// Tells `hook` the request id and the cause of each answer with a status from 500 on, and of
    /// each record in the files folder that a list leaves out because it cannot be read.
    ///
    /// Clients are told the id and not the cause, which may name files of this machine.
    #[must_use]
    pub fn on_failure(
        mut self,
        hook: impl Fn(&str, &(dyn std::error::Error + 'static)) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Some(Arc::new(hook));
        self
    }

    /// Checks the settings and makes the files folder.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if a setting cannot be used, and [`Error::FilesDir`] if the folder
    /// cannot be made.
    pub fn build(self) -> Result<Server> {
        let invalid = |setting, problem| Err(Error::InvalidSetting { setting, problem });
        if self.api_key.as_deref().is_some_and(|key| key.trim().is_empty()) {
            return invalid("api_key", "is empty; leave it out to ask for none");
        }
        #[cfg(feature = "fine-tuning")]
        if self.trainer.is_some() && self.files_dir.is_none() {
            return invalid("trainer", "needs a files folder for its examples; name one as well");
        }
        let files = match self.files_dir {
            None => None,
            Some(path) => Some(
                FileStore::open(path.clone()).map_err(|source| Error::FilesDir { path, source })?,
            ),
        };
        #[cfg(feature = "fine-tuning")]
        let fine_tuning = match (self.trainer, &files) {
            (Some(trainer), Some(files)) => {
                Some(crate::fine_tuning::FineTuning::new(trainer, files))
            }
            _ => None,
        };
        let parts = Parts {
            backend: self.backend,
            files,
            #[cfg(feature = "fine-tuning")]
            fine_tuning,
            api_key: self.api_key.map(ApiKey::new),
            max_body: self.max_body,
            max_upload: self.max_upload,
            on_failure: self.on_failure,
        };
        Ok(Server { app: App::new(parts) })
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("backend", &self.backend)
            .field("files_dir", &self.files_dir)
            .finish_non_exhaustive()
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: Router,
}

impl BoundServer {
    /// Where it listens; the port is the one taken if 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until the future is dropped, which breaks off what is under way.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`] if the socket fails for good.
    pub async fn serve(self) -> Result<()> {
        self.serve_with_shutdown(pending()).await
    }

    /// Serves until `shutdown` is done and then what is under way has been answered.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`] if the socket fails for good.
    pub async fn serve_with_shutdown(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        // A token is a small packet, and shall not wait for the next one.
        let listener = self.listener.tap_io(|stream| {
            // Where this cannot be set, answers come a little later.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, self.router)
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(Error::Serve)
    }
}

const DEFAULT_MAX_BODY: u64 = 64 << 20;
const DEFAULT_MAX_UPLOAD: u64 = 512 << 20;
