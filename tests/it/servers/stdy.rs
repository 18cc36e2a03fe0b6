//! `@stdy/cli`, which checks each request against OpenAI's specification and makes answers up
//! from it, streams too.

use futures_util::TryStreamExt as _;
use openai_api::{ChatBackend as _, ChatRequest, Client, Message, StreamOptions};

use super::requests::{Fault, chats, request_tests};

const FAULTS: &[Fault] = &[
    Fault {
        what: "example of POST /conversations/{conversation_id}/items",
        status: 400,
        why: "it does not find the message among the variants if its content is a list of parts",
    },
    Fault {
        what: "example of POST /responses: Functions",
        status: 400,
        why: "the example lacks `strict`, which the specification requires",
    },
];

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
