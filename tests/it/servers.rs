//! The client against servers of other people: mocks made from OpenAI's specification, and real
//! ones. `cargo xtask test` starts and stops them.

mod litellm;
mod llama_cpp;
mod prism;
mod requests;
mod stdy;
mod transformers_serve;

use openai_api::{Client, RetryPolicy};

/// A client of the server whose base URL this environment variable holds.
fn client_of(variable: &str) -> Client {
    let base_url = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} names no server; `cargo xtask test` starts it"));
    let builder = Client::builder().key("sk-test").base_url(base_url);
    builder.retry(RetryPolicy::never()).build().unwrap()
}
