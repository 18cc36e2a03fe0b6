//! `@stdy/cli`, which checks each request against OpenAI's specification and makes answers up
//! from it, streams too.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};
use openai_api::testing::ScriptedServer;
use openai_api::{ChatBackend as _, ChatRequest, Client, Message, RetryPolicy, StreamOptions};

use super::requests::{
    Fault, all, asked, chats, check, request_tests, resumed_response, streamed_runs, unasked,
};

const FAULTS: &[Fault] = &[
    Fault { what: "POST /conversations/{conversation_id}/items: a", status: 400, why: PARTS },
    Fault {
        what: "example of POST /conversations/{conversation_id}/items",
        status: 400,
        why: PARTS,
    },
    Fault {
        what: "example of POST /responses: Functions",
        status: 400,
        why: "the example lacks `strict`, which the specification requires",
    },
];
const PARTS: &str = "it finds no variant for a message of parts, and finds it in `/responses`";

request_tests!(client(), FAULTS);

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_streams_in_every_form() {
    for mut request in chats() {
        request.stream_options = Some(StreamOptions::with_usage());
        let chunks: Vec<_> = client().stream(request).await.unwrap().try_collect().await.unwrap();
        assert!(chunks.len() >= 5, "{chunks:?}");
    }
}

// It makes five events up, and ends with one that is none; so what comes is the events and then
// the error that the response is not all there.
#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn responses_stream_and_are_cut_short() {
    for (what, request) in asked() {
        let events: Vec<_> = client().stream_response(request).await.unwrap().collect().await;
        let (last, events) = events.split_last().unwrap();
        assert!(last.is_err(), "{what}: {last:?}");
        assert!(events.len() >= 5 && events.iter().all(Result::is_ok), "{what}: {events:?}");
    }
}

// The specification knows no events of either, so it answers with JSON.
#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn runs_and_resumed_responses_are_asked_for_in_events() {
    check(&streamed_runs(&client()).await, &[]);
    check(&resumed_response(&client()).await, &[]);
}

#[tokio::test]
async fn every_operation_of_the_specification_is_asked_for() {
    let server = ScriptedServer::start([]).await.unwrap();
    let client = Client::builder().base_url(server.url()).retry(RetryPolicy::never());
    let sent = all(&client.build().unwrap()).await;
    let completions = "POST /completions".to_owned();
    assert_eq!(unasked(&sent, &server.requests()), BTreeSet::from([completions]));
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_request_outside_the_specification_is_refused() {
    let mut request = ChatRequest::new("gpt-4o", vec![Message::user("Hello")]);
    request.extra.insert("logprobs".to_owned(), "yes".into());
    let err = client().complete(request).await.unwrap_err();
    assert_eq!(err.as_api().unwrap().status, 400, "{err:?}");
    assert!(err.to_string().contains("Validation failed"), "{err}");
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_STDY")
}
