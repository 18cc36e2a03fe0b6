//! Whatever a server answers is a result or an error, and no error tells the key.
//!
//! The first byte of the input chooses the status, the second the content type and what is asked;
//! the rest is the body, with [`CUT`] between its pieces. A real server on loopback sends it.

#![no_main]

use std::cell::RefCell;
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use libfuzzer_sys::fuzz_target;
use openai_api::testing::{Reply, ScriptedServer};
use openai_api::{
    ChatBackend as _, ChatRequest, Client, Error, FileId, Message, Result, RetryPolicy,
};
use tokio::runtime::{Builder, Runtime};

fuzz_target!(|input: &[u8]| {
    let &[status, kind, ref body @ ..] = input else { return };
    let status = STATUSES[usize::from(status) % STATUSES.len()];
    let content_type = CONTENT_TYPES[usize::from(kind >> 4) % CONTENT_TYPES.len()];
    let reply = Reply::new(status, content_type, "")
        .in_pieces(body.split(|byte| *byte == CUT).filter(|piece| !piece.is_empty()));
    LOOPBACK.with_borrow_mut(|loopback| {
        let loopback = match loopback {
            Some(loopback) if loopback.asked < ASKED_AT_MOST => loopback,
            // A server keeps the requests it got.
            loopback => loopback.insert(Loopback::new()),
        };
        loopback.asked += 1;
        *loopback.reply.lock().unwrap() = reply;
        let asked = loopback.runtime.block_on(ask(&loopback.client, kind & 0b1111));
        if let Err(error) = asked {
            let shown = show(&error);
            assert!(!shown.contains(KEY), "{shown}");
        }
    });
});

async fn ask(client: &Client, what: u8) -> Result<()> {
    let question = ChatRequest::new("m", vec![Message::user("hello")]);
    match what {
        0 => drop(client.complete(question).await?.text()),
        1 => drop(client.models().await?),
        2 => drop(client.fine_tuning_job("ftjob-1").await?.failure()),
        3 => drop(client.fine_tuning_events("ftjob-1").all().await?),
        4 => drop(client.files().limit(2).stream().take(4).collect::<Vec<_>>().await),
        5 => drop(client.file_bytes(&FileId::from("file-1")).await?),
        6 => drop(client.delete_file(&FileId::from("file-1")).await?),
        _ => {
            let mut chunks = client.stream(question).await?;
            while let Some(chunk) = chunks.next().await {
                chunk?;
            }
        }
    }
    Ok(())
}

fn show(error: &Error) -> String {
    let mut shown = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(shown, ": {error}");
        cause = error.source();
    }
    shown
}

struct Loopback {
    runtime: Runtime,
    client: Client,
    reply: Arc<Mutex<Reply>>,
    asked: usize,
    _server: ScriptedServer,
}

impl Loopback {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let reply = Arc::new(Mutex::new(Reply::new(200, "", "")));
        let next = Arc::clone(&reply);
        let server = ScriptedServer::answering(move |_| next.lock().unwrap().clone());
        let server = runtime.block_on(server).unwrap();
        let client = Client::builder()
            .key(KEY)
            .base_url(server.url())
            .retry(RetryPolicy::never())
            .build()
            .unwrap();
        Self { runtime, client, reply, asked: 0, _server: server }
    }
}

thread_local! {
    static LOOPBACK: RefCell<Option<Loopback>> = const { RefCell::new(None) };
}

const CUT: u8 = b'|';

const KEY: &str = "sk-of-the-fuzzer";

const ASKED_AT_MOST: usize = 1000;

const STATUSES: &[u16] =
    &[200, 201, 202, 301, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529];

const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "text/event-stream",
    "text/html; charset=utf-8",
    "text/plain",
    "application/problem+json",
];
