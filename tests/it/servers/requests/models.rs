use openai_api::Client;

use super::{Sent, send};

/// Every request about models.
pub async fn models(client: &Client) -> Vec<Sent> {
    let tuned = "ft:gpt-4o-mini:org::abc".into();
    vec![
        send("GET /models", client.list_models()).await,
        send("GET /models/{model}", client.model(&"gpt-4o".into())).await,
        send("DELETE /models/{model}", client.delete_model(&tuned)).await,
    ]
}
