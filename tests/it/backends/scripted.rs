//! A server that fails every other time, behind `Client` and `Retry`.

use std::sync::atomic::{AtomicU32, Ordering};

use openai_api::conformance::Offer;
use openai_api::testing::{Reply, Request, ScriptedServer};
use openai_api::{ChatBackend, ChatBackendExt, Client, Error, ModelId, Retry, RetryPolicy};
use serde_json::{Value, json};

use crate::support::{Held, api_error, client, scripted};

async fn flaky() -> Held<Retry<Client>> {
    let asked = AtomicU32::new(0);
    let answer = move |request: &Request| {
        if asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return api_error(503, "overloaded").with_header("retry-after-ms", "1");
        }
        echo(request)
    };
    let server = ScriptedServer::answering(answer).await.unwrap();
    Held::new(Retry::new(client(&server)), server)
}

openai_api::chat_backend_conformance! {
    backend: flaky().await,
    offer: Offer::new("echo").with_echo()
}

/// Says what it is asked, a word being a token.
fn echo(request: &Request) -> Reply {
    if request.path() == "/v1/models" {
        return Reply::json(200, json!({"object": "list", "data": [{"id": "echo"}]}));
    }
    let asked = request.json();
    if asked["model"] != "echo" {
        let mut reply = json!({"error": {"message": "no such model", "param": "model"}});
        reply["error"]["code"] = "model_not_found".into();
        return Reply::json(404, reply);
    }
    let (text, finish_reason) = answer(&asked);
    let words = text.split_whitespace().count();
    let usage = json!({"prompt_tokens": 5, "completion_tokens": words, "total_tokens": 5 + words});
    if asked["stream"] != true {
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
        let body = json!({"id": "c", "model": "echo", "choices": [choice], "usage": usage});
        return Reply::json(200, body);
    }
    let chunk = |delta: Value, end: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": end});
        format!("data: {}\n\n", json!({"id": "c", "model": "echo", "choices": [choice]}))
    };
    let words = text.split_inclusive(' ').map(|word| chunk(json!({"content": word}), Value::Null));
    let usage = json!({"id": "c", "model": "echo", "choices": [], "usage": usage});
    let end = [
        chunk(json!({}), finish_reason.into()),
        format!("data: {usage}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    Reply::events(words.chain(end))
}

fn answer(asked: &Value) -> (String, &'static str) {
    let mut text = asked["messages"].as_array().unwrap().last().unwrap()["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut finish_reason = "stop";
    if let Some(limit) = asked["max_tokens"].as_u64() {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        if words.len() as u64 > limit {
            text = words[..usize::try_from(limit).unwrap()].concat();
            finish_reason = "length";
        }
    }
    for stop in asked["stop"].as_array().into_iter().flatten() {
        if let Some(place) = text.find(stop.as_str().unwrap()) {
            text.truncate(place);
            finish_reason = "stop";
        }
    }
    (text, finish_reason)
}

const MODEL: &str = "echo";

#[tokio::test]
async fn a_stream_that_breaks_off_is_truncated_and_not_a_short_answer() {
    let half = "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
    let server = scripted([Reply::events([half])]).await;
    let request = openai_api::ChatRequest::new(MODEL, vec![openai_api::Message::user("hi")]);
    let error = client(&server).complete_via_stream(request).await.unwrap_err();
    assert!(matches!(error, Error::Truncated), "{error:?}");
}

#[tokio::test]
async fn a_body_cut_short_is_retryable() {
    let cut = Reply::json(200, json!({"choices": []})).cut_short();
    let server = scripted([cut]).await;
    let error = client(&server).ask(&ModelId::new(MODEL), "hi").await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_retryable_error_that_names_it() {
    let nowhere = Client::builder().base_url("http://127.0.0.1:9/v1").retry(RetryPolicy::never());
    let nowhere = nowhere.build().unwrap();
    let error = nowhere.models().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
}

#[tokio::test]
async fn a_page_of_html_from_a_proxy_is_an_api_error_with_its_status() {
    let page = Reply::new(502, "text/html", "<html><h1>Bad gateway</h1></html>");
    let server = scripted([page]).await;
    let error = client(&server).models().await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status, 502);
    assert!(error.is_retryable());
}
