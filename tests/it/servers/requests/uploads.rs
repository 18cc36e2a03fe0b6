use std::time::Duration;

use openai_api::{Client, CreateUpload, ExpiresAfter, FilePurpose};

use super::{Sent, send};

/// Every request about uploads in parts.
pub async fn uploads(client: &Client) -> Vec<Sent> {
    let mut for_a_day = CreateUpload::new("b.jsonl", FilePurpose::Batch, 12);
    for_a_day.expires_after = Some(ExpiresAfter::creation(Duration::from_hours(24)));
    let new = CreateUpload::new("a.jsonl", FilePurpose::FineTune, 12);
    let one = |rest: &str| format!("POST /uploads/{{upload_id}}/{rest}");
    let id = "upload_abc123";
    vec![
        send("POST /uploads", client.create_upload(&new)).await,
        send("POST /uploads", client.create_upload(&for_a_day)).await,
        send(&one("parts"), client.add_upload_part(id, "Hello, world")).await,
        send(&one("complete"), client.complete_upload(id, &["part_a", "part_b"])).await,
        send(&one("cancel"), client.cancel_upload(id)).await,
    ]
}
