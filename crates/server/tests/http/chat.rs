//! `/v1/chat/completions`.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Answer, Api, builder, within};

const PATH: &str = "/v1/chat/completions";

fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

fn streamed(model: &str, text: &str) -> Value {
    let mut request = ask(model, text);
    request["stream"] = true.into();
    request
}

/// The events of a stream, each checked to be one `data:` line and a blank one.
#[track_caller]
fn events(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    let frames = answer.text().strip_suffix("\n\n").unwrap().split("\n\n");
    frames.map(|frame| frame.strip_prefix("data: ").unwrap().to_owned()).collect()
}

#[track_caller]
fn chunks(events: &[String]) -> Vec<Value> {
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

#[tokio::test]
async fn an_answer_comes_whole_with_id_and_time() {
    let api = Api::echo().await;
    let text = "Кто там? \"🦉\"\n\\u0000";
    let answer = api.post(PATH, &ask("echo", text)).await.ok();
    assert_eq!(answer["choices"][0]["message"]["content"], text);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["usage"]["total_tokens"], 5);
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_u64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn a_stream_is_one_event_per_chunk_and_done() {
    let api = Api::echo().await;
    let mut events = events(&api.post(PATH, &streamed("echo", "привет, мир 🦉")).await);
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let chunks = chunks(&events);
    let text: String =
        chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "привет, мир 🦉");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(chunks[0]["id"].as_str().unwrap().starts_with("chatcmpl-"));
    for chunk in &chunks {
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk.get("usage"), None, "nobody asked for it");
    }
}

#[tokio::test]
async fn a_stream_tells_the_usage_in_a_last_chunk_if_asked() {
    let api = Api::echo().await;
    let mut request = streamed("echo", "hi");
    request["stream_options"] = json!({"include_usage": true});
    let mut events = events(&api.post(PATH, &request).await);
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let mut chunks = chunks(&events);
    let last = chunks.pop().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 3);
    assert_eq!((&last["id"], &last["model"]), (&chunks[0]["id"], &chunks[0]["model"]));
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[tokio::test]
async fn an_error_before_the_first_chunk_is_an_answer_of_its_own() {
    let api = Api::echo().await;
    for (model, status) in [("gpt-9", 404), ("late", 504), ("broken", 500)] {
        let answer = api.post(PATH, &streamed(model, "hi")).await;
        assert_eq!(answer.status, status);
        answer.error();
    }
}

#[tokio::test]
async fn an_error_within_a_stream_is_an_event_and_the_end() {
    let api = Api::echo().await;
    let answer = api.post(PATH, &streamed("breaks", "hi")).await;
    let events = events(&answer);
    let chunks = chunks(&events);
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "hi");
    let error = &chunks.last().unwrap()["error"];
    let id = answer.header("x-request-id");
    assert_eq!(error["message"], format!("the echo backend failed (request {id})"));
    assert_eq!(error["type"], "server_error");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_drops_it() {
    let (builder, mut told) = builder();
    let api = Api::start(builder).await;
    let request = api.json(PATH, &streamed("endless", "hi"));
    let mut response = within(request.send()).await.unwrap();
    assert!(within(response.chunk()).await.unwrap().is_some());
    assert_eq!(told.recv().await, Some(()));
    drop(response);
    assert_eq!(within(told.recv()).await, None, "the stream is gone, and its end of the channel");
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_an_answer_drops_the_question() {
    let (builder, mut told) = builder();
    let api = Api::start(builder).await;
    let mut socket = TcpStream::connect(api.addr).await.unwrap();
    let body = ask("endless", "hi").to_string();
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(within(told.recv()).await, Some(()));
    drop(socket);
    assert_eq!(within(told.recv()).await, None, "the future is gone, and its end of the channel");
}

#[tokio::test]
async fn a_request_without_messages_or_with_misplaced_options_is_refused() {
    let api = Api::echo().await;
    let none = api.post(PATH, &json!({"model": "echo", "messages": []})).await;
    assert_eq!(none.error(), "400 messages -: messages: must hold at least one message");
    let mut request = ask("echo", "hi");
    request["stream_options"] = json!({"include_usage": true});
    assert!(
        api.post(PATH, &request)
            .await
            .error()
            .starts_with("400 stream_options -: stream_options: is")
    );
}

#[tokio::test]
async fn a_body_with_an_image_is_taken_and_a_larger_one_refused() {
    let api = Api::start(builder().0.with_max_body(200_000)).await;
    let image = |length| {
        let url = format!("data:image/png;base64,{}", "A".repeat(length));
        let parts = json!([{"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {"url": url}}]);
        json!({"model": "echo", "messages": [{"role": "user", "content": parts}]})
    };
    let answer = api.post(PATH, &image(190_000)).await.ok();
    assert_eq!(answer["choices"][0]["message"]["content"], "what is it?");
    let answer = api.post(PATH, &image(400_000)).await;
    assert_eq!(answer.error(), "413 - request_too_large: the body is larger than 200000 bytes");
}

#[tokio::test]
async fn a_larger_body_of_unknown_length_is_refused_too() {
    let api = Api::start(builder().0.with_max_body(10)).await;
    let answer = api
        .raw(&format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
             8\r\n{{\"model\"\r\n8\r\n:\"echo\",\r\n0\r\n\r\n"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_backend_that_panics_is_an_answer_too() {
    let api = Api::echo().await;
    let answer = api.post(PATH, &ask("panics", "hi")).await;
    assert_eq!(answer.error(), "500 - -: the backend panicked (request REQUEST)");
    assert_eq!(api.send(api.request(Method::GET, "/health")).await.status, 200);
}
