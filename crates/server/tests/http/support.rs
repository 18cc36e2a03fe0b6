//! A server on a free port, and a client that asks it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use server::{Server, ServerBuilder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::echo::Echo;

pub(crate) struct Api {
    pub(crate) addr: SocketAddr,
    pub(crate) client: reqwest::Client,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<server::Result<()>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body of a request that went well.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// `status param code: message` of an error in OpenAI's shape.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        assert_eq!(body.as_object().unwrap().len(), 1);
        assert_eq!(error.as_object().unwrap().len(), 4, "{error}");
        assert!(error["type"].is_string());
        assert_eq!(self.header("content-type"), "application/json");
        let word = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        let message = word("message");
        let message = message.replace(self.header("x-request-id"), "REQUEST");
        format!("{} {} {}: {message}", self.status, word("param"), word("code"))
    }
}

impl Api {
    /// Serves an echo alone.
    pub(crate) async fn echo() -> Self {
        Self::start(builder().0).await
    }

    /// Serves an echo and keeps files.
    pub(crate) async fn with_files(dir: &TempDir) -> Self {
        Self::start(builder().0.with_files_dir(dir.path())).await
    }

    pub(crate) async fn start(builder: ServerBuilder) -> Self {
        let server = builder.build().unwrap();
        let bound = server.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let addr = bound.local_addr();
        let (shutdown, asked) = oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve_with_shutdown(async { drop(asked.await) }));
        // Another crate of the build may have chosen TLS without a provider of its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { addr, client, shutdown, serving }
    }

    /// Ends the server once it has ended what is under way.
    pub(crate) async fn stop(self) {
        drop((self.shutdown, self.client));
        within(self.serving).await.unwrap().unwrap();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = within(request.send()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = within(response.bytes()).await.unwrap().to_vec();
        assert!(headers["x-request-id"].to_str().unwrap().starts_with("req_"));
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) fn json(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        request.body(body.to_string())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.json(path, body)).await
    }

    pub(crate) async fn upload(&self, filename: &str, purpose: &str, content: &[u8]) -> Answer {
        let request = self.request(Method::POST, "/v1/files").header("content-type", FORM_TYPE);
        self.send(request.body(form(filename, purpose, content))).await
    }

    /// Sends bytes as they are and returns what comes until the server closes the connection.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(socket.read_to_string(&mut answer)).await.unwrap();
        answer
    }
}

/// An echo, and the channel on which it tells of models that never end.
pub(crate) fn builder() -> (ServerBuilder, UnboundedReceiver<()>) {
    let (echo, told) = Echo::new();
    (Server::builder(Arc::new(echo)), told)
}

/// A hook for failures, and what it is told: request ids and causes.
pub(crate) fn listener() -> (impl Fn(&str, &(dyn Error + 'static)) + Send + Sync + 'static, Told) {
    let told = Told::default();
    let heard = Arc::clone(&told);
    let hook = move |id: &str, cause: &(dyn Error + 'static)| {
        heard.lock().unwrap().push((id.to_owned(), cause.to_string()));
    };
    (hook, told)
}

pub(crate) type Told = Arc<Mutex<Vec<(String, String)>>>;

pub(crate) fn form(filename: &str, purpose: &str, content: &[u8]) -> Vec<u8> {
    let mut form = format!(
        "--xYz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n\
         --xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(content);
    form.extend_from_slice(b"\r\n--xYz--\r\n");
    form
}

/// All names below a folder, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Fails instead of hanging.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing came in time")
}

pub(crate) const FORM_TYPE: &str = "multipart/form-data; boundary=xYz";
