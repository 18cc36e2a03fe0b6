//! `/responses` and `/conversations`.

use expect_test::{Expect, expect};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::serve;
use crate::testing::{Reply, Request, ScriptedServer};
use crate::{
    Client, CreateConversation, Error, ImageUrl, ReasoningEffort, ResponseAccumulator,
    ResponseEvent, ResponseFormat, ResponseItem, ResponsePart, ResponseRequest, ResponseStatus,
    Tool,
};

fn question() -> ResponseRequest {
    ResponseRequest::new("m", "hi")
}

fn whole(text: &str) -> Value {
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    json!({
        "id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "model": "m",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": content},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    })
}

/// What a server was sent, a request a line.
fn sent(server: &ScriptedServer) -> String {
    let line =
        |it: &Request| format!("{} {} {}", it.method, it.target, it.text()).trim_end().to_owned();
    server.requests().iter().map(|request| line(request) + "\n").collect()
}

fn event(kind: &str, fields: Value) -> String {
    let mut data = json!({"type": kind});
    let (Value::Object(data), Value::Object(fields)) = (&mut data, fields) else { unreachable!() };
    data.extend(fields);
    format!("event: {kind}\ndata: {}\n\n", json!(data))
}

fn created() -> String {
    event("response.created", json!({"response": {"id": "resp_1", "status": "in_progress"}}))
}

fn text(delta: &str) -> String {
    event("response.output_text.delta", json!({"output_index": 0, "delta": delta}))
}

fn completed() -> String {
    event("response.completed", json!({"response": whole("hello")}))
}

