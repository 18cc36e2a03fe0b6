//! How much memory an upload takes, in a process of its own so that nothing else is counted.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

use openai_api::{Client, FilePurpose};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_large_file_goes_up_in_less_than_64_mb_of_memory() {
    uploads(512 * MB, MB, 64 * MB).await;
}

#[tokio::test]
#[ignore = "moves 5 GB through the loopback"]
async fn a_file_of_5_gb_goes_up_in_less_than_64_mb_of_memory() {
    uploads(5 * 1024 * MB, 512 * MB, 64 * MB).await;
    uploads(5 * 1024 * MB, u64::MAX, 64 * MB).await;
}

/// Uploads a file that is a hole on disk, to a server that counts and forgets.
async fn uploads(size: u64, whole: u64, part: u64) {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(size).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move { serve(socket, &tell).await });
        }
    });
    let client = Client::builder().base_url(url).whole_upload_limit(whole).upload_part_size(part);
    client.build().unwrap().upload_file(file.path(), FilePurpose::Batch).await.unwrap();
    server.abort();

    told.close();
    let mut received = 0;
    while let Some(length) = told.recv().await {
        received += length;
    }
    assert!(received >= size, "only {received} bytes came of {size}");
    let peak = peak_memory();
    assert!(peak < 64 * MB, "it took {} MB", peak / MB);
}

/// Answers each request after it has read, and forgotten, its body.
async fn serve(socket: TcpStream, tell: &tokio::sync::mpsc::UnboundedSender<u64>) -> Option<()> {
    let mut socket = BufReader::new(socket);
    let mut slice = vec![0; 64 * 1024];
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            socket.read_line(&mut line).await.ok()?;
            if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().ok()?;
            }
        }
        let mut left: u64 = length;
        while left > 0 {
            let most = slice.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= socket.read_exact(&mut slice[..most]).await.ok()? as u64;
        }
        tell.send(length).ok()?;
        let file = r#""file":{"id":"file-1"}"#;
        let body = match path.rsplit('/').next()? {
            "complete" => format!(r#"{{"id":"u","status":"completed",{file}}}"#),
            id => format!(r#"{{"id":"{id}"}}"#),
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all((head + &body).as_bytes()).await.ok()?;
    }
}

/// The most memory that this process has taken so far, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

const MB: u64 = 1024 * 1024;
