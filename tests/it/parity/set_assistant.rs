use facade::Error;
use openai_api::testing::Reply;
use serde_json::json;

use crate::support::{api_error, completion, example, hosted, scripted};

#[tokio::test]
async fn on_failure_the_old_assistant_stays() {
    let server = scripted([api_error(404, "not_found")]).await;
    let model = hosted(&server).assistants_file(example("assistants.json")).build().unwrap();
    model.set_assistant("asst_editor").await.unwrap();
    let error = model.set_assistant("asst_nobody").await.unwrap_err();
    assert!(matches!(error, Error::UnknownAssistant { .. }), "{error:?}");
    assert_eq!(model.assistant_id().as_deref(), Some("asst_editor"));
}

#[tokio::test]
async fn the_catalogue_is_looked_up_before_the_api() {
    let remote = json!({"id": "asst_far", "name": "Far", "model": "gpt-4o", "instructions": "F."});
    let server = scripted([Reply::json(200, remote), completion("ok")]).await;
    let model = hosted(&server).assistants_file(example("assistants.json")).build().unwrap();
    model.set_assistant("asst_editor").await.unwrap();
    assert_eq!(server.requests().len(), 0);

    model.set_assistant("asst_far").await.unwrap();
    model.ask("hi").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].path(), "/v1/assistants/asst_far");
    let asked = requests[1].json();
    assert_eq!(
        (&asked["model"], &asked["messages"][0]["content"]),
        (&json!("gpt-4o"), &json!("F."))
    );
}