/// What comes of a stream: its events, by the ends of their names, and the error it ends with.
async fn outcome(reply: Reply) -> String {
    let (_server, client) = serve([reply]).await;
    let mut shown = Vec::new();
    let mut stream = match client.stream_response(question()).await {
        Ok(stream) => stream,
        Err(error) => return format!("refused: {error}"),
    };
    while let Some(item) = stream.next().await {
        shown.push(match item {
            Ok(ResponseEvent::TextDelta(event)) => event.delta,
            Ok(event) => event.kind().trim_start_matches("response.").to_owned(),
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

#[tokio::test]
async fn a_response_is_asked_for_with_all_that_was_set() {
    let (server, client) = serve([Reply::json(200, whole("hello"))]).await;
    let tool = Tool::function("f", "does it", json!({"type": "object"}));
    let request = question()
        .with_instructions("be brief")
        .with_previous_response("resp_0")
        .with_max_output_tokens(5)
        .with_temperature(0.5)
        .with_tools([tool])
        .with_tool_choice("auto")
        .with_text_format(ResponseFormat::json_schema("s", json!({"type": "object"})))
        .with_reasoning_effort(ReasoningEffort::Low)
        .with_store(false)
        .with_metadata("a", "b");
    let response = client.create_response(request).await.unwrap();
    assert_eq!(response.text(), "hello");
    assert_eq!(response.status, Some(ResponseStatus::Completed));
    assert_eq!(response.usage.unwrap().total_tokens, 3);
    let sent = &server.requests()[0];
    assert_eq!(sent.path(), "/v1/responses");
    assert_eq!(
        sent.json(),
        json!({
            "model": "m", "input": "hi", "instructions": "be brief",
            "previous_response_id": "resp_0", "max_output_tokens": 5, "temperature": 0.5,
            "tools": [{
                "type": "function", "name": "f", "description": "does it",
                "parameters": {"type": "object"}, "strict": null,
            }],
            "tool_choice": "auto",
            "text": {"format": {
                "type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": true,
            }},
            "reasoning": {"effort": "low"}, "store": false, "metadata": {"a": "b"},
        })
    );
}

#[tokio::test]
async fn what_came_out_goes_in_again_as_it_was() {
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f",
        "arguments": "{}", "status": "completed", "new": [1]});
    let mut first = whole("hello");
    first["output"].as_array_mut().unwrap().push(call);
    let output = first["output"].as_array().unwrap().clone();
    let (server, client) = serve([Reply::json(200, first), Reply::json(200, whole("bye"))]).await;
    let response = client.create_response(question()).await.unwrap();
    let answers: Vec<_> = response.function_calls().map(|call| call.output("42")).collect();
    let mut items = vec![ResponseItem::user("hi")];
    items.extend(response.output);
    items.extend(answers);
    client.create_response(ResponseRequest::new("m", items)).await.unwrap();
    let mut expected = vec![json!({"type": "message", "role": "user", "content": "hi"})];
    expected.extend(output);
    expected.push(json!({"type": "function_call_output", "call_id": "c1", "output": "42"}));
    assert_eq!(server.requests()[1].json()["input"], json!(expected));
}

#[tokio::test]
async fn images_are_sent_in_their_places() {
    let url = format!("data:image/png;base64,{}", "A".repeat(400_000));
    let file = format!("data:application/pdf;base64,{}", "B".repeat(300_000));
    let document: ResponsePart =
        serde_json::from_value(json!({"type": "input_file", "file_data": file})).unwrap();
    let parts = vec![
        ResponsePart::from_text("what is this?"),
        ResponsePart::from_image(ImageUrl::new(&url).with_detail("low")),
        document,
    ];
    let items = vec![ResponseItem::user(parts.clone()), ResponseItem::function_output("c", parts)];
    let (server, client) = serve([Reply::json(200, whole("a tree"))]).await;
    client.create_response(ResponseRequest::new("m", items)).await.unwrap();
    let content = json!([
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": url, "detail": "low"},
        {"type": "input_file", "file_data": file},
    ]);
    assert_eq!(
        server.requests()[0].json()["input"],
        json!([
            {"type": "message", "role": "user", "content": content},
            {"type": "function_call_output", "call_id": "c", "output": content},
        ])
    );
}

#[tokio::test]
async fn a_stream_gives_its_events_and_ends_with_the_response() {
    let added = event("response.content_part.added", json!({"content_index": 0}));
    let pieces = [created(), added, text("hel"), text("ло"), completed()];
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    check(&pieces, expect!["created|content_part.added|hel|ло|completed"]).await;
    let late = "data: [DONE]\n\ndata: what comes after\n\n";
    check(&[&text("hel"), &completed(), late], expect!["hel|completed"]).await;
    let cut = json!({"response": {
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
    }});
    check(&[&text("hel"), &event("response.incomplete", cut)], expect!["hel|incomplete"]).await;
}

#[tokio::test]
async fn what_is_no_event_of_the_response_is_harmless() {
    let pings = ": ping\n\nevent: ping\ndata: {}\n\ndata:\n\nretry: 3\n\ndata: : wrapped\n\n";
    check(&[pings, &text("hel"), pings, &completed()], expect!["hel|completed"]).await;
    let other = "data: {\"type\":\"new.kind\",\"x\":1}\n\ndata: {\"y\":null}\n\n";
    check(&[other, &completed()], expect!["new.kind||completed"]).await;
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_truncated() {
    let truncated = || expect!["hel|error: the stream ended before the answer was complete"];
    check(&[&text("hel")], truncated()).await;
    check(&[&text("hel"), "data: [DONE]\n\n"], truncated()).await;
    let completed = completed();
    check(&[&text("hel"), &completed[..completed.len() - 8]], truncated()).await;
    check(&[], expect!["refused: the stream ended before the answer was complete"]).await;
    expect!["hel|error: the stream ended before the answer was complete"]
        .assert_eq(&outcome(Reply::events([text("hel")]).cut_short()).await);
    // The last blank line may be missing.
    check(&[completed.trim_end()], expect!["completed"]).await;
}

#[tokio::test]
async fn an_error_in_mid_stream_ends_it() {
    let flat = json!({"code": "rate_limit_exceeded", "message": "slow down", "param": null});
    check(
        &[&text("hel"), &event("error", flat), &completed()],
        expect!["hel|error: the server answered 429 (rate_limit_exceeded): slow down"],
    )
    .await;
    let nested = json!({"error": {"type": "server_error", "message": "gone"}});
    check(
        &[&text("hel"), &event("error", nested)],
        expect!["hel|error: the server answered 500 (server_error): gone"],
    )
    .await;
    check(
        &[&text("hel"), "data: {\"error\":{\"message\":\"bare\"}}\n\n"],
        expect!["hel|error: the server answered 500: bare"],
    )
    .await;
    let failed = |error: Value| {
        event("response.failed", json!({"response": {"status": "failed", "error": error}}))
    };
    check(
        &[&text("hel"), &failed(json!({"code": "server_error", "message": "no luck"}))],
        expect!["hel|error: the server answered 500 (server_error): no luck"],
    )
    .await;
    check(
        &[&failed(json!({"code": "invalid_image_url", "message": "no image"}))],
        expect!["refused: the server answered 400 (invalid_image_url): no image"],
    )
    .await;
    check(
        &[&failed(Value::Null)],
        expect![
            "refused: the server answered 500: the response failed; the server does not say why"
        ],
    )
    .await;
}

#[tokio::test]
async fn plain_json_is_a_stream_of_one() {
    expect!["completed"].assert_eq(&outcome(Reply::json(200, whole("hello"))).await);
    let mut cut = whole("hel");
    cut["status"] = json!("incomplete");
    expect!["incomplete"].assert_eq(&outcome(Reply::json(200, cut)).await);
    let mut own = whole("hello");
    own["status"] = json!("DONE");
    expect!["completed"].assert_eq(&outcome(Reply::json(200, own)).await);
    let cancelled = json!({"id": "r", "status": "cancelled"});
    expect!["cancelled"].assert_eq(&outcome(Reply::json(200, cancelled)).await);
    let failed = json!({"id": "r", "status": "failed", "error": {"code": "x", "message": "no"}});
    expect!["refused: the server answered 500 (x): no"]
        .assert_eq(&outcome(Reply::json(200, failed)).await);
    expect!["refused: could not read the response"]
        .assert_eq(&outcome(Reply::json(200, json!({}))).await);
}

#[tokio::test]
async fn plain_json_that_is_not_over_is_no_whole_stream() {
    for (status, kind) in
        [("queued", "queued"), ("in_progress", "in_progress"), ("waiting", "in_progress")]
    {
        let reply = Reply::json(200, json!({"id": "r", "status": status, "output": []}));
        let expected = format!("{kind}|error: the stream ended before the answer was complete");
        assert_eq!(outcome(reply).await, expected);
    }
}

#[tokio::test]
async fn the_events_add_up_and_show_the_exchange() {
    let reply =
        Reply::events([created(), text("hel"), completed()]).with_header("x-request-id", "q");
    let (server, client) = serve([reply]).await;
    let mut stream = client.stream_response(question()).await.unwrap();
    let mut whole = ResponseAccumulator::default();
    while let Some(event) = stream.next().await {
        whole.push(event.unwrap());
    }
    let response = whole.finish().unwrap();
    assert_eq!(response.text(), "hello");
    assert_eq!(response.meta.unwrap().request_id(), Some("q"));
    let sent = &server.requests()[0];
    assert_eq!(sent.json(), json!({"model": "m", "input": "hi", "stream": true}));
    assert_eq!(sent.header("accept"), Some("text/event-stream"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_sent_again_until_its_first_event_and_never_after() {
    let cut = || Reply::events([text("hel")]).cut_short();
    let overloaded = Reply::json(503, json!({"error": {"message": "busy"}}));
    let nothing = Reply::events([": ping\n\n"]);
    let server = ScriptedServer::start([overloaded, nothing, cut(), cut()]).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    let mut stream = client.stream_response(question()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(ResponseEvent::TextDelta(_)))));
    assert!(matches!(stream.next().await, Some(Err(Error::Truncated))));
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_response_that_failed_is_an_error_but_can_be_looked_at() {
    let failed = json!({"id": "resp_1", "status": "failed", "output": [],
        "error": {"code": "invalid_prompt", "message": "not this"}});
    let replies = [Reply::json(200, failed.clone()), Reply::json(200, failed)];
    let (_server, client) = serve(replies).await;
    let error = client.create_response(question()).await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 400 (invalid_prompt): not this");
    let response = client.response(&"resp_1".into()).await.unwrap();
    assert_eq!(response.error.unwrap().code, "invalid_prompt");
}

#[tokio::test]
async fn what_is_no_response_is_not_taken_for_an_empty_one() {
    let others = [
        json!({"status": null}),
        json!({"id": "r"}),
        json!({"id": "r", "status": "ok", "output": null}),
        super::completion("hello"),
    ];
    let refusal = || Reply::json(200, json!({"error": {"message": "no", "code": 404}}));
    let replies = others.iter().map(|other| Reply::json(200, other.clone()));
    let (_server, client) = serve(replies.chain([refusal(), refusal()])).await;
    for other in &others {
        let error = client.create_response(question()).await.unwrap_err();
        assert!(matches!(error, Error::Decode { what: "response", .. }), "{other}: {error:?}");
    }
    for call in [client.create_response(question()), client.response(&"r".into())] {
        assert_eq!(call.await.unwrap_err().as_api().unwrap().status, 404);
    }
}

#[tokio::test]
async fn a_response_without_output_is_one_if_anything_says_so() {
    let empty = [
        json!({"id": "r", "output": []}),
        json!({"id": "r", "object": "response"}),
        json!({"id": "r", "status": "queued"}),
    ];
    let (_server, client) = serve(empty.iter().map(|it| Reply::json(200, it.clone()))).await;
    for body in &empty {
        assert_eq!(client.create_response(question()).await.unwrap().id.as_str(), "r", "{body}");
    }
}

#[tokio::test]
async fn responses_are_looked_at_cancelled_deleted_and_counted() {
    let item = json!({"id": "msg_1", "type": "message", "role": "user", "content": "hi"});
    let (server, client) = serve([
        Reply::json(200, whole("hello")),
        Reply::json(200, json!({"id": "resp_1", "status": "cancelled"})),
        Reply::json(200, json!({"id": "resp_1", "object": "response", "deleted": true})),
        Reply::json(200, json!({"object": "list", "data": [item], "has_more": false})),
        Reply::json(200, json!({"object": "response.input_tokens", "input_tokens": 11})),
        Reply::json(200, json!({"id": "c", "output": [{"type": "compaction", "x": 1}]})),
        Reply::events([completed()]),
    ])
    .await;
    let id = "resp_1".into();
    let (response, meta) = client.response(&id).with_meta().await.unwrap();
    assert_eq!((response.text().as_str(), meta.status()), ("hello", 200));
    let cancelled = client.cancel_response(&id).await.unwrap();
    assert_eq!(cancelled.status, Some(ResponseStatus::Cancelled));
    assert!(client.delete_response(&id).await.unwrap().deleted);
    let items = client.response_input_items(&id).query("order", "asc").all().await.unwrap();
    assert_eq!(items[0].id(), "msg_1");
    let counted = client.count_input_tokens(question()).await.unwrap();
    assert_eq!(counted.input_tokens, 11);
    let shorter = client.compact_response(question()).await.unwrap();
    assert_eq!(shorter.output.len(), 1);
    let mut resumed = client.resume_response(&id, Some(4)).await.unwrap();
    assert!(resumed.next().await.unwrap().unwrap().is_terminal());
    expect![[r#"
        GET /v1/responses/resp_1
        POST /v1/responses/resp_1/cancel
        DELETE /v1/responses/resp_1
        GET /v1/responses/resp_1/input_items?order=asc&limit=100
        POST /v1/responses/input_tokens {"model":"m","input":"hi"}
        POST /v1/responses/compact {"model":"m","input":"hi"}
        GET /v1/responses/resp_1?stream=true&starting_after=4
    "#]]
    .assert_eq(&sent(&server));
}

#[tokio::test]
async fn conversations_are_begun_changed_and_filled() {
    let conversation = || {
        Reply::json(200, json!({"id": "conv_1", "object": "conversation", "metadata": {"a": "b"}}))
    };
    let item = json!({"id": "msg_1", "type": "message", "role": "user", "content": []});
    let items = json!({"object": "list", "data": [item], "has_more": false});
    let (server, client) = serve([
        conversation(),
        conversation(),
        conversation(),
        Reply::json(200, items.clone()),
        Reply::json(200, items),
        Reply::json(200, item),
        conversation(),
        Reply::json(200, json!({"id": "conv_1", "deleted": true})),
        Reply::json(200, whole("hello")),
    ])
    .await;
    let hello = || vec![ResponseItem::user("Hello!")];
    let begin = CreateConversation::new(hello()).with_metadata("a", "b");
    let begun = client.create_conversation(begin).await.unwrap();
    let id = &begun.id;
    assert_eq!(client.conversation(id).await.unwrap().metadata["a"], "b");
    client.update_conversation(id, &begun.metadata).await.unwrap();
    assert_eq!(client.add_conversation_items(id, &hello()).await.unwrap().data.len(), 1);
    assert_eq!(client.conversation_items(id).await.unwrap().data[0].id(), "msg_1");
    assert_eq!(client.conversation_item(id, "msg_1").await.unwrap().id(), "msg_1");
    client.delete_conversation_item(id, "msg_1").await.unwrap();
    assert!(client.delete_conversation(id).await.unwrap().deleted);
    client.create_response(question().with_conversation(&begun)).await.unwrap();
    expect![[r#"
        POST /v1/conversations {"items":[{"role":"user","content":"Hello!","type":"message"}],"metadata":{"a":"b"}}
        GET /v1/conversations/conv_1
        POST /v1/conversations/conv_1 {"metadata":{"a":"b"}}
        POST /v1/conversations/conv_1/items {"items":[{"role":"user","content":"Hello!","type":"message"}]}
        GET /v1/conversations/conv_1/items
        GET /v1/conversations/conv_1/items/msg_1
        DELETE /v1/conversations/conv_1/items/msg_1
        DELETE /v1/conversations/conv_1
        POST /v1/responses {"model":"m","input":"hi","conversation":"conv_1"}
    "#]]
    .assert_eq(&sent(&server));
}

#[tokio::test]
async fn nothing_is_waited_for_after_the_last_event() {
    let reply = Reply::events([text("hel"), completed()]).hanging();
    expect!["hel|completed"].assert_eq(&outcome(reply).await);
}
