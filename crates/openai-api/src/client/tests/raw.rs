//! The raw door: bodies and answers that this crate has no types for.

use std::io::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::serve;
use super::uploads::form;
use crate::testing::{Reply, ScriptedServer};
use crate::{Azure, Client, Error, Form, FormFile, Key, RetryPolicy, StreamEvent};

/// A server with these replies, and a client that sends again at once.
async fn serve_again(replies: impl IntoIterator<Item = Reply>) -> (ScriptedServer, Client) {
    let server = ScriptedServer::start(replies).await.unwrap();
    let quick = RetryPolicy::default().with_base(Duration::ZERO);
    let client = Client::builder().base_url(server.url()).retry(quick).build().unwrap();
    (server, client)
}

fn busy() -> Reply {
    Reply::json(503, json!({"error": {"message": "busy"}}))
}

fn fine() -> Reply {
    Reply::json(200, json!({"text": "deep"}))
}

#[tokio::test]
async fn a_form_is_sent_in_order_with_its_length_and_its_files_are_opened_for_each_attempt() {
    let (server, client) = serve_again([busy(), fine()]).await;
    let mut speech = tempfile::NamedTempFile::with_suffix(".wav").unwrap();
    speech.write_all(b"RIFF").unwrap();
    let form_of_three = Form::new()
        .text("model", "whisper-1")
        .file("file", FormFile::from_path(speech.path()).with_name("lake.wav"))
        .file("a \"b\"", FormFile::from_bytes("notes", "x\ny").with_mime_type("text/x-lake"))
        .text("tags[]", "a\nb");
    let answer = client.post("audio/transcriptions").form(form_of_three).await.unwrap();
    assert_eq!(answer["text"], "deep");
    let requests = server.requests();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[1].target, "/v1/audio/transcriptions");
    expect_test::expect![[r#"
        --BOUNDARY
        content-disposition: form-data; name="model"

        whisper-1
        --BOUNDARY
        content-disposition: form-data; name="file"; filename="lake.wav"
        content-type: audio/wav

        RIFF
        --BOUNDARY
        content-disposition: form-data; name="a %22b%22"; filename="notes"
        content-type: text/x-lake

        x
        y
        --BOUNDARY
        content-disposition: form-data; name="tags[]"

        a
        b
        --BOUNDARY--
    "#]]
    .assert_eq(&form(&requests[1]));
}

#[tokio::test]
async fn a_form_that_cannot_be_sent_is_told_before_anything_is() {
    let (server, client) = serve([]).await;
    let missing = FormFile::from_path("/nowhere/lake.png");
    let error = client.post("x").form(Form::new().file("f", missing)).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    let typed = FormFile::from_bytes("f", "x").with_mime_type("a\r\nb: c");
    let error = client.post("x").form(Form::new().file("f", typed)).await.unwrap_err();
    assert_eq!(error.to_string(), "MIME type: has a line break or the like in it");
    let error = client.post("x").body("x", "a\nb").await.unwrap_err();
    assert!(error.to_string().starts_with("content type: has a line break"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_body_that_was_set_last_is_sent() {
    let (server, client) = serve((0..3).map(|_| fine())).await;
    let one = || Form::new().text("a", "1");
    client.post("x").form(one()).json(&7).await.unwrap();
    client.post("x").json(&7).form(one()).await.unwrap();
    // A type of the caller's own would leave the form without what stands between its fields.
    client.post("x").form(one()).header("content-type", "text/plain").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].json(), 7);
    assert!(form(&requests[1]).contains("name=\"a\"\n\n1\n"));
    assert!(form(&requests[2]).contains("name=\"a\"\n\n1\n"));
}

#[test]
fn a_form_does_not_show_what_it_says() {
    let form = Form::new().text("prompt", "a secret").file("f", FormFile::from_bytes("n", "deep"));
    assert_eq!(format!("{form:?}"), r#"["prompt", "f"]"#);
    let file = FormFile::from_bytes("n", "deep");
    assert_eq!(format!("{file:?}"), r#"FormFile { name: "n", mime_type: None, .. }"#);
}

#[tokio::test]
async fn azure_is_told_the_deployment_by_the_model_in_a_form() {
    let server = ScriptedServer::answering(|_| fine()).await.unwrap();
    let azure = Azure::new(server.url().replace("/v1", "")).with_api_version("2024-10-21");
    let azure = azure.with_deployment("whisper-1", "ears");
    let client = Client::builder().azure(azure).key(Key::new("k")).build().unwrap();
    let speech = || Form::new().file("file", FormFile::from_bytes("a.wav", "RIFF"));
    let known = speech().text("model", "whisper-1");
    client.post("audio/transcriptions").form(known).await.unwrap();
    let path = "/openai/deployments/ears/audio/transcriptions";
    assert_eq!(server.requests()[0].path(), path);
    let error = client.post("audio/transcriptions").form(speech()).await.unwrap_err();
    assert!(error.to_string().starts_with("model: is missing"), "{error}");
}

#[tokio::test]
async fn a_body_comes_piece_by_piece_once_its_first_has_come() {
    let sound = || Reply::new(200, "audio/pcm", "").in_pieces(["12", "3"]);
    let cut = Reply::new(200, "audio/pcm", "").in_pieces(Vec::<Vec<u8>>::new()).cut_short();
    let (server, client) = serve_again([busy(), cut, sound()]).await;
    let call = client.post("audio/speech").json(&json!({"input": "hi"})).byte_stream();
    let (pieces, meta) = call.with_meta().await.unwrap();
    assert_eq!(meta.header("content-type"), Some("audio/pcm"));
    let pieces: Vec<_> = pieces.map(Result::unwrap).collect().await;
    assert_eq!(pieces.concat(), b"123");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.requests()[2].header("accept"), Some("*/*"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_sent_again() {
    let cut = Reply::new(200, "audio/pcm", "").in_pieces(["12"]).cut_short();
    let (server, client) = serve_again([cut]).await;
    let mut pieces = client.get("x").header("accept", "audio/pcm").byte_stream().await.unwrap();
    assert_eq!(pieces.next().await.unwrap().unwrap(), "12");
    let error = pieces.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Truncated), "{error:?}");
    assert!(pieces.next().await.is_none());
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].header("accept")), (1, Some("audio/pcm")));
}

#[tokio::test]
async fn a_body_or_stream_that_falls_silent_is_given_up() {
    let hanging = || Reply::events(["data: 1\n\n"]).hanging();
    let server = ScriptedServer::start([hanging(), hanging()]).await.unwrap();
    let brief = Duration::from_millis(30);
    let builder = Client::builder().base_url(server.url()).idle_timeout(brief);
    let client = builder.build().unwrap();
    let mut pieces = client.get("x").byte_stream().await.unwrap();
    assert!(pieces.next().await.unwrap().is_ok());
    let error = pieces.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let mut events = client.get("x").events().await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().data, "1");
    let error = events.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(events.next().await.is_none());
}

