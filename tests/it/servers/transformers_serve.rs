//! `transformers serve`, with a tiny model of random weights.

use openai_api::{
    ChatBackend as _, ChatBackendExt as _, ChatRequest, Client, FinishReason, Message,
};

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
    let answer = client().complete(hello(TINY)).await.unwrap();
    assert_eq!(answer.finish_reason(), Some(&FinishReason::Length));
    assert_eq!(answer.usage.unwrap().completion_tokens, 8);
}

// Its streams end without `[DONE]`.
#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_streams_the_same_answer() {
    let whole = client().complete(hello(TINY)).await.unwrap();
    let streamed = client().complete_via_stream(hello(TINY)).await.unwrap();
    assert_eq!(streamed.text(), whole.text());
    assert_eq!(streamed.finish_reason(), Some(&FinishReason::Length));
    assert_eq!(streamed.usage.unwrap().completion_tokens, 8);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn an_unknown_model_is_an_error_with_a_status() {
    for err in [
        client().complete(hello("attune/none")).await.unwrap_err(),
        client().complete_via_stream(hello("attune/none")).await.unwrap_err(),
    ] {
        assert!(err.as_api().is_some_and(|api| api.status >= 400), "{err:?}");
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_field_that_it_does_not_know_is_refused_in_its_own_words() {
    let mut request = hello(TINY);
    request.extra.insert("nope".to_owned(), 1.into());
    let err = client().complete(request).await.unwrap_err();
    let api = err.as_api().unwrap_or_else(|| panic!("{err:?}"));
    assert!((400..500).contains(&api.status), "{err:?}");
    assert!(api.message.contains("nope"), "{err:?}");
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_TRANSFORMERS_SERVE")
}

fn hello(model: &str) -> ChatRequest {
    ChatRequest::new(model, vec![Message::user("Hello")]).with_temperature(0.0).with_max_tokens(8)
}

const TINY: &str = "attune/tiny";
