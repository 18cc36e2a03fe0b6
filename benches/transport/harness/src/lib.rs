//! Runs one client through one scenario and prints, as one line of JSON, what it cost.
//!
//! A client is a binary of its own: `main` calls [`main`] with its implementation of [`Chat`]. The
//! server runs in another process, so the CPU time of this one is the client's.

mod allocations;
mod scenario;
mod seen;

use std::path::Path;
use std::process::ExitCode;

pub use fixture::{CONVERSATION, MODEL, Role, Turn};

pub use crate::seen::{Answer, Seen};

/// A client under measurement, written as its users would write it.
pub trait Chat: Clone + Send + Sync + 'static {
    /// A client of the server at `base_url`, which ends in `/v1`.
    fn connect(base_url: &str) -> Self;

    /// Asks the conversation and reads the whole answer.
    fn complete(
        &self,
        conversation: &'static [Turn],
    ) -> impl Future<Output = anyhow::Result<Answer>> + Send;

    /// Asks the conversation and hands each chunk of the answer to `seen`.
    fn stream(
        &self,
        conversation: &'static [Turn],
        seen: &mut Seen,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Asks about an image, which goes along as a `data:` URL.
    fn ask_about(&self, png: Vec<u8>) -> impl Future<Output = anyhow::Result<Answer>> + Send {
        drop(png);
        async { anyhow::bail!("this client's images are not measured") }
    }

    /// Uploads a file from disk.
    fn upload(&self, path: &Path) -> impl Future<Output = anyhow::Result<()>> + Send {
        let _ = path;
        async { anyhow::bail!("this client's uploads are not measured") }
    }
}

/// The key that every client sends.
pub const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Runs the scenario that the command line names.
pub fn main<C: Chat>() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match scenario::run::<C>(&args) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
