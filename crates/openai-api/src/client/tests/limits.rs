//! Limits that a client keeps with each attempt.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{completion, list, question};
use crate::testing::{Reply, Request, ScriptedServer};
use crate::{
    ChatBackend as _, ChatBackendExt as _, Client, ClientBuilder, Error, Limits, Result,
    RetryPolicy,
};

/// Builds a client that sends each request once.
fn client_of(server: &ScriptedServer, limits: &Limits) -> ClientBuilder {
    let builder = Client::builder().base_url(server.url()).limits(limits.clone());
    builder.retry(RetryPolicy::never())
}

async fn answering(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::answering(answer).await.unwrap()
}

fn slow_down() -> Reply {
    Reply::json(429, json!({"error": {"message": "slow down"}})).with_header("retry-after", "30")
}

fn counted(tokens: u64) -> Reply {
    let mut body = completion("hello");
    body["usage"] = json!({"prompt_tokens": 1, "completion_tokens": tokens});
    Reply::json(200, body)
}

/// Asks, but gives up soon.
async fn ask(client: &Client) -> Result<String> {
    Ok(client.chat(question()).timeout(SOON).await?.text())
}

#[track_caller]
fn is_held_back<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert!(matches!(error.last(), Error::Timeout { what: "answer", .. }), "{error:?}");
}

#[tokio::test]
async fn each_attempt_is_counted() {
    for status in [429, 500] {
        let refusal = move |_: &Request| Reply::json(status, json!({"error": {"message": "no"}}));
        let server = answering(refusal).await;
        let limits = Limits::new().with_requests_per_minute(2);
        let policy = RetryPolicy::default().with_base(Duration::ZERO);
        let client = client_of(&server, &limits).retry(policy).build().unwrap();
        is_held_back(client.chat(question()).timeout(Duration::from_secs(1)).await);
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn after_a_429_all_that_goes_to_its_model_waits() {
    let server = answering(|request| match request.json()["model"].as_str() {
        Some("m") => slow_down(),
        Some(_) => Reply::json(200, json!({"id": "r"})),
        None => list(&[], false),
    })
    .await;
    let limits = Limits::new();
    let client = client_of(&server, &limits).build().unwrap();
    let error = client.complete(question()).await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status, 429);
    is_held_back(ask(&client).await);
    let respond = |model| client.post("responses").json(&json!({"model": model, "input": "hi"}));
    is_held_back(respond("m").timeout(SOON).await);
    is_held_back(client.chat_stream(question()).timeout(SOON).await.map(|_| ()));
    // Another client of the same limits.
    let other = Client::builder().base_url(server.url()).build().unwrap().with_limits(limits);
    is_held_back(ask(&other).await);
    assert_eq!(server.requests().len(), 1);
    respond("another").timeout(LATE).await.unwrap();
    client.list_models().timeout(LATE).await.unwrap();
}

#[tokio::test]
async fn a_429_that_comes_with_status_200_counts_too() {
    let late = json!({"error": {"message": "slow down", "code": 429}});
    let reply = Reply::json(200, late).with_header("retry-after", "30");
    let server = ScriptedServer::start([reply]).await.unwrap();
    let client = client_of(&server, &Limits::new()).build().unwrap();
    let error = client.complete(question()).await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status, 429);
    is_held_back(ask(&client).await);
}

#[tokio::test]
async fn what_the_server_reports_is_kept() {
    let reply = |remaining| {
        Reply::json(200, completion("hello"))
            .with_header("x-ratelimit-limit-req-minute", "2")
            .with_header("x-ratelimit-remaining-req-minute", remaining)
    };
    let server = ScriptedServer::start([reply("1"), reply("0")]).await.unwrap();
    let client = client_of(&server, &Limits::new()).build().unwrap();
    client.complete(question()).await.unwrap();
    client.complete(question()).await.unwrap();
    is_held_back(ask(&client).await);
}

#[tokio::test]
async fn tokens_are_charged_as_the_server_counts_them() {
    let streamed = |tokens: u64| {
        let usage = json!({"prompt_tokens": 1, "completion_tokens": tokens});
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": "hello"},
                                        "finish_reason": "stop"}]});
        let last = json!({"choices": [], "usage": usage});
        Reply::events([format!("data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n")])
    };
    for (answers, asks) in [("whole", "whole"), ("streamed", "whole"), ("streamed", "streamed")] {
        let reply = |tokens| if answers == "whole" { counted(tokens) } else { streamed(tokens) };
        let server = ScriptedServer::start([2, 2, 600].map(reply)).await.unwrap();
        // More than one estimate, less than two.
        let limits = Limits::new().with_tokens_per_minute(800);
        let client = client_of(&server, &limits).build().unwrap();
        for _ in 0..3 {
            if asks == "streamed" {
                client.complete_via_stream(question()).await.unwrap();
            } else {
                client.complete(question()).await.unwrap();
            }
        }
        is_held_back(ask(&client).await);
    }
}

#[tokio::test]
async fn what_never_left_costs_nothing() {
    let server = ScriptedServer::start([]).await.unwrap();
    let limits = Limits::new().with_tokens_per_minute(800);
    let client = client_of(&server, &limits);
    drop(server);
    tokio::task::yield_now().await;
    let client = client.retry(RetryPolicy::default().with_base(Duration::ZERO)).build().unwrap();
    let error = client.chat(question()).timeout(LATE).await.unwrap_err();
    assert!(matches!(error.last(), Error::Connect { .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
}

#[tokio::test]
async fn a_stream_counts_until_it_is_dropped() {
    let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"}}]}\n\n";
    let replies = [Reply::events([chunk]).hanging(), counted(1)];
    let server = ScriptedServer::start(replies).await.unwrap();
    let limits = Limits::new().with_concurrency(1);
    let client = client_of(&server, &limits).build().unwrap();
    let mut stream = client.stream(question()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "hel");
    is_held_back(ask(&client).await);
    drop(stream);
    assert_eq!(client.chat(question()).timeout(LATE).await.unwrap().text(), "hello");
}

#[tokio::test]
async fn what_names_no_model_is_not_held_back() {
    let server = answering(|_| Reply::json(200, json!({"id": "x", "object": "file"}))).await;
    let limits = Limits::new().with_requests_per_minute(1);
    let client = client_of(&server, &limits).build().unwrap();
    for _ in 0..2 {
        client.upload_bytes("a", "{\"model\":\"m\"}", crate::FilePurpose::Batch).await.unwrap();
        let _: Value = client.post("threads").json(&json!({})).await.unwrap();
        client.get("files/x").await.unwrap();
    }
    assert_eq!(server.requests().len(), 6);
}

/// What is held back is held back for seconds at least.
const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_secs(30);
