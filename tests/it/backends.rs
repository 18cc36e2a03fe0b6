//! The suite of `ChatBackend` over each backend.

mod embedded;
mod embedded_over_http;
mod scripted;
