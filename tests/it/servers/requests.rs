//! Every request that the client can make, for mocks that check requests against OpenAI's
//! specification.

mod assistants;
mod batches;
mod chat;
mod conversations;
mod files;
mod fine_tuning;
mod models;
mod raw;
mod responses;
mod threads;
mod uploads;
mod vectors;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::path::Path;

use openai_api::testing::Request;
use openai_api::{Client, Error};
use serde_json::Value;

pub use self::assistants::assistants;
pub use self::batches::batches;
pub use self::chat::{chat, chats, stored_chats};
pub use self::conversations::conversations;
pub use self::files::files;
pub use self::fine_tuning::{fine_tuning, permissions_and_graders};
pub use self::models::models;
pub use self::raw::examples;
pub use self::responses::{asked, responses, resumed_response};
pub use self::threads::{runs, streamed_runs, threads};
pub use self::uploads::uploads;
pub use self::vectors::{embeddings, moderations};
use crate::support::read_json;

/// What came of one request: the operation, as the specification names it, and the answer.
pub type Sent = (String, Result<(), Error>);

/// A request that a mock refuses, or answers with an error, through no fault of ours.
#[derive(Debug)]
pub struct Fault {
    /// How the names of such requests begin.
    pub what: &'static str,
    /// The status that the mock answers with; 200 with what cannot be read.
    pub status: u16,
    pub why: &'static str,
}

/// Makes a test of every group of requests: all are accepted, but for `$faults`.
macro_rules! request_tests {
    ($client:expr, $faults:expr, [$($test:ident: $requests:ident),* $(,)?]) => {$(
        #[tokio::test]
        #[ignore = "`cargo xtask test` runs it, with the server that it starts"]
        async fn $test() {
            let sent = $crate::servers::requests::$requests(&$client).await;
            $crate::servers::requests::check(&sent, $faults);
        }
    )*};
    ($client:expr, $faults:expr) => {
        $crate::servers::requests::request_tests!($client, $faults, [
            requests_for_models_are_accepted: models,
            requests_for_chat_are_accepted: chat,
            requests_for_stored_chats_are_accepted: stored_chats,
            requests_for_responses_are_accepted: responses,
            requests_for_conversations_are_accepted: conversations,
            requests_for_embeddings_are_accepted: embeddings,
            requests_for_moderations_are_accepted: moderations,
            requests_for_files_are_accepted: files,
            requests_for_uploads_are_accepted: uploads,
            requests_for_batches_are_accepted: batches,
            requests_for_fine_tuning_are_accepted: fine_tuning,
            requests_for_permissions_and_graders_are_accepted: permissions_and_graders,
            requests_for_assistants_are_accepted: assistants,
            requests_for_threads_are_accepted: threads,
            requests_for_runs_are_accepted: runs,
            the_examples_of_the_specification_are_accepted: examples,
        ]);
    };
}
pub(super) use request_tests;

/// Whether all were accepted, but for those that `faults` name.
#[track_caller]
pub fn check(sent: &[Sent], faults: &[Fault]) {
    assert!(!sent.is_empty());
    // libtest shows what is printed with `--nocapture`.
    let (mut complaints, mut refused) = (String::new(), 0);
    for (what, result) in sent {
        let Err(err) = result else { continue };
        let known = |f: &&Fault| what.starts_with(f.what) && status(err) == Some(f.status);
        match faults.iter().find(known) {
            Some(fault) => {
                refused += 1;
                eprintln!("{what}: {} {}", fault.status, fault.why);
            }
            None => complaints += &format!("{what}: {err:?}\n"),
        }
    }
    eprintln!("{} requests, of which {refused} meet a fault of the server", sent.len());
    for fault in faults {
        let mut concerned = sent.iter().filter(|(what, _)| what.starts_with(fault.what)).peekable();
        let is_so = |result: &Result<(), Error>| {
            result.as_ref().err().and_then(status) == Some(fault.status)
        };
        if concerned.peek().is_some() && !concerned.any(|(_, result)| is_so(result)) {
            complaints += &format!("no longer so, and to be taken off the list: {fault:?}\n");
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// Every request that the client has a method for.
pub async fn all(client: &Client) -> Vec<Sent> {
    [
        models(client).await,
        chat(client).await,
        stored_chats(client).await,
        responses(client).await,
        resumed_response(client).await,
        conversations(client).await,
        embeddings(client).await,
        moderations(client).await,
        files(client).await,
        uploads(client).await,
        batches(client).await,
        fine_tuning(client).await,
        permissions_and_graders(client).await,
        assistants(client).await,
        threads(client).await,
        runs(client).await,
        streamed_runs(client).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The operations of the specification that nothing was sent to.
///
/// # Panics
///
/// A request went elsewhere than the operation says by whose name it goes.
#[track_caller]
pub fn unasked(sent: &[Sent], requests: &[Request]) -> BTreeSet<String> {
    let mut operations = BTreeSet::new();
    for (path, item) in specification("openapi.json")["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        operations.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(sent.len(), requests.len());
    for ((what, _), request) in sent.iter().zip(requests) {
        let operation = what.split(": ").next().unwrap();
        let (method, path) = operation.split_once(" /").unwrap();
        let asked = request.path().strip_prefix("/v1/").unwrap();
        let pieces = path.split('/').zip(asked.split('/'));
        let is_so = method == request.method
            && path.split('/').count() == asked.split('/').count()
            && pieces.into_iter().all(|(named, asked)| named.starts_with('{') || named == asked);
        assert!(is_so, "{what} went to {} {}", request.method, request.target);
        operations.remove(operation);
    }
    operations
}

/// A file of the specification.
fn specification(name: &str) -> Value {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/openai-api/tests/spec");
    read_json(&dir.join(name))
}

fn status(err: &Error) -> Option<u16> {
    match err {
        Error::Decode { .. } => Some(200),
        err => err.as_api().map(|api| api.status),
    }
}

/// Sends a request and notes what came of it.
async fn send<T>(operation: &str, request: impl IntoFuture<Output = Result<T, Error>>) -> Sent {
    (operation.to_owned(), request.await.map(drop))
}
