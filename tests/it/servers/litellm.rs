//! `LiteLLM`'s proxy, in front of a model that always says the same.

use openai_api::{
    ChatBackend as _, ChatBackendExt as _, ChatRequest, Client, FinishReason, Message,
};

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn models_are_listed() {
    let models = client().models().await.unwrap();
    let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["mocked"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_is_answered_whole() {
    let answer = client().complete(hello("mocked")).await.unwrap();
    assert_eq!(answer.text(), ANSWER);
    assert_eq!(answer.finish_reason(), Some(&FinishReason::Stop));
    assert!(answer.usage.unwrap().total_tokens > 0);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_streams_the_same_answer() {
    let answer = client().complete_via_stream(hello("mocked")).await.unwrap();
    assert_eq!(answer.text(), ANSWER);
    assert_eq!(answer.finish_reason(), Some(&FinishReason::Stop));
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn an_unknown_model_is_an_error_of_the_request() {
    for err in [
        client().complete(hello("gpt-9")).await.unwrap_err(),
        client().complete_via_stream(hello("gpt-9")).await.unwrap_err(),
    ] {
        let api = err.as_api().unwrap_or_else(|| panic!("{err:?}"));
        assert_eq!(api.status, 400, "{err:?}");
        assert!(api.message.contains("Invalid model name"), "{err:?}");
        assert!(!err.is_retryable());
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_wrong_key_is_unauthorized_and_not_shown() {
    let client = Client::builder().key("sk-wrong-key").base_url(client().base_url());
    let err = client.build().unwrap().complete(hello("mocked")).await.unwrap_err();
    assert!(matches!(err.as_api().map(|api| api.status), Some(400 | 401)), "{err:?}");
    assert!(!err.is_retryable());
    assert!(!format!("{err} {err:?}").contains("sk-wrong-key"), "{err:?}");
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_LITELLM")
}

fn hello(model: &str) -> ChatRequest {
    ChatRequest::new(model, vec![Message::user("Hello")])
}

const ANSWER: &str = "Ahoy from the mock.";
