use openai_api::Client;
use serde_json::Value;

use super::{Sent, send, specification};

/// Every example of a request in the specification that is sent as JSON and answered whole.
pub async fn examples(client: &Client) -> Vec<Sent> {
    let mut sent = Vec::new();
    for example in specification("examples.json").as_array().unwrap() {
        let operation = example["of"].as_str().unwrap();
        let Some(path) = operation.strip_prefix("POST /") else { continue };
        if example["part"] != "request" || example["body"]["stream"] == true {
            continue;
        }
        let mut call = client.post(&filled(path)).json(&example["body"]);
        if path.starts_with("threads") || path.starts_with("assistants") {
            call = call.header("OpenAI-Beta", "assistants=v2");
        }
        let what = match example["title"].as_str() {
            Some(title) => format!("example of {operation}: {title}"),
            None => format!("example of {operation}"),
        };
        sent.push(send(&what, call.reads::<Value>()).await);
    }
    sent
}

/// The path with an id for each parameter.
fn filled(path: &str) -> String {
    let segments = path.split('/').map(|s| if s.starts_with('{') { "abc123" } else { s });
    segments.collect::<Vec<_>>().join("/")
}
