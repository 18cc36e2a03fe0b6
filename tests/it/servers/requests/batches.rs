use std::time::Duration;

use openai_api::{Client, CreateBatch, ExpiresAfter};

use super::{Sent, send};

/// Every request about batches.
pub async fn batches(client: &Client) -> Vec<Sent> {
    let new = || CreateBatch::new("file-abc123", "/v1/chat/completions");
    let noted = new()
        .with_metadata("a", "b")
        .with_output_expires_after(ExpiresAfter::creation(Duration::from_hours(24)));
    vec![
        send("POST /batches", client.create_batch(new())).await,
        send("POST /batches", client.create_batch(&noted)).await,
        send("GET /batches", client.batches().after("batch_abc123").limit(2)).await,
        send("GET /batches/{batch_id}", client.batch("batch_abc123")).await,
        send("POST /batches/{batch_id}/cancel", client.cancel_batch("batch_abc123")).await,
    ]
}
