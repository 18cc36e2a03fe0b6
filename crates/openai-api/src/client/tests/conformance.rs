//! The client, and `Retry` and `Limit` around it, against a server that is a model of one trick: it echoes.

use serde_json::{Value, json};

use crate::conformance::Offer;
use crate::testing::{Reply, Request, ScriptedServer};
use crate::{ApiError, ChatBackend, Client, Retry};

/// A server that answers each question with the question, a word for a token.
fn echo(request: &Request) -> Reply {
    if request.path() == "/v1/models" {
        return Reply::json(200, json!({"data": [{"id": "echo"}, {"id": "other"}]}));
    }
    let body = request.json();
    if body["model"] != "echo" {
        let error = ApiError::model_not_found(body["model"].as_str().unwrap_or_default());
        return Reply::json(404, error.to_body());
    }
    let question = body["messages"][0]["content"].as_str().unwrap_or_default();
    let stop = body["stop"].as_array().and_then(|texts| texts.first()).and_then(Value::as_str);
    let text = stop.and_then(|stop| question.split(stop).next()).unwrap_or(question);
    let limit = body["max_tokens"].as_u64().unwrap_or(u64::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let reason = if words.len() > limit { "length" } else { "stop" };
    let words = &words[..words.len().min(limit)];
    let usage = json!({
        "prompt_tokens": 1, "completion_tokens": words.len(), "total_tokens": 1 + words.len(),
    });
    if body["stream"] != true {
        let message = json!({"role": "assistant", "content": words.concat()});
        let choices = json!([{"message": message, "finish_reason": reason}]);
        return Reply::json(200, json!({"choices": choices, "usage": usage}));
    }
    let event = |value: Value| format!("data: {value}\n\n");
    let texts = words.iter().map(|word| json!({"choices": [{"delta": {"content": word}}]}));
    let last = json!({"choices": [{"delta": {}, "finish_reason": reason}]});
    let events = texts.chain([last, json!({"choices": [], "usage": usage})]).map(event);
    Reply::events(events.chain(["data: [DONE]\n\n".to_owned()]))
}

/// A client that keeps its server alive.
#[derive(Debug)]
struct Served {
    client: Client,
    _server: ScriptedServer,
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatBackend for Served {
    async fn complete(&self, request: crate::ChatRequest) -> crate::Result<crate::ChatCompletion> {
        self.client.complete(request).await
    }

    async fn stream(&self, request: crate::ChatRequest) -> crate::Result<crate::ChatStream> {
        self.client.stream(request).await
    }

    async fn models(&self) -> crate::Result<Vec<crate::Model>> {
        self.client.models().await
    }
}

async fn served() -> Served {
    let server = ScriptedServer::answering(echo).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    Served { client, _server: server }
}

mod client {
    crate::chat_backend_conformance! {
        backend: super::served().await,
        offer: super::Offer::new("echo").with_echo(),
    }
}

mod retry {
    crate::chat_backend_conformance! {
        backend: super::Retry::new(super::served().await),
        offer: super::Offer::new("echo").with_echo(),
    }
}

#[cfg(feature = "limit")]
mod limit {
    crate::chat_backend_conformance! {
        backend: crate::Limit::new(super::served().await)
            .with_requests_per_minute(100)
            .with_tokens_per_minute(100_000)
            .with_concurrency(1),
        offer: super::Offer::new("echo").with_echo(),
    }
}
