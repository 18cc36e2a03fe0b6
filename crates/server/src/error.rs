//! What can go wrong before a request comes, and what to do then.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What keeps a server from serving; what goes wrong with a request is told to its client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used.
    #[error("{setting}: {problem}")]
    InvalidSetting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// The folder for uploaded files could not be made.
    #[error("could not open the files folder {}", path.display())]
    FilesDir {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The address could not be listened on.
    #[error("could not listen on {addr}; is another server there?")]
    Bind {
        /// Which address.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The server stopped without being asked to.
    #[error("the server stopped")]
    Serve(#[source] std::io::Error),
}
