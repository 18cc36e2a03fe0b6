//! What is sent, made once.

use std::sync::Mutex;
use std::time::Duration;

/// An answer, cut into the pieces that are written one by one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) writes: Vec<Vec<u8>>,
    /// How long to wait after each write.
    pub(crate) pause: Option<Duration>,
}

/// The answers by the name of their form.
#[derive(Debug)]
pub(crate) struct Answers {
    forms: Vec<(&'static str, Answer)>,
    /// What was uploaded, as lines of JSON.
    pub(crate) uploads: Mutex<Vec<String>>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let long = fixture::events(fixture::pieces(500));
        let short = fixture::events(fixture::pieces(100));
        // Each chunk in a segment of its own: written by itself, without Nagle's delay.
        let single = |events: &[String], pause| Answer {
            writes: stream(events.iter().map(String::as_bytes)),
            pause,
        };
        // Many chunks in a segment, cut wherever 16 KB end.
        let packed = |events: &[String]| Answer {
            writes: stream(events.concat().as_bytes().chunks(PACKED)),
            pause: None,
        };
        let pause = Some(Duration::from_millis(1));
        let megabytes = |size: usize| {
            let pieces = std::iter::repeat_n("x".repeat(size << 20), 8 / size);
            stream(fixture::events(pieces).concat().as_bytes().chunks(PACKED))
        };
        let forms = vec![
            ("whole", Answer { writes: vec![whole(&fixture::completion())], pause: None }),
            ("segments", single(&long, None)),
            ("packed", packed(&long)),
            ("packed-short", packed(&short)),
            // Each is read before the next one comes.
            ("paced", single(&long, pause)),
            ("paced-short", single(&short, pause)),
            ("event-8-mb", Answer { writes: megabytes(8), pause: None }),
            ("event-1-mb", Answer { writes: megabytes(1), pause: None }),
        ];
        Self { forms, uploads: Mutex::default() }
    }

    pub(crate) fn form(&self, name: &str) -> Option<&Answer> {
        Some(&self.forms.iter().find(|(form, _)| *form == name)?.1)
    }
}

/// A whole answer, head and body in one write.
pub(crate) fn whole(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\n{HEADERS}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A streamed answer: the head, then each piece as an HTTP chunk of its own.
fn stream<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Vec<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 200 OK\r\n{HEADERS}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut writes = vec![head.into_bytes()];
    for piece in pieces {
        let mut write = format!("{:x}\r\n", piece.len()).into_bytes();
        write.extend_from_slice(piece);
        write.extend_from_slice(b"\r\n");
        writes.push(write);
    }
    // The end comes along with the last piece, as it does from most servers.
    if let Some(last) = writes.last_mut() {
        last.extend_from_slice(b"0\r\n\r\n");
    }
    writes
}

const PACKED: usize = 16 * 1024;
const HEADERS: &str = "date: Fri, 21 Nov 2025 11:22:45 GMT\r\n\
    server: cloudflare\r\n\
    x-request-id: req_5f0c6e3b9d7a4c21b8e4f1a2d3c4b5a6\r\n\
    openai-organization: user-lakes\r\n\
    openai-processing-ms: 412\r\n\
    openai-version: 2020-10-01\r\n\
    x-ratelimit-limit-requests: 10000\r\n\
    x-ratelimit-limit-tokens: 200000\r\n\
    x-ratelimit-remaining-requests: 9999\r\n\
    x-ratelimit-remaining-tokens: 199706\r\n\
    x-ratelimit-reset-requests: 8.64s\r\n\
    x-ratelimit-reset-tokens: 88ms\r\n\
    cf-cache-status: DYNAMIC\r\n\
    strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n";
