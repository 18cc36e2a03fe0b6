use serde_json::json;

use super::serve;
use crate::testing::Reply;
use crate::{Error, ModelDeleted, ModelId, Result};

#[tokio::test]
async fn an_answer_that_says_nothing_says_that_it_is_gone() {
    let nothing = || Reply::json(200, json!(null));
    let empty = |status| Reply::new(status, "text/plain", "");
    for reply in [empty(200), empty(204), nothing(), Reply::json(200, json!({}))] {
        let gone = deleted(reply).await.unwrap();
        assert_eq!((gone.id.as_str(), gone.deleted), ("meta/llama 3%", true));
    }
}

#[tokio::test]
async fn an_answer_that_says_something_is_taken_at_its_word() {
    let kept = Reply::json(200, json!({"id": "m", "object": "model", "deleted": false}));
    let kept = deleted(kept).await.unwrap();
    assert_eq!((kept.id.as_str(), kept.deleted), ("m", false));
    let error = Reply::json(200, json!({"error": {"message": "in use"}}));
    assert!(matches!(deleted(error).await.unwrap_err(), Error::Api(_)));
    let other = Reply::json(200, json!({"status": "running"}));
    assert!(matches!(deleted(other).await.unwrap_err(), Error::Decode { .. }));
}

async fn deleted(reply: Reply) -> Result<ModelDeleted> {
    let (_server, client) = serve([reply]).await;
    client.delete_model(&ModelId::new("meta/llama 3%")).await
}
