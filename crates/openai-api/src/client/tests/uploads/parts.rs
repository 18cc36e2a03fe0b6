//! Uploads in parts.

use std::future::IntoFuture as _;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::{form, uploaded};
use crate::testing::{Reply, Request, ScriptedServer};
use crate::{Client, CreateUpload, Error, FilePurpose, RetryPolicy, UploadOptions, UploadStatus};

const PART: u64 = 1 << 20;

/// A file that takes up next to nothing on disk, of which each part begins with a letter.
fn sparse(parts: &[(u8, u64)]) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".jsonl").unwrap();
    let mut start = 0;
    for (letter, length) in parts {
        file.seek(SeekFrom::Start(start)).unwrap();
        file.write_all(&[*letter]).unwrap();
        start += length;
    }
    file.as_file().set_len(start).unwrap();
    file
}

fn client(server: &ScriptedServer) -> Client {
    Client::builder()
        .base_url(server.url())
        .retry(RetryPolicy::default().with_base(Duration::ZERO))
        .whole_upload_limit(PART)
        .upload_part_size(PART)
        .build()
        .unwrap()
}

/// The content of a part.
fn data(request: &Request) -> &[u8] {
    let start = request.body.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let end = request.body[start..].windows(4).position(|bytes| bytes == b"\r\n--").unwrap();
    &request.body[start..start + end]
}

fn upload(status: &str) -> Value {
    json!({"object": "upload", "id": "u", "status": status, "purpose": "batch", "file": null})
}

/// What a server with uploads in parts answers; a part's id is the letter it begins with.
fn answer(request: &Request) -> Reply {
    match request.path() {
        "/v1/uploads" => Reply::json(200, upload("pending")),
        "/v1/uploads/u/parts" => {
            let id = format!("part-{}", char::from(data(request)[0]));
            Reply::json(200, json!({"object": "upload.part", "id": id, "upload_id": "u"}))
        }
        "/v1/uploads/u/complete" => {
            let mut completed = upload("completed");
            completed["file"] = json!({"object": "file", "id": "file-1", "bytes": 1});
            Reply::json(200, completed)
        }
        "/v1/uploads/u/cancel" => Reply::json(200, upload("cancelled")),
        "/v1/files" => uploaded(),
        _ => Reply::json(404, json!({})),
    }
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_of_told_length_that_are_put_together_in_order() {
    let server = ScriptedServer::answering(answer).await.unwrap();
    let file = sparse(&[(b'a', PART), (b'b', PART), (b'c', PART), (b'd', 10)]);
    let options = UploadOptions::new(FilePurpose::Batch).with_name("lines.jsonl");
    let uploaded = client(&server).upload_file(file.path(), options).await.unwrap();
    assert_eq!(uploaded.id, "file-1");

    let requests = server.requests();
    let [create, parts @ .., complete] = &requests[..] else { panic!("{requests:?}") };
    let expected = json!({
        "filename": "lines.jsonl", "purpose": "batch", "bytes": 3 * PART + 10,
        "mime_type": "text/jsonl",
    });
    assert_eq!(create.json(), expected);
    let mut lengths: Vec<_> = parts.iter().map(|part| (data(part)[0], data(part).len())).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(b'a', 1 << 20), (b'b', 1 << 20), (b'c', 1 << 20), (b'd', 10)]);
    for part in parts {
        // This compares the length that was told with the one that came.
        assert!(form(part).contains("name=\"data\"; filename=\"part\""));
    }
    assert_eq!(complete.json(), json!({"part_ids": ["part-a", "part-b", "part-c", "part-d"]}));
}

