//! What tracing is told.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::json;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::format::FmtSpan;

use super::completion;
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, ChatRequest, Client, FileId, Message, RetryPolicy};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Our own lines, without the time it took.
    fn ours(&self) -> String {
        let all = self.all();
        let lines = all.lines().filter(|line| line.contains(" openai_api: "));
        let lines = lines.map(|line| {
            let line = line.split(" time.busy").next().unwrap_or_default().trim_start();
            match line.split_once("duration_ms=") {
                Some((start, rest)) => {
                    let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
                    format!("{start}duration_ms=N{rest}")
                }
                None => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Writes down all that this thread tells, down to the connections'; tests run on one thread.
fn listen() -> (Lines, tracing::subscriber::DefaultGuard) {
    // While there is but one listener, what another test's thread tells first goes to nobody, and
    // is remembered to: a second one, who hears nothing, is enough for tracing to ask them all.
    static DEAF: OnceLock<tracing::Dispatch> = OnceLock::new();
    DEAF.get_or_init(|| tracing::Dispatch::new(NoSubscriber::new()));
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

fn client_of(server: &ScriptedServer) -> Client {
    let policy = RetryPolicy::default().with_base(Duration::ZERO);
    let builder = Client::builder().base_url(server.url()).key(KEY).retry(policy);
    builder.build().unwrap()
}

fn question() -> ChatRequest {
    ChatRequest::new("m", vec![Message::user(PROMPT)])
}

#[track_caller]
fn tells_nothing_that_was_said(lines: &Lines) {
    let all = lines.all();
    assert!(all.contains("hyper"), "those of the connection are heard too: {all}");
    for secret in [KEY, PROMPT, ANSWER] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[tokio::test]
async fn a_call_is_a_span_and_a_wait_is_an_event() {
    let (lines, _guard) = listen();
    let busy = Reply::json(503, json!({"error": {"message": format!("no: {PROMPT}")}}));
    let answer = Reply::json(200, completion(ANSWER)).with_header("x-request-id", "r-7");
    let server = ScriptedServer::start([busy, answer]).await.unwrap();
    let answer = client_of(&server).complete(question()).await.unwrap();
    assert_eq!(answer.text(), ANSWER);
    drop(answer);
    expect_test::expect![[r#"
        WARN call{method="POST" host="127.0.0.1" path="/chat/completions" attempt=1 status=503}: openai_api: sending again attempt=1 wait_ms=0 reason="status" status=503
        INFO call{method="POST" host="127.0.0.1" path="/chat/completions" attempt=1 status=503 attempt=2 status=200 request_id="r-7" tokens_in=1 tokens_out=2 duration_ms=N}: openai_api: close"#]].assert_eq(&lines.ours());
    tells_nothing_that_was_said(&lines);
}

#[tokio::test]
async fn the_span_of_a_stream_lasts_until_its_end() {
    let (lines, _guard) = listen();
    let chunk = |rest: serde_json::Value| {
        let mut chunk = json!({"id": "c", "model": "m", "choices": []});
        chunk.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        format!("data: {chunk}\n\n")
    };
    let delta =
        json!({"choices": [{"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}]});
    let usage = json!({"usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    let events = [chunk(delta), chunk(usage), "data: [DONE]\n\n".into()];
    let server = ScriptedServer::start([Reply::events(events)]).await.unwrap();
    let stream = client_of(&server).stream(question()).await.unwrap();
    assert_eq!(lines.ours(), "");
    let chunks: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(chunks.len(), 2);
    expect_test::expect![[r#"INFO call{method="POST" host="127.0.0.1" path="/chat/completions" attempt=1 status=200 tokens_in=3 tokens_out=4 duration_ms=N}: openai_api: close"#]].assert_eq(&lines.ours());
    tells_nothing_that_was_said(&lines);
}

#[tokio::test]
async fn an_error_is_told_by_its_kind_and_a_path_without_its_query() {
    let (lines, _guard) = listen();
    let refusal = Reply::json(400, json!({"error": {"message": format!("{KEY}: {PROMPT}")}}));
    let server = ScriptedServer::start([refusal]).await.unwrap();
    let client = client_of(&server);
    client.get(&format!("x/y?q={PROMPT}")).await.unwrap_err();
    let usage = json!({"usage": {"input_tokens": 5, "output_tokens": 6}});
    let server = ScriptedServer::start([Reply::json(200, usage)]).await.unwrap();
    client_of(&server).post("responses").json(&json!({"input": PROMPT})).await.unwrap();
    expect_test::expect![[r#"
        INFO call{method="GET" host="127.0.0.1" path="/x/y" attempt=1 status=400 error="status" duration_ms=N}: openai_api: close
        INFO call{method="POST" host="127.0.0.1" path="/responses" attempt=1 status=200 tokens_in=5 tokens_out=6 duration_ms=N}: openai_api: close"#]].assert_eq(&lines.ours());
    tells_nothing_that_was_said(&lines);
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_told_and_one_that_was_got_over_is_not() {
    let (lines, _guard) = listen();
    let chunk = format!(
        "data: {}\n\n",
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": ANSWER}}]})
    );
    let replies = [
        Reply::events(["data: {\"id\":"]).cut_short(),
        Reply::events([chunk]).cut_short(),
        Reply::new(200, "text/plain", "").in_pieces([ANSWER]).cut_short(),
    ];
    let server = ScriptedServer::start(replies).await.unwrap();
    let client = client_of(&server);
    let stream = client.stream(question()).await.unwrap();
    stream.try_collect::<Vec<_>>().await.unwrap_err();
    let content = client.file_content(&FileId::new("f")).await.unwrap();
    content.try_collect::<Vec<_>>().await.unwrap_err();
    expect_test::expect![[r#"
        WARN call{method="POST" host="127.0.0.1" path="/chat/completions" attempt=1 status=200}: openai_api: sending again attempt=1 wait_ms=0 reason="truncated"
        INFO call{method="POST" host="127.0.0.1" path="/chat/completions" attempt=1 status=200 attempt=2 status=200 error="truncated" duration_ms=N}: openai_api: close
        INFO call{method="GET" host="127.0.0.1" path="/files/f/content" attempt=1 status=200 error="truncated" duration_ms=N}: openai_api: close"#]].assert_eq(&lines.ours());
    tells_nothing_that_was_said(&lines);
}

const KEY: &str = "sk-which-nobody-may-read";
const PROMPT: &str = "what-nobody-may-know";
const ANSWER: &str = "what-nobody-may-hear";
