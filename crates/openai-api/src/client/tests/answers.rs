//! What comes back.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::json;

use super::{completion, question, serve};
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, ChatBackendExt as _, Client, Error, FileId, RetryPolicy};

#[tokio::test]
async fn an_answer_carries_the_request_id() {
    let reply = Reply::json(200, completion("hello")).with_header("x-request-id", "req_1");
    let (_server, client) = serve([reply]).await;
    let answer = client.complete(question()).await.unwrap();
    assert_eq!((answer.text().as_str(), answer.request_id()), ("hello", Some("req_1")));
}

#[tokio::test]
async fn a_byte_order_mark_and_blank_lines_before_json_are_harmless() {
    for start in ["\u{feff}", "\n\n  ", "\u{feff}\r\n"] {
        let body = format!("{start}{}", completion("hello"));
        let (_server, client) = serve([Reply::new(200, "application/json", body)]).await;
        assert_eq!(client.complete(question()).await.unwrap().text(), "hello", "{start:?}");
    }
}

#[tokio::test]
async fn models_may_come_as_a_bare_array() {
    let (_server, client) = serve([Reply::json(200, json!([{"id": "a"}, {"id": "b"}]))]).await;
    assert_eq!(client.models().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_refusal_carries_all_that_the_server_says() {
    let body = json!({"error": {
        "message": "slow down", "type": "requests", "param": "model", "code": "rate_limit_exceeded",
    }});
    let reply = Reply::json(429, body)
        .with_header("x-request-id", "req_1")
        .with_header("retry-after", "20")
        .with_header("x-should-retry", "true");
    let (_server, client) = serve([reply]).await;
    let error = client.complete(question()).await.unwrap_err();
    assert!(error.is_retryable());
    let error = error.as_api().unwrap();
    assert_eq!(error.status, 429);
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(error.kind.as_deref(), Some("requests"));
    assert_eq!(error.param.as_deref(), Some("model"));
    assert_eq!(error.request_id.as_deref(), Some("req_1"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
    assert_eq!(error.should_retry, Some(true));
    expect_test::expect![
        "the server answered 429 (rate_limit_exceeded): slow down [request req_1]"
    ]
    .assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_refusal_without_explanation_tells_its_status() {
    for (reply, expected) in [
        (
            Reply::new(502, "text/html", "<html>\n<h1>502 Bad Gateway</h1>"),
            "the server answered 502: <html> <h1>502 Bad Gateway</h1>",
        ),
        (
            Reply::new(503, "text/plain", ""),
            "the server answered 503: no explanation (Service Unavailable)",
        ),
        (Reply::new(500, "text/plain", "oh").cut_short(), "the server answered 500: oh"),
    ] {
        let (_server, client) = serve([reply]).await;
        assert_eq!(client.models().await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_key_that_the_server_echoes_is_struck_out() {
    let body = json!({"error": {"message": "no such key: sk-secret-key"}});
    let (_server, client) = serve([Reply::json(401, body)]).await;
    let error = client.models().await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 401: no such key: [key]");
    assert!(!format!("{error:?}").contains("sk-secret"));
}

#[tokio::test]
async fn a_key_is_struck_out_of_every_field_and_every_form_of_error() {
    let key = "sk-secret-key";
    let fields = json!({"error": {"message": key, "type": key, "param": key, "code": key}});
    // Where the 200 characters that are shown of it end, a key might be cut in half.
    let long = format!("{}{key}", "x".repeat(190));
    for body in [fields.to_string(), long, json!({"object": "error", "code": key}).to_string()] {
        let late = format!("event: error\ndata: {body}\n\n");
        for reply in [
            Reply::new(401, "application/json", body.clone()),
            Reply::events([late.as_str()]),
            Reply::events([&body[..]]),
        ] {
            let (_server, client) = serve([reply]).await;
            let error = client.complete_via_stream(question()).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("sk-"), "{shown}");
            assert!(shown.contains("[key]") || matches!(error, Error::Truncated), "{shown}");
        }
    }
}

#[tokio::test]
async fn an_error_with_status_200_is_an_error() {
    let body = json!({"error": {"message": "upstream is busy", "code": 503}});
    let (_server, client) = serve([Reply::json(200, body)]).await;
    let error = client.complete(question()).await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status, 503);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_completion_without_choices_is_no_answer() {
    for body in [
        json!({}),
        json!({"choices": []}),
        json!({"choices": null}),
        json!({"object": "list", "data": []}),
        json!({"error": null}),
        json!({"error": {}}),
    ] {
        for streamed in [false, true] {
            let (_server, client) = serve([Reply::json(200, body.clone())]).await;
            let error = if streamed {
                client.complete_via_stream(question()).await.unwrap_err()
            } else {
                client.complete(question()).await.unwrap_err()
            };
            assert_eq!(causes(&error), COMPLETION_WITHOUT_CHOICES, "{body}");
        }
    }
}

const COMPLETION_WITHOUT_CHOICES: &str = "could not read the chat completion: \
    the server answered 200 OK with content type application/json; is the base URL right?: \
    `choices` is missing or empty";

/// An error and its causes, as the command line prints them.
fn causes(error: &Error) -> String {
    let first: Option<&dyn std::error::Error> = Some(error);
    let all = std::iter::successors(first, |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_list_without_data_is_no_empty_list() {
    for body in [json!({}), json!({"models": [{"id": "m"}]}), json!({"error": null})] {
        let (_server, client) = serve([Reply::json(200, body.clone())]).await;
        let error = client.models().await.unwrap_err();
        assert!(matches!(error, Error::Decode { what: "list of models", .. }), "{body}");
        assert!(causes(&error).contains("missing field `data`"), "{}", causes(&error));
    }
    let (_server, client) = serve([Reply::json(200, json!({"data": null}))]).await;
    assert_eq!(client.models().await.unwrap(), []);
}

#[tokio::test]
async fn an_object_that_tells_its_own_error_is_an_answer() {
    let error = json!({"code": "server_error", "message": "the run failed"});
    for body in [
        json!({"id": "run-1", "object": "eval.run", "status": "failed", "error": error}),
        json!({"id": "run-1", "error": "the run failed"}),
        json!({"object": "eval.run", "error": error}),
        json!({"type": "mcp_call", "error": "no such tool"}),
    ] {
        let (server, client) = serve([Reply::json(200, body.clone())]).await;
        let client = client.with_retry(RetryPolicy::default());
        assert_eq!(client.post("evals/runs").json(&json!({})).await.unwrap(), body);
        assert_eq!(server.requests().len(), 1);
    }
    let item = json!({"type": "mcp_call", "id": "i", "error": "no such tool"});
    let (_server, client) = serve([Reply::json(200, item.clone())]).await;
    let read = client.conversation_item(&"c".into(), "i").await.unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), item);
}

#[tokio::test]
async fn an_object_that_is_nothing_but_an_error_is_one() {
    let error = json!({"code": 429, "message": "slow down"});
    for body in [
        json!({"error": error}),
        json!({"type": "error", "error": error, "request_id": "r"}),
        json!({"id": null, "error": error}),
        json!({"object": "error", "type": "BadRequestError", "code": 429, "message": "slow down"}),
    ] {
        let (_server, client) = serve([Reply::json(200, body.clone())]).await;
        let error = client.post("evals/runs").json(&json!({})).await.unwrap_err();
        let error = error.as_api().unwrap();
        assert_eq!((error.status, error.message.as_str()), (429, "slow down"), "{body}");
    }
}

#[tokio::test]
async fn an_error_in_place_of_a_list_is_the_servers_error() {
    for body in [
        json!({"error": {"message": "busy", "code": 503}}),
        json!({"error": {"message": "busy", "code": 503}, "data": []}),
        json!({"object": "error", "message": "busy", "code": 503}),
    ] {
        let reply = || Reply::json(200, body.clone()).with_header("x-request-id", "req_1");
        let (_server, client) = serve([reply(), reply()]).await;
        for error in [client.models().await.unwrap_err(), client.files().await.unwrap_err()] {
            let expected = "the server answered 503 (503): busy [request req_1]";
            assert_eq!(error.to_string(), expected, "{body}");
            assert!(error.is_retryable());
        }
    }
}

#[tokio::test]
async fn what_is_no_json_names_its_status_and_type() {
    let (_server, client) = serve([Reply::new(200, "text/html", "<html>log in</html>")]).await;
    let error = client.complete(question()).await.unwrap_err();
    assert_eq!(error.to_string(), "could not read the chat completion");
    assert!(!error.is_retryable());
    let cause = std::error::Error::source(&error).unwrap();
    expect_test::expect![
        "the server answered 200 OK with content type text/html; is the base URL right?"
    ]
    .assert_eq(&cause.to_string());
}

#[tokio::test]
async fn a_body_cut_short_is_a_broken_connection() {
    let (_server, client) = serve([Reply::json(200, completion("hello")).cut_short()]).await;
    let error = client.complete(question()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_connect_error_that_names_the_url() {
    let server = ScriptedServer::start([]).await.unwrap();
    let url = server.url().replace("http://", "http://me:sk-2@");
    drop(server);
    // The port is free again once the server's task has ended.
    tokio::task::yield_now().await;
    let client = Client::builder().base_url(url).retry(RetryPolicy::never()).build().unwrap();
    let error = client.models().await.unwrap_err();
    assert!(
        matches!(&error, Error::Connect { url, .. } if url.ends_with("/v1/models")),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("sk-2"), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = ScriptedServer::start([Reply::silent()]).await.unwrap();
    let limit = Duration::from_millis(30);
    let client = Client::builder()
        .base_url(server.url())
        .read_timeout(limit)
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let error = client.models().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { what: "response", .. }), "{error:?}");
    server.hung_up().await;
}

#[tokio::test]
async fn a_body_that_comes_to_a_halt_is_given_up() {
    let server = ScriptedServer::start([Reply::json(200, completion("")).hanging()]).await.unwrap();
    let limit = Duration::from_millis(30);
    let client = Client::builder()
        .base_url(server.url())
        .idle_timeout(limit)
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let error = client.complete(question()).await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout { what, .. } if what.starts_with("further")),
        "{error:?}"
    );
    server.hung_up().await;
}

#[tokio::test]
async fn an_answer_that_has_not_begun_may_take_its_time_even_if_its_head_has_come() {
    let head = || Reply::new(200, "application/json", "").in_pieces([""; 0]).hanging();
    let server = ScriptedServer::start([head(), head(), head()]).await.unwrap();
    let limit = Duration::from_millis(200);
    let client = Client::builder()
        .base_url(server.url())
        .read_timeout(limit)
        .idle_timeout(Duration::from_secs(10))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let id = FileId::new("f");
    let content = async { client.file_content(&id).await?.try_collect::<Vec<_>>().await };
    for error in [
        client.complete(question()).await.unwrap_err(),
        client.file_bytes(&id).await.unwrap_err(),
        content.await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Timeout { limit: told, .. } if told == limit), "{error:?}");
    }
}

#[tokio::test]
async fn dropping_a_request_frees_its_connection() {
    let (server, client) = serve([Reply::silent()]).await;
    tokio::select! {
        answer = client.models() => panic!("{answer:?}"),
        () = asked(&server) => {}
    }
    server.hung_up().await;
}

async fn asked(server: &ScriptedServer) {
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn file_content_comes_in_pieces_or_as_a_whole() {
    let content = || Reply::new(200, "application/octet-stream", "").in_pieces(["one", "two"]);
    let (server, client) = serve([content(), content()]).await;
    let id = FileId::new("f");
    let pieces: Vec<_> = client.file_content(&id).await.unwrap().try_collect().await.unwrap();
    assert_eq!(pieces, ["one", "two"]);
    assert_eq!(client.file_bytes(&id).await.unwrap(), "onetwo");
    assert_eq!(server.requests()[0].header("accept"), Some("*/*"));
}

#[tokio::test]
async fn an_answer_too_long_to_be_held_in_memory_is_an_error_and_a_file_may_be_longer() {
    let body = completion(&"x".repeat(1000)).to_string();
    let pieces: Vec<_> = body.as_bytes().chunks(100).map(<[u8]>::to_vec).collect();
    let whole = || Reply::json(200, completion(&"x".repeat(1000)));
    let in_pieces = || Reply::new(200, "application/json", "").in_pieces(pieces.clone());
    let line = || Reply::new(200, "application/jsonl", "").in_pieces(pieces.clone());
    let limit = body.len() - 1;
    for reply in [whole(), in_pieces()] {
        let server = ScriptedServer::start([reply.clone(), reply.clone(), reply.clone(), reply]);
        let server = server.await.unwrap();
        let client = Client::builder().base_url(server.url());
        let strict = client.clone().longest_answer(limit).build().unwrap();
        for error in [
            strict.complete(question()).await.unwrap_err(),
            strict.complete_via_stream(question()).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::TooLong { limit: told } if told == limit), "{error:?}");
            assert!(!error.is_retryable());
        }
        let content = strict.file_bytes(&FileId::new("f")).await.unwrap();
        assert_eq!(content.len(), body.len());
        let patient = client.longest_answer(body.len()).build().unwrap();
        assert_eq!(patient.complete(question()).await.unwrap().text().len(), 1000);
    }
    let server = ScriptedServer::start([line()]).await.unwrap();
    let client = Client::builder().base_url(server.url()).longest_answer(limit).build().unwrap();
    let batch =
        serde_json::from_value(json!({"id": "b", "status": "completed", "output_file_id": "f"}))
            .unwrap();
    let error = client.batch_answers(&batch).try_next().await.unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error:?}");
}

#[tokio::test]
async fn blanks_before_an_answer_take_no_room_however_many_they_are() {
    let body = completion("hello").to_string();
    let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\
                  \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for (blanks, rest) in [
        ("\n", &body[..]),
        (" ", &body),
        ("\r\n \t", &body),
        ("\n", stream),
        (" \r\n", stream),
        // What stands behind a blank is no field, and lost.
        ("  ", &format!("data: no\n\n{stream}")),
    ] {
        let blanks = blanks.repeat(1000);
        let mut pieces = vec![b"\xef".to_vec(), b"\xbb\xbf".to_vec()];
        pieces.truncate(2 * usize::from(rest.starts_with('{')));
        pieces.extend(blanks.as_bytes().chunks(7).map(<[u8]>::to_vec));
        pieces.push(rest.as_bytes().to_vec());
        let reply = Reply::new(200, "application/json", "").in_pieces(pieces);
        let server = ScriptedServer::start([reply]).await.unwrap();
        let client = Client::builder().base_url(server.url()).longest_answer(body.len() + 8);
        let answer = client.build().unwrap().complete_via_stream(question()).await;
        assert_eq!(answer.unwrap().text(), "hello", "{rest}");
    }
}
