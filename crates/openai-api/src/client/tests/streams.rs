//! Answers that come in chunks.

use std::time::Duration;

use expect_test::{Expect, expect};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::{completion, question, serve};
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, ChatBackendExt as _, Client, Error, FinishReason};

/// What comes of a stream: its texts, `.` where one ends, and the error it ends with.
async fn outcome(reply: Reply) -> String {
    let (_server, client) = serve([reply]).await;
    let mut shown = Vec::new();
    let mut stream = match client.stream(question()).await {
        Ok(stream) => stream,
        Err(error) => return format!("refused: {error}"),
    };
    while let Some(item) = stream.next().await {
        shown.push(match item {
            Ok(chunk) => {
                let ended = chunk.choices.iter().any(|choice| choice.finish_reason.is_some());
                format!("{}{}", chunk.text(), if ended { "." } else { "" })
            }
            Err(error) => format!("error: {error}"),
        });
    }
    shown.join("|")
}

async fn check(pieces: &[&str], expected: Expect) {
    expected.assert_eq(&outcome(Reply::events(pieces.iter().copied())).await);
    // Bytes by themselves, so that characters and line ends are cut too.
    let bytes = pieces.concat().into_bytes();
    expected.assert_eq(&outcome(Reply::events(bytes.chunks(1))).await);
}

const HEL: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"при\"}}]}\n\n";
const LO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"вет\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn a_stream_gives_its_chunks_and_ends() {
    check(&[HEL, LO, STOP, DONE], expect!["при|вет|."]).await;
    check(&[HEL, LO, STOP, USAGE, DONE], expect!["при|вет|.|"]).await;
    check(&["\u{feff}", HEL, STOP, DONE], expect!["при|."]).await;
    check(&[HEL, STOP, DONE, "data: what comes after\n\n"], expect!["при|."]).await;
    check(&[DONE], expect![""]).await;
}

#[tokio::test]
async fn done_or_a_finish_reason_is_enough_of_an_end() {
    check(&[HEL, STOP], expect!["при|."]).await;
    check(&[HEL, DONE], expect!["при|."]).await;
    check(&[HEL, STOP, "data: [DONE]"], expect!["при|."]).await;
    check(&[HEL, STOP.trim_end()], expect!["при|."]).await;
}

