use openai_api::testing::Reply;
use serde_json::json;

use crate::support::{api_error, hosted, scripted};

#[tokio::test]
async fn ids_come_sorted() {
    let body = json!({"object": "list", "data": [{"id": "z"}, {"id": "a", "created": null}]});
    let server = scripted([Reply::json(200, body)]).await;
    let models = hosted(&server).build().unwrap().models().await.unwrap();
    assert_eq!(models, ["a", "z"]);
}

#[tokio::test]
async fn an_error_is_typed_and_the_empty_form_is_one_call() {
    let server =
        scripted([api_error(401, "invalid_api_key"), api_error(401, "invalid_api_key")]).await;
    let model = hosted(&server).build().unwrap();
    let facade::Error::Backend(error) = model.models().await.unwrap_err() else {
        panic!("not the backend's error")
    };
    assert_eq!(error.as_api().unwrap().status, 401);
    assert!(model.models().await.unwrap_or_default().is_empty());
}
