//! A real HTTP server on loopback that answers by script, for tests.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// A server on a free port of `127.0.0.1` that gives scripted replies and records what it is asked.
///
/// It speaks HTTP/1.1, keeps connections open, and can do what servers should not: cut a body,
/// never answer, send a stream in odd pieces. It stops when it is dropped.
///
/// ```
/// use openai_api::testing::{Reply, ScriptedServer};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = ScriptedServer::start([Reply::json(200, serde_json::json!({"data": []}))]).await?;
/// // Point a client at `server.url()`, let it ask, then look at what came:
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// assert!(server.requests().is_empty());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl ScriptedServer {
    /// Starts a server that gives these replies in their order, one per request.
    ///
    /// When they have run out it answers 500, with a word that trying again is of no use.
    ///
    /// # Errors
    ///
    /// Whatever keeps the system from giving a port.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> io::Result<Self> {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::answering(move |_| {
            let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
            replies.pop_front().unwrap_or_else(|| {
                let message = "the script has no further reply";
                Reply::json(500, json!({"error": {"message": message}}))
                    .with_header("x-should-retry", "false")
            })
        })
        .await
    }

    /// Starts a server whose replies depend on the request.
    ///
    /// # Errors
    ///
    /// Whatever keeps the system from giving a port.
    pub async fn answering(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            requests: Mutex::default(),
            hang_ups: Semaphore::new(0),
        });
        let served = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                connections.spawn(async move {
                    // A connection that fails has nobody to tell.
                    let _ = serve(socket, &shared).await;
                });
            }
        });
        Ok(Self { address, shared, accepting: accepting.abort_handle() })
    }

    /// The base URL for a client, `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that have come so far, in the order they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a client has closed a connection while a reply was still to come.
    ///
    /// Each such event is told once. [`Reply::hanging`] and [`Reply::silent`] give occasion for it.
    pub async fn hung_up(&self) {
        if let Ok(permit) = self.shared.hang_ups.acquire().await {
            permit.forget();
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// Path and query as they were sent, still escaped.
    pub target: String,
    /// The headers in their order; names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    pieces: Vec<Vec<u8>>,
    chunked: bool,
    ending: Ending,
}

impl Reply {
    /// A body of any type, sent with its length.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            pieces: vec![body.into()],
            chunked: false,
            ending: Ending::Whole,
        }
    }

    /// A JSON body.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "tests write `json!` in place")]
    pub fn json(status: u16, body: Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// A stream of events with status 200; each piece goes out by itself, and as it is.
    pub fn events<P: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self::new(200, "text/event-stream", "").in_pieces(pieces)
    }

    /// These bytes in place of a whole reply, head and all, after which the connection is closed.
    ///
    /// Without any bytes it is closed before it has said anything. The other methods change
    /// nothing of it.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let reply = Self::new(200, "", bytes);
        Self { ending: Ending::Raw, ..reply }
    }

    /// No reply at all, until the client hangs up.
    #[must_use]
    pub fn silent() -> Self {
        Self { ending: Ending::Silent, ..Self::new(200, "text/plain", "") }
    }

    /// Sends this body instead, in pieces, each of which goes out by itself.
    #[must_use]
    pub fn in_pieces<P: Into<Vec<u8>>>(mut self, pieces: impl IntoIterator<Item = P>) -> Self {
        self.pieces = pieces.into_iter().map(Into::into).collect();
        self.chunked = true;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Takes the content type away.
    #[must_use]
    pub fn without_content_type(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "content-type");
        self
    }

    /// Closes the connection after the pieces, as if more had been to come.
    #[must_use]
    pub fn cut_short(mut self) -> Self {
        self.ending = Ending::Cut;
        self
    }

    /// Falls silent after the pieces, as if more were to come, until the client hangs up.
    #[must_use]
    pub fn hanging(mut self) -> Self {
        self.ending = Ending::Hanging;
        self
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.chunked {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
        } else {
            let promised = usize::from(self.ending != Ending::Whole);
            let length = self.pieces.iter().map(Vec::len).sum::<usize>() + promised;
            head.push_str(&format!("content-length: {length}\r\n\r\n"));
        }
        head
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    Cut,
    Hanging,
    Silent,
    Raw,
}

struct Shared {
    answer: Box<dyn Fn(&Request) -> Reply + Send + Sync>,
    requests: Mutex<Vec<Request>>,
    hang_ups: Semaphore,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("requests", &self.requests).finish_non_exhaustive()
    }
}

async fn serve(socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut socket = BufReader::new(socket);
    while let Some(request) = receive(&mut socket).await? {
        let reply = (shared.answer)(&request);
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let sent =
            if reply.ending == Ending::Silent { Ok(()) } else { send(&mut socket, &reply).await };
        match reply.ending {
            Ending::Whole if sent.is_ok() => {}
            Ending::Cut | Ending::Raw if sent.is_ok() => return socket.shutdown().await,
            _ => {
                if sent.is_ok() {
                    // A client has nothing to say now, so this waits until it hangs up.
                    let _ = socket.read(&mut [0]).await;
                }
                shared.hang_ups.add_permits(1);
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn send(socket: &mut BufReader<TcpStream>, reply: &Reply) -> io::Result<()> {
    if reply.ending != Ending::Raw {
        socket.write_all(reply.head().as_bytes()).await?;
    }
    for piece in reply.pieces.iter().filter(|piece| !piece.is_empty()) {
        if reply.chunked {
            socket.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            socket.write_all(piece).await?;
            socket.write_all(b"\r\n").await?;
        } else {
            socket.write_all(piece).await?;
        }
        socket.flush().await?;
    }
    if reply.chunked && reply.ending == Ending::Whole {
        socket.write_all(b"0\r\n\r\n").await?;
    }
    socket.flush().await
}

async fn receive(socket: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let Some(start) = line(socket).await? else { return Ok(None) };
    let mut words = start.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut request = Request { method, target, headers: Vec::new(), body: Vec::new() };
    while let Some(header) = line(socket).await?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = header.split_once(':') {
            request.headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    if request.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        while let Some(size) = line(socket).await? {
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            take(socket, size, &mut request.body).await?;
            line(socket).await?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        take(socket, length, &mut request.body).await?;
    }
    Ok(Some(request))
}

async fn line(socket: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if socket.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
}

async fn take(
    socket: &mut BufReader<TcpStream>,
    length: usize,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    let start = body.len();
    body.resize(start + length, 0);
    socket.read_exact(&mut body[start..]).await?;
    Ok(())
}