#[tokio::test]
async fn what_is_no_chunk_is_harmless() {
    check(
        &[": ping\n\n", "retry: 3\n\n", "event: ping\ndata: {}\n\n", "data:\n\n", HEL, STOP, DONE],
        expect!["при|."],
    )
    .await;
    check(&["\n\n\r\n", HEL, "event: x\n\n", STOP, DONE], expect!["при|."]).await;
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_truncated() {
    let truncated = || expect!["при|error: the stream ended before the answer was complete"];
    check(&[HEL], truncated()).await;
    check(&[HEL, &STOP[..STOP.len() - 8]], truncated()).await;
    check(&[HEL, "data: [DON"], truncated()).await;
    check(&[], expect!["refused: the stream ended before the answer was complete"]).await;
    let second = "data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\n\n";
    check(
        &[HEL, second, STOP],
        expect!["при||.|error: the stream ended before the answer was complete"],
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_truncates_only_what_is_not_complete() {
    expect!["при|error: the stream ended before the answer was complete"]
        .assert_eq(&outcome(Reply::events([HEL]).cut_short()).await);
    expect!["при|."].assert_eq(&outcome(Reply::events([HEL, STOP]).cut_short()).await);
}

#[tokio::test]
async fn an_error_in_mid_stream_is_the_servers_error() {
    let error = "{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}";
    check(
        &[HEL, "data: ", error, "\n\n", DONE],
        expect!["при|error: the server answered 500 (server_error): overloaded"],
    )
    .await;
    check(
        &[HEL, "event: error\ndata: ", error, "\n\n"],
        expect!["при|error: the server answered 500 (server_error): overloaded"],
    )
    .await;
    check(
        &["event: error\ndata: out of memory\n\n"],
        expect!["refused: the server answered 500: out of memory"],
    )
    .await;
    check(
        &["data: {\"object\":\"error\",\"message\":\"too long\",\"code\":400}\n\n"],
        expect!["refused: the server answered 400 (400): too long"],
    )
    .await;
    let with_choices = "data: {\"error\":{\"message\":\"cut\",\"code\":502},\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n";
    check(&[HEL, with_choices], expect!["при|error: the server answered 502 (502): cut"]).await;
    check(&["data: {\"error\":null,\"choices\":[]}\n\n", DONE], expect![""]).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_ends_the_stream() {
    check(
        &[HEL, "data: {oh}\n\n", STOP, DONE],
        expect!["при|error: could not read the chunk of the stream"],
    )
    .await;
    let page = Reply::new(200, "text/html", "<html>log in</html>");
    expect!["refused: could not read the stream"].assert_eq(&outcome(page).await);
}

#[tokio::test]
async fn plain_json_answered_to_a_stream_is_one_chunk() {
    let json = completion("hello");
    for reply in [
        Reply::json(200, json.clone()),
        Reply::new(200, "text/event-stream", json.to_string()),
        Reply::new(200, "", json.to_string()).without_content_type(),
        Reply::json(200, json!({})).in_pieces([
            "\u{feff}\n",
            "{\"choi",
            "ces\":[{\"message\":{\"content\":\"hello\"}}]}",
        ]),
    ] {
        expect!["hello."].assert_eq(&outcome(reply).await);
    }
    let error = Reply::json(200, json!({"error": {"message": "busy", "code": 503}}));
    expect!["refused: the server answered 503 (503): busy"].assert_eq(&outcome(error).await);
}

#[tokio::test]
async fn plain_json_keeps_tool_calls_and_usage() {
    let calls = json!([
        {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "u", "type": "custom", "custom": {"name": "c", "input": "so"}},
    ]);
    let mut body = completion("");
    body["choices"][0]["message"] = json!({"content": null, "tool_calls": calls});
    let (_server, client) = serve([Reply::json(200, body)]).await;
    let answer = client.complete_via_stream(question()).await.unwrap();
    assert_eq!(serde_json::to_value(&answer.choices[0].message.tool_calls).unwrap(), calls);
    assert_eq!(answer.usage.unwrap().total_tokens, 3);
}

#[tokio::test]
async fn the_end_gives_the_answers_a_reason_that_have_none() {
    let chunk = |choices: Value| {
        let chunk = json!({"id": "c", "created": 7, "model": "m", "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let pieces = [
        chunk(json!([])),
        chunk(json!([{"index": 0, "delta": {"content": "a"}, "finish_reason": "length"}])),
        chunk(json!([{"index": 1, "delta": {"content": "b"}}])),
        DONE.to_owned(),
    ];
    let replies = [Reply::events(pieces.clone()), Reply::events(pieces.clone())];
    let (_server, client) = serve(replies.into_iter().chain([Reply::events(pieces)])).await;
    let chunks: Vec<_> = client.stream(question()).await.unwrap().try_collect().await.unwrap();
    let last = chunks.last().unwrap();
    assert_eq!((last.id.as_str(), last.model.as_str(), last.choices.len()), ("c", "m", 1));
    assert_eq!(last.meta.as_ref().unwrap().status(), 200);
    for answer in [client.complete_via_stream(question()).await, client.complete(question()).await]
    {
        let reasons: Vec<_> =
            answer.unwrap().choices.into_iter().map(|choice| choice.finish_reason).collect();
        assert_eq!(reasons, [Some(FinishReason::Length), Some(FinishReason::Stop)]);
    }
}

#[tokio::test]
async fn a_stream_without_all_answers_that_were_asked_for_is_truncated() {
    let second = "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for (reply, is_whole) in [
        (Reply::events([HEL, STOP]).cut_short(), false),
        (Reply::events([HEL, STOP]), false),
        (Reply::events([HEL, STOP, DONE]), true),
        (Reply::events([HEL, second, STOP]).cut_short(), true),
        (Reply::json(200, completion("hello")), true),
    ] {
        let (_server, client) = serve([reply.clone()]).await;
        let stream = client.stream(question().with_n(2)).await.unwrap();
        let outcome: Result<Vec<_>, _> = stream.try_collect().await;
        match outcome {
            Ok(_) => assert!(is_whole, "{reply:?}"),
            Err(error) => assert!(matches!(error, Error::Truncated) && !is_whole, "{reply:?}"),
        }
    }
}

#[tokio::test]
async fn plain_json_keeps_thoughts_among_its_parts() {
    let mut body = completion("");
    body["choices"][0]["message"]["content"] = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": true},
        {"type": "text", "text": "Blue."},
    ]);
    let (_server, client) = serve([Reply::json(200, body)]).await;
    let answer = client.complete_via_stream(question()).await.unwrap();
    assert_eq!(answer.text(), "Blue.");
    assert_eq!(answer.choices[0].message.reasoning_content.as_deref(), Some("Hm."));
}

#[tokio::test]
async fn plain_json_keeps_what_is_unknown() {
    let mut body = completion("hello");
    body["citations"] = json!(["https://example.org"]);
    body["object"] = json!("text");
    let (_server, client) = serve([Reply::json(200, body)]).await;
    let answer = client.complete_via_stream(question()).await.unwrap();
    assert_eq!(json!(answer.extra), json!({"citations": ["https://example.org"]}));
}

#[tokio::test]
async fn a_refusal_comes_before_the_stream() {
    let reply = Reply::json(404, json!({"error": {"message": "no such model"}}));
    expect!["refused: the server answered 404: no such model"].assert_eq(&outcome(reply).await);
}

#[tokio::test]
async fn each_chunk_carries_the_request_id() {
    let reply = Reply::events([HEL, STOP, DONE]).with_header("x-request-id", "req_1");
    let (_server, client) = serve([reply]).await;
    let chunks: Vec<_> = client.stream(question()).await.unwrap().try_collect().await.unwrap();
    assert!(chunks.iter().all(|chunk| chunk.meta.as_ref().unwrap().request_id() == Some("req_1")));
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up() {
    let server = ScriptedServer::start([Reply::events([HEL]).hanging()]).await.unwrap();
    let limit = Duration::from_millis(30);
    let client = Client::builder()
        .base_url(server.url())
        .idle_timeout(limit)
        .retry(crate::RetryPolicy::never())
        .build()
        .unwrap();
    let mut stream = client.stream(question()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "при");
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(stream.next().await.is_none());
    server.hung_up().await;
}

#[tokio::test]
async fn dropping_a_stream_frees_its_connection() {
    let (server, client) = serve([Reply::events([HEL]).hanging()]).await;
    let mut stream = client.stream(question()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.hung_up().await;
}

#[tokio::test]
async fn a_large_event_is_read_whole() {
    let text = "x".repeat(8 * 1024 * 1024);
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let (_server, client) = serve([Reply::events([event.as_str(), STOP, DONE])]).await;
    let answer = client.complete_via_stream(question()).await.unwrap();
    assert_eq!(answer.text().len(), text.len());
}

#[tokio::test]
async fn an_event_without_end_is_refused() {
    let piece = "x".repeat(1024 * 1024);
    let pieces = std::iter::once("data: ").chain(std::iter::repeat_n(piece.as_str(), 17));
    expect!["refused: could not read the stream"].assert_eq(&outcome(Reply::events(pieces)).await);
}
