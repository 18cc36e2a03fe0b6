//! The server of `llama-cpp-python`, with a tiny model of random weights.

use openai_api::{
    ChatBackend as _, ChatBackendExt as _, ChatRequest, Client, FinishReason, Message,
};
use serde_json::json;

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn models_are_listed() {
    let models = client().models().await.unwrap();
    let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, [TINY]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_is_cut_at_the_limit_of_tokens() {
    let answer = client().complete(chat("Hello")).await.unwrap();
    assert_eq!(answer.finish_reason(), Some(&FinishReason::Length));
    assert_eq!(answer.usage.unwrap().completion_tokens, 8);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_streams_the_same_answer() {
    let whole = client().complete(chat("Hello")).await.unwrap();
    let streamed = client().complete_via_stream(chat("Hello")).await.unwrap();
    assert_eq!(streamed.text(), whole.text());
    assert_eq!(streamed.finish_reason(), Some(&FinishReason::Length));
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_conversation_that_does_not_fit_is_told_apart() {
    let err = client().complete(chat(&"a".repeat(4000))).await.unwrap_err();
    assert!(err.is_context_length_exceeded(), "{err:?}");
    assert!(!err.is_retryable());
}

// It has sent a status of 200 by the time it finds out, and hangs up.
#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_stream_that_it_breaks_off_is_an_error_and_not_an_empty_answer() {
    let request = chat(&"a".repeat(4000));
    let answer = client().complete_via_stream(request).await;
    assert!(answer.is_err(), "{answer:?}");
}

// It calls this an error of its own, with a status of 500.
#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_wrong_request_is_refused_with_what_is_wrong() {
    let body = json!({"model": TINY, "messages": [], "temperature": "hot"});
    let err = client().post("chat/completions").json(&body).await.unwrap_err();
    let api = err.as_api().unwrap_or_else(|| panic!("{err:?}"));
    assert_eq!(api.status, 500, "{err:?}");
    assert!(api.message.contains("temperature"), "{err:?}");
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_LLAMA_CPP")
}

fn chat(text: &str) -> ChatRequest {
    ChatRequest::new(TINY, vec![Message::user(text)]).with_temperature(0.0).with_max_tokens(8)
}

const TINY: &str = "tiny";
