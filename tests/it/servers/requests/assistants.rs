use openai_api::Client;

use super::{Sent, send};

/// Every request about assistants.
pub async fn assistants(client: &Client) -> Vec<Sent> {
    vec![
        send("GET /assistants", client.assistants().limit(2)).await,
        send("GET /assistants/{assistant_id}", client.assistant("asst_abc123")).await,
    ]
}
