//! Files on their way to the server.

mod parts;

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use super::serve;
use crate::testing::{Reply, Request};
use crate::{Error, FilePurpose, UploadOptions};

fn uploaded() -> Reply {
    Reply::json(200, json!({"id": "file-1", "bytes": 3, "filename": "a", "purpose": "fine-tune"}))
}

/// The form with its boundary replaced, so that it can be compared.
#[track_caller]
pub(super) fn form(request: &Request) -> String {
    let content_type = request.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    request.text().replace(boundary, "BOUNDARY").replace("\r\n", "\n")
}

#[tokio::test]
async fn an_upload_from_memory_is_a_form_with_purpose_and_file() {
    let (server, client) = serve([uploaded()]).await;
    let file = client.upload_bytes("a\"b\n.jsonl", &b"{}\n"[..], FilePurpose::FineTune).await;
    assert_eq!(file.unwrap().id, "file-1");
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/files"));
    expect_test::expect![[r#"
        --BOUNDARY
        content-disposition: form-data; name="purpose"

        fine-tune
        --BOUNDARY
        content-disposition: form-data; name="file"; filename="a%22b%0A.jsonl"
        content-type: application/octet-stream

        {}

        --BOUNDARY--
    "#]]
    .assert_eq(&form(request));
}

#[tokio::test]
async fn an_upload_from_disk_goes_out_in_pieces_with_its_length() {
    let (server, client) = serve([uploaded(), uploaded()]).await;
    let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    file.write_all(&content).unwrap();
    client.upload_file(file.path(), FilePurpose::Batch).await.unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    client.upload_file(empty.path(), FilePurpose::Batch).await.unwrap();

    let requests = server.requests();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    assert!(form(&requests[0]).contains(&format!("filename=\"{name}\"")));
    let start = requests[0].body.windows(4).position(|bytes| bytes == &content[..4]);
    // The head holds no zero bytes, so the first match is the content's beginning.
    let start = start.unwrap();
    assert_eq!(requests[0].body[start..start + content.len()], content);
    assert!(form(&requests[1]).contains("octet-stream\n\n\n--BOUNDARY--"));
}

#[tokio::test]
async fn what_the_options_say_of_a_file_is_sent_along() {
    let (server, client) = serve([uploaded(), uploaded()]).await;
    let options = UploadOptions::new(FilePurpose::UserData)
        .with_name("lake.txt")
        .with_mime_type("text/plain")
        .with_expiry(Duration::from_secs(3600));
    let file = tempfile::NamedTempFile::new().unwrap();
    client.upload_file(file.path(), options.clone()).await.unwrap();
    expect_test::expect![[r#"
        --BOUNDARY
        content-disposition: form-data; name="purpose"

        user_data
        --BOUNDARY
        content-disposition: form-data; name="expires_after[anchor]"

        created_at
        --BOUNDARY
        content-disposition: form-data; name="expires_after[seconds]"

        3600
        --BOUNDARY
        content-disposition: form-data; name="file"; filename="lake.txt"
        content-type: text/plain


        --BOUNDARY--
    "#]]
    .assert_eq(&form(&server.requests()[0]));

    let error = client.upload_bytes("a", "x", options.with_mime_type("a\r\nb")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { field: "MIME type", .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let (server, client) = serve([]).await;
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.jsonl"), folder.path().to_owned()] {
        let error = client.upload_file(&path, FilePurpose::FineTune).await.unwrap_err();
        assert!(matches!(&error, Error::File { path: named, .. } if *named == path), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_file_that_becomes_shorter_is_named() {
    let (_server, client) = serve([uploaded()]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let content = crate::client::body::Disk::whole(file.path()).await.unwrap();
    let content = crate::FormFile::of("f", crate::client::body::Piece::Disk(content));
    file.as_file().set_len(1 << 10).unwrap();
    let error = client.upload(content, FilePurpose::FineTune.into()).await.unwrap_err();
    assert!(matches!(&error, Error::File { path, .. } if path == file.path()), "{error:?}");
    expect_test::expect!["it became shorter meanwhile"]
        .assert_eq(&std::error::Error::source(&error).unwrap().to_string());
}

#[tokio::test]
async fn an_upload_refused_tells_why() {
    let reply = Reply::json(400, json!({"error": {"message": "line 3 is no JSON"}}));
    let (_server, client) = serve([reply]).await;
    let error = client.upload_bytes("a", "x", FilePurpose::FineTune).await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 400: line 3 is no JSON");
}

#[tokio::test]
async fn a_server_that_does_not_answer_an_upload_is_given_up() {
    let server = crate::testing::ScriptedServer::start([Reply::silent()]).await.unwrap();
    let limit = Duration::from_millis(30);
    let client = crate::Client::builder()
        .base_url(server.url())
        .read_timeout(limit)
        .retry(crate::RetryPolicy::never())
        .build()
        .unwrap();
    let error = client.upload_bytes("a", "x", FilePurpose::FineTune).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { what: "response", .. }), "{error:?}");
}
