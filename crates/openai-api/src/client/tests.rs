//! The client against a real server on loopback that answers by script.

mod answers;
mod assistants;
mod azure;
mod batches;
mod certificates;
mod conformance;
mod deletions;
mod embeddings;
mod fine_tuning;
mod keys;
#[cfg(feature = "limit")]
mod limits;
mod panics;
mod proxies;
mod raw;
mod redirects;
mod requests;
mod responses;
mod streams;
#[cfg(feature = "tracing")]
mod traces;
mod uploads;

use serde_json::{Value, json};

use crate::testing::{Reply, ScriptedServer};
use crate::{ChatRequest, Client, Message, RetryPolicy};

/// A server with these replies, and a client of it.
async fn serve(replies: impl IntoIterator<Item = Reply>) -> (ScriptedServer, Client) {
    let server = ScriptedServer::start(replies).await.unwrap();
    let client =
        Client::builder().key("sk-secret-key").base_url(server.url()).retry(RetryPolicy::never());
    let client = client.build().unwrap();
    (server, client)
}

fn question() -> ChatRequest {
    ChatRequest::new("m", vec![Message::user("hi")])
}

fn completion(text: &str) -> Value {
    json!({
        "id": "c1", "object": "chat.completion", "created": 7, "model": "m",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })
}

fn list(ids: &[&str], has_more: bool) -> Reply {
    let data: Vec<_> = ids.iter().map(|id| json!({"id": id, "status": "running"})).collect();
    Reply::json(200, json!({"object": "list", "data": data, "has_more": has_more}))
}

/// What came: method and target, and the body where there was one, each on a line.
fn told(server: &ScriptedServer) -> String {
    let lines = server.requests().into_iter().map(|request| {
        let body = request.text().into_owned();
        let body = if body.is_empty() { body } else { format!(" {body}") };
        format!("{} {}{body}\n", request.method, request.target)
    });
    lines.collect()
}
