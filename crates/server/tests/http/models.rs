//! `/v1/models` and `/health`.

use expect_test::expect;
use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn models_are_listed_by_id() {
    let api = Api::echo().await;
    let page = api.get("/v1/models").await.ok();
    assert_eq!(page["object"], "list");
    let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(ids, ["echo", "ft:echo:lake:1f3a", "org/echo"]);
}

#[tokio::test]
async fn a_model_is_found_by_an_id_with_colons_or_slashes() {
    let api = Api::echo().await;
    for path in ["ft:echo:lake:1f3a", "ft%3Aecho%3Alake%3A1f3a"] {
        let model = api.get(&format!("/v1/models/{path}")).await.ok();
        let expected = json!({"id": "ft:echo:lake:1f3a", "object": "model", "created": 7, "owned_by": "system"});
        assert_eq!(model, expected);
    }
    for path in ["org/echo", "org%2Fecho"] {
        assert_eq!(api.get(&format!("/v1/models/{path}")).await.ok()["id"], "org/echo");
    }
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let api = Api::echo().await;
    expect!["404 model model_not_found: the model `gpt-9` does not exist"]
        .assert_eq(&api.get("/v1/models/gpt-9").await.error());
}

#[tokio::test]
async fn health_is_told_in_a_word() {
    let answer = Api::echo().await.get("/health").await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
}