#[tokio::test]
async fn a_large_file_from_memory_goes_up_in_parts_too() {
    let server = ScriptedServer::answering(answer).await.unwrap();
    let content = [vec![b'a'; 1 << 20], vec![b'b'; 10]].concat();
    let uploaded = client(&server).upload_bytes("x.jsonl", content, FilePurpose::Batch).await;
    assert_eq!(uploaded.unwrap().id, "file-1");
    let requests = server.requests();
    let parts = requests.iter().filter(|request| request.path().ends_with("/parts"));
    let mut lengths: Vec<_> = parts.map(|part| (data(part)[0], data(part).len())).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(b'a', 1 << 20), (b'b', 10)]);
    assert_eq!(requests[0].json()["filename"], "x.jsonl");
}

#[tokio::test]
async fn headers_and_query_of_an_upload_go_with_each_part_and_its_last_answer_is_told() {
    let server = ScriptedServer::answering(|request| {
        let reply = answer(request);
        reply.with_header("x-request-id", request.path().rsplit('/').next().unwrap_or_default())
    });
    let server = server.await.unwrap();
    let file = sparse(&[(b'a', PART), (b'b', 10)]);
    let upload = client(&server)
        .upload_file(file.path(), FilePurpose::Batch)
        .header("x-tenant", "7")
        .header("idempotency-key", "one-for-all")
        .query("region", "lake");
    let (file, meta) = upload.with_meta().await.unwrap();
    assert_eq!((file.id.as_str(), meta.request_id()), ("file-1", Some("complete")));
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.header("x-tenant"), Some("7"));
        assert!(request.target.ends_with("?region=lake"), "{}", request.target);
        // What is the same key to a server is the same request.
        assert_ne!(request.header("idempotency-key"), Some("one-for-all"));
    }
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_time_limit_of_an_upload_is_for_all_its_parts_and_the_rest_is_cancelled() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell = Mutex::new(tell);
    let server = ScriptedServer::answering(move |request| {
        tell.lock().unwrap().send(request.path().to_owned()).unwrap();
        if request.path().ends_with("/parts") { Reply::silent() } else { answer(request) }
    });
    let server = server.await.unwrap();
    let file = sparse(&[(b'a', PART), (b'b', 1)]);
    let upload = client(&server).upload_file(file.path(), FilePurpose::Batch);
    let limit = Duration::from_millis(200);
    let error = upload.timeout(limit).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { limit: told, .. } if told == limit), "{error:?}");
    while told.recv().await.unwrap() != "/v1/uploads/u/cancel" {}
}

#[tokio::test]
async fn a_file_that_is_not_too_large_goes_up_as_a_whole() {
    let server = ScriptedServer::answering(answer).await.unwrap();
    let file = sparse(&[(b'a', PART)]);
    client(&server).upload_file(file.path(), FilePurpose::Batch).await.unwrap();
    let paths: Vec<_> = server.requests().iter().map(|it| it.path().to_owned()).collect();
    assert_eq!(paths, ["/v1/files"]);
}

#[tokio::test]
async fn a_part_that_failed_is_sent_again_alone_from_where_it_begins() {
    let failed = AtomicBool::new(false);
    let server = ScriptedServer::answering(move |request| {
        let is_second = request.path().ends_with("/parts") && data(request)[0] == b'b';
        if is_second && !failed.swap(true, Ordering::Relaxed) {
            return Reply::json(503, json!({"error": {"message": "busy"}}));
        }
        answer(request)
    })
    .await
    .unwrap();
    let file = sparse(&[(b'a', PART), (b'b', PART), (b'c', 10)]);
    client(&server).upload_file(file.path(), FilePurpose::Batch).await.unwrap();
    let requests = server.requests();
    let parts = requests.iter().filter(|request| request.path().ends_with("/parts"));
    let mut sent: Vec<_> = parts.map(|part| (data(part)[0], data(part).len())).collect();
    sent.sort_unstable();
    assert_eq!(sent, [(b'a', 1 << 20), (b'b', 1 << 20), (b'b', 1 << 20), (b'c', 10)]);
    let complete = requests.last().unwrap();
    assert_eq!(complete.json(), json!({"part_ids": ["part-a", "part-b", "part-c"]}));
}

