//! One connection: as much of HTTP/1.1 as the clients speak.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answers::{Answers, whole};

/// Serves requests until the client closes the connection.
pub(crate) async fn serve(mut stream: TcpStream, answers: &Answers) -> Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    loop {
        let (head, rest) = loop {
            if let Some(end) = find(&buffer[..filled], b"\r\n\r\n") {
                let head = std::str::from_utf8(&buffer[..end]).context("head is not UTF-8")?;
                break (Head::parse(head)?, end + 4);
            }
            match read(&mut stream, &mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        };
        // What was read of the body, or beyond it, moves to the front.
        buffer.copy_within(rest..filled, 0);
        filled -= rest;
        let received = match head.length {
            Some(length) => {
                drain(&mut stream, &mut buffer, &mut filled, length).await?;
                length
            }
            None if head.chunked => drain_chunked(&mut stream, &mut buffer, &mut filled).await?,
            None => 0,
        };
        answer(&mut stream, answers, &head, received).await?;
    }
}

#[derive(Debug)]
struct Head {
    method: String,
    path: String,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    fn parse(head: &str) -> Result<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            bail!("no request line");
        };
        let (mut length, mut chunked) = (None, false);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse().context("no length")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), length, chunked })
    }
}

async fn answer(
    stream: &mut TcpStream,
    answers: &Answers,
    head: &Head,
    received: u64,
) -> Result<()> {
    let path = head.path.split('?').next().unwrap_or_default();
    let (form, endpoint) = path[1..].split_once('/').unwrap_or_default();
    if let Some(answer) = answers.form(form) {
        if endpoint != "v1/chat/completions" || received == 0 {
            bail!("{} {} is not what is asked here", head.method, head.path);
        }
        for write in &answer.writes {
            stream.write_all(write).await?;
            stream.flush().await?;
            if let Some(pause) = answer.pause {
                tokio::time::sleep(pause).await;
            }
        }
        return Ok(());
    }
    let body = match (head.method.as_str(), path) {
        ("GET", "/uploads/seen") => {
            let seen = std::mem::take(&mut *answers.uploads.lock().expect("nobody panics"));
            format!("[{}]", seen.join(","))
        }
        ("POST", _) if form == "uploads" => {
            let length = head.length.map_or_else(|| "null".to_owned(), |n| n.to_string());
            answers.uploads.lock().expect("nobody panics").push(format!(
                r#"{{"path":"{path}","content_length":{length},"received":{received}}}"#
            ));
            uploaded(endpoint).with_context(|| format!("{path} is not served"))?
        }
        _ => bail!("{} {} is not served", head.method, head.path),
    };
    stream.write_all(&whole(&body)).await?;
    Ok(())
}

/// What is answered to an upload, whole or in parts.
fn uploaded(endpoint: &str) -> Option<String> {
    const FILE: &str = r#"{"id":"file-1","object":"file","bytes":1,"created_at":1763724165,"filename":"big.jsonl","purpose":"batch","status":"processed"}"#;
    let upload = |status: &str, file: &str| {
        format!(
            r#"{{"id":"upload_1","object":"upload","bytes":1,"created_at":1763724165,"expires_at":1763727765,"filename":"big.jsonl","purpose":"batch","status":"{status}","file":{file}}}"#
        )
    };
    match endpoint {
        "v1/files" => Some(FILE.to_owned()),
        "v1/uploads" => Some(upload("pending", "null")),
        "v1/uploads/upload_1/parts" => Some(
            r#"{"id":"part_1","object":"upload.part","created_at":1763724165,"upload_id":"upload_1"}"#
                .to_owned(),
        ),
        "v1/uploads/upload_1/complete" => Some(upload("completed", FILE)),
        // A chat request that is sent for its size.
        "v1/chat/completions" => Some(fixture::completion()),
        _ => None,
    }
}

/// Takes a body of a known length and forgets it.
async fn drain(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    filled: &mut usize,
    length: u64,
) -> Result<()> {
    let mut left = length;
    loop {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(*filled);
        buffer.copy_within(here..*filled, 0);
        *filled -= here;
        left -= here as u64;
        if left == 0 {
            return Ok(());
        }
        // Never past the body: what follows it belongs to the next request.
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        *filled = read(stream, &mut buffer[..room]).await?;
        if *filled == 0 {
            bail!("the body ended {left} bytes early");
        }
    }
}

/// Takes a chunked body and forgets it; says how long it was.
async fn drain_chunked(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    filled: &mut usize,
) -> Result<u64> {
    let mut total = 0;
    loop {
        let end = loop {
            if let Some(end) = find(&buffer[..*filled], b"\r\n") {
                break end;
            }
            match read(stream, &mut buffer[*filled..]).await? {
                0 => bail!("the body ended early"),
                read => *filled += read,
            }
        };
        let line = std::str::from_utf8(&buffer[..end])?;
        let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        buffer.copy_within(end + 2..*filled, 0);
        *filled -= end + 2;
        drain(stream, buffer, filled, size + 2).await?;
        total += size;
        if size == 0 {
            return Ok(total);
        }
    }
}

/// Reads once; a client that is gone has ended its requests.
async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    match stream.read(buffer).await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(0),
        read => Ok(read?),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
