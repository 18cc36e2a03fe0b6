use openai_api::Client;

use crate::support::{completion, embedded, hosted, scripted};

#[tokio::test]
async fn nothing_touches_the_network_until_asked() {
    let server = scripted([completion("Hello.")]).await;
    let model = hosted(&server).system_instruction("Be brief.").build().unwrap();
    assert_eq!(model.model(), "gpt-4o-mini");
    assert_eq!(server.requests().len(), 0);
    model.ask("Hello?").await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn each_instance_has_a_dialogue_of_its_own() {
    let server = scripted([completion("1"), completion("2")]).await;
    let (one, other) = (hosted(&server).build().unwrap(), hosted(&server).build().unwrap());
    one.ask("one").await.unwrap();
    assert!(other.dialogue().await.unwrap().is_empty());
}

#[tokio::test]
async fn key_endpoint_organisation_project_and_time_outs_can_be_set() {
    let server = scripted([completion("ok")]).await;
    let client = Client::builder()
        .key("sk-argument")
        .base_url(server.url())
        .organization("org-1")
        .project("proj-1")
        .connect_timeout(std::time::Duration::from_secs(5))
        .read_timeout(std::time::Duration::from_secs(30))
        .build()
        .unwrap();
    let model = facade::OpenAiModel::builder().hosted(client).model("my-default").build().unwrap();
    model.ask("hi").await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer sk-argument"));
    assert_eq!(request.header("openai-organization"), Some("org-1"));
    assert_eq!(request.header("openai-project"), Some("proj-1"));
    assert_eq!(request.json()["model"], "my-default");
}

#[tokio::test]
async fn an_unknown_model_is_an_error_that_lists_near_names() {
    let (_home, builder) = embedded();
    let model = builder.model("atune-tiny").build().unwrap();
    let error = model.ask("hi").await.unwrap_err();
    assert_eq!(error.to_string(), "unknown model atune-tiny; near names are: attune-tiny");
}
