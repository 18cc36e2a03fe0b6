//! What the cells share.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use facade::{Builder, OpenAiModel};
use openai_api::testing::{Reply, ScriptedServer};
use openai_api::{
    ChatBackend, ChatCompletion, ChatRequest, ChatStream, Client, Model, RetryPolicy,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A builder on the embedded engine, in a folder of its own.
pub fn embedded() -> (TempDir, Builder) {
    let home = tempfile::tempdir().unwrap();
    let builder = OpenAiModel::builder().embedded(home.path()).unwrap();
    (home, builder)
}

/// A builder on the hosted API of `server`.
pub fn hosted(server: &ScriptedServer) -> Builder {
    OpenAiModel::builder().hosted(client(server))
}

/// A client of `server` that sends each request once.
pub fn client(server: &ScriptedServer) -> Client {
    let client = Client::builder().key("sk-test").base_url(server.url());
    client.retry(RetryPolicy::never()).build().unwrap()
}

/// A server that gives one reply after the other.
pub async fn scripted(replies: impl IntoIterator<Item = Reply>) -> ScriptedServer {
    ScriptedServer::start(replies).await.unwrap()
}

/// A whole answer as OpenAI sends it.
pub fn completion(text: &str) -> Reply {
    Reply::json(
        200,
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }),
    )
    .with_header("x-request-id", "req_1")
}

/// An error as OpenAI sends it.
pub fn api_error(status: u16, code: &str) -> Reply {
    let error = json!({"message": "as scripted", "type": "error", "param": null, "code": code});
    Reply::json(status, json!({ "error": error }))
}

/// A file of the demo's data.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data").join(name)
}

/// A JSON file's content.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A backend together with what must outlive it, such as a server or a temporary folder.
#[derive(Debug)]
pub struct Held<B> {
    backend: B,
    _guard: Box<dyn Guard>,
}

impl<B> Held<B> {
    /// Keeps `guard` for as long as `backend`.
    pub fn new(backend: B, guard: impl Guard) -> Self {
        Self { backend, _guard: Box::new(guard) }
    }
}

/// Whatever is kept only to be dropped later.
pub trait Guard: std::fmt::Debug + Send + Sync + 'static {}

impl<T: std::fmt::Debug + Send + Sync + 'static> Guard for T {}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: ChatBackend> ChatBackend for Held<B> {
    async fn complete(&self, request: ChatRequest) -> openai_api::Result<ChatCompletion> {
        self.backend.complete(request).await
    }

    async fn stream(&self, request: ChatRequest) -> openai_api::Result<ChatStream> {
        self.backend.stream(request).await
    }

    async fn models(&self) -> openai_api::Result<Vec<Model>> {
        self.backend.models().await
    }
}

/// Our own server over the engine, on a free port, in a folder of its own.
#[derive(Debug)]
pub struct Served {
    base_url: String,
    running: tokio::task::AbortHandle,
    _home: TempDir,
}

impl Served {
    /// Starts it.
    pub async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let engine = local_engine::Engine::open(home.path()).unwrap();
        let trainer = Arc::new(engine.trainer());
        let server = server::Server::builder(Arc::new(engine))
            .with_trainer(trainer)
            .with_files_dir(home.path().join("files"))
            .build()
            .unwrap();
        let bound = server.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let base_url = format!("http://{}/v1", bound.local_addr());
        let running = tokio::spawn(bound.serve()).abort_handle();
        Self { base_url, running, _home: home }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::builder().base_url(&self.base_url).build().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.running.abort();
    }
}