/// What the events of a reply come to, one after the other.
async fn told(reply: Reply) -> String {
    let (_server, client) = serve([reply]).await;
    let mut events = match client.post("x").json(&1).events().await {
        Ok(events) => events,
        Err(error) => return format!("no stream: {error}"),
    };
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(match event {
            Ok(StreamEvent { kind, data, id, .. }) => format!("[{kind}|{data}|{id}]"),
            Err(error) => error.to_string(),
        });
    }
    told.join(" ")
}

#[tokio::test]
async fn events_of_any_kind_are_handed_out_as_they_are() {
    let events = |text: &str| Reply::events([text]);
    for (reply, expected) in [
        (events("event: a\nid: 7\ndata: 1\ndata: 2\n\ndata: x\n\n"), "[a|1\n2|7] [|x|7]"),
        (events("data: 1\n\ndata: [DONE]\n\ndata: 2\n\n"), "[|1|]"),
        (events(": hi\n\nretry: 5\n\ndata:\n\nevent: ping\ndata:\n\n"), "[ping||]"),
        (events(""), ""),
        // JSON that is whole needs no blank line behind it.
        (events("data: {\"a\":1}"), "[|{\"a\":1}|]"),
        (events("data: 1\n\ndata: [DONE]"), "[|1|]"),
        // An object may have an `error`.
        (
            events("data: {\"id\":\"r\",\"error\":{\"message\":\"m\"}}\n\n"),
            "[|{\"id\":\"r\",\"error\":{\"message\":\"m\"}}|]",
        ),
        (Reply::json(200, json!({"a": 1})), "[|{\"a\":1}|]"),
    ] {
        assert_eq!(told(reply.clone()).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn events_that_break_off_or_tell_an_error_end_in_one() {
    let cut = "the stream ended before the answer was complete";
    let failed = "the server answered 500: m";
    let error = json!({"error": {"message": "m"}});
    let events = |text: &str| Reply::events([text]);
    for (reply, expected) in [
        (events("data: 1\n\n").cut_short(), format!("[|1|] {cut}")),
        (events("data: 1\n\ndata: {\"a\":"), format!("[|1|] {cut}")),
        (events("data: 1\n\ndata: a text"), format!("[|1|] {cut}")),
        (events("data: {\"a\":"), format!("no stream: {cut}")),
        (events(&format!("data: 1\n\ndata: {error}\n\ndata: 2\n\n")), format!("[|1|] {failed}")),
        (
            events("data: 1\n\nevent: error\ndata: {\"message\":\"m\"}\n\n"),
            format!("[|1|] {failed}"),
        ),
        (Reply::json(200, error.clone()), format!("no stream: {failed}")),
        (Reply::new(200, "text/html", "<html>"), "no stream: could not read the stream".to_owned()),
    ] {
        assert_eq!(told(reply.clone()).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn events_are_asked_for_again_until_the_first_has_come() {
    let cut = Reply::events([": soon\n\n"]).cut_short();
    let (server, client) = serve_again([busy(), cut, Reply::events(["data: {\"n\":1}\n\n"])]).await;
    let (mut events, meta) = client.post("x").json(&1).events().with_meta().await.unwrap();
    assert_eq!(meta.status(), 200);
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(event.json::<Value>().unwrap(), json!({"n": 1}));
    assert_eq!(format!("{event:?}"), r#"StreamEvent { kind: "", data: 7 bytes, id: 0 bytes }"#);
    assert!(matches!(event.json::<String>(), Err(Error::Decode { .. })));
    assert!(events.next().await.is_none());
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.requests()[2].header("accept"), Some("text/event-stream"));
}
