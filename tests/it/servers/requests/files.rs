use std::time::Duration;

use openai_api::{Client, FilePurpose, UploadOptions};

use super::{Sent, send};

/// Every request about files.
pub async fn files(client: &Client) -> Vec<Sent> {
    const LINE: &[u8] = br#"{"messages": [{"role": "user", "content": "Hello"}]}"#;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.jsonl");
    std::fs::write(&path, LINE).unwrap();
    let id = "file-abc123".into();
    let for_a_day = UploadOptions::new(FilePurpose::Batch)
        .with_mime_type("application/jsonl")
        .with_expiry(Duration::from_hours(24));
    vec![
        send("POST /files", client.upload_bytes("a.jsonl", LINE, FilePurpose::FineTune)).await,
        send("POST /files", client.upload_file(&path, FilePurpose::FineTune)).await,
        send("POST /files", client.upload_bytes("c.jsonl", LINE, for_a_day)).await,
        send("GET /files", client.files().limit(2).after("file-abc123")).await,
        send("GET /files/{file_id}", client.file(&id)).await,
        send("GET /files/{file_id}/content", client.file_bytes(&id)).await,
        send("DELETE /files/{file_id}", client.delete_file(&id)).await,
    ]
}