#[tokio::test]
async fn a_server_without_uploads_in_parts_gets_the_file_as_a_whole() {
    for status in [404, 405, 501] {
        let server = ScriptedServer::answering(move |request| match request.path() {
            "/v1/uploads" => Reply::json(status, json!({"detail": "Not Found"}))
                .with_header("x-should-retry", "false"),
            _ => answer(request),
        })
        .await
        .unwrap();
        let file = sparse(&[(b'a', PART), (b'b', PART)]);
        client(&server).upload_file(file.path(), FilePurpose::Batch).await.unwrap();
        let requests = server.requests();
        let paths: Vec<_> = requests.iter().map(Request::path).collect();
        assert_eq!(paths, ["/v1/uploads", "/v1/files"]);
        assert!(requests[1].body.len() as u64 > 2 * PART);
    }
}

#[tokio::test]
async fn an_upload_that_fails_is_cancelled_and_tells_why() {
    let refusal = json!({"error": {"message": "line 3 is no JSON", "code": "invalid"}});
    for refused in ["/v1/uploads/u/parts", "/v1/uploads/u/complete"] {
        let refusal = Reply::json(400, refusal.clone());
        let server = ScriptedServer::answering(move |request| {
            if request.path() == refused { refusal.clone() } else { answer(request) }
        })
        .await
        .unwrap();
        let file = sparse(&[(b'a', PART), (b'b', 1)]);
        let error = client(&server).upload_file(file.path(), FilePurpose::Batch).await;
        let expected = "the server answered 400 (invalid): line 3 is no JSON";
        assert_eq!(error.unwrap_err().to_string(), expected);
        let requests = server.requests();
        assert_eq!(requests.last().unwrap().path(), "/v1/uploads/u/cancel");
        assert!(requests.iter().all(|request| request.path() != "/v1/files"));
    }
}

#[tokio::test]
async fn an_upload_refused_when_it_begins_is_not_tried_otherwise() {
    let refusal = json!({"error": {"message": "too large"}});
    let server = ScriptedServer::start([Reply::json(413, refusal)]).await.unwrap();
    let file = sparse(&[(b'a', PART), (b'b', 1)]);
    let error = client(&server).upload_file(file.path(), FilePurpose::Batch).await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 413: too large");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_cancelled_in_the_background() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell = Mutex::new(tell);
    let server = ScriptedServer::answering(move |request| {
        tell.lock().unwrap().send(request.path().to_owned()).unwrap();
        if request.path().ends_with("/parts") { Reply::silent() } else { answer(request) }
    })
    .await
    .unwrap();
    let file = sparse(&[(b'a', PART), (b'b', 1)]);
    let client = client(&server);
    {
        let upload = client.upload_file(file.path(), FilePurpose::Batch);
        let mut upload = upload.into_future();
        loop {
            tokio::select! {
                done = &mut upload => panic!("{done:?}"),
                path = told.recv() => if path.unwrap().ends_with("/parts") { break },
            }
        }
    }
    while told.recv().await.unwrap() != "/v1/uploads/u/cancel" {}
}

#[tokio::test]
async fn an_upload_may_be_put_together_by_hand() {
    let server = ScriptedServer::answering(answer).await.unwrap();
    let client = client(&server);
    let request = CreateUpload::new("a.pdf", FilePurpose::UserData, 3);
    assert_eq!(request.mime_type, "application/pdf");
    let upload = client.create_upload(&request).await.unwrap();
    assert_eq!(upload.status, UploadStatus::Pending);
    let part = client.add_upload_part(&upload.id, "xyz").await.unwrap();
    let completed = client.complete_upload(&upload.id, &[part.id]).await.unwrap();
    assert_eq!(completed.file.unwrap().id, "file-1");
    let cancelled = client.cancel_upload(&upload.id).await.unwrap();
    assert_eq!(cancelled.status, UploadStatus::Cancelled);
}

#[test]
fn parts_of_no_size_are_refused_when_building() {
    let error = Client::builder().upload_part_size(0).build().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { field: "upload part size", .. }), "{error:?}");
}
