//! Azure OpenAI, by what it is asked.

use serde_json::json;

use super::{completion, question};
use crate::testing::{Reply, ScriptedServer};
use crate::{
    Azure, BoxError, ChatBackend as _, Client, ClientBuilder, CreateFineTuningJob, FileId, Key,
};

async fn azure() -> ScriptedServer {
    let answer = |request: &crate::testing::Request| match request.path() {
        path if path.ends_with("/completions") && request.method == "POST" => {
            Reply::json(200, completion("hello"))
        }
        _ => Reply::json(200, json!({"id": "x", "status": "queued", "data": []})),
    };
    ScriptedServer::answering(answer).await.unwrap()
}

/// The endpoint of a server on loopback.
fn at(server: &ScriptedServer) -> Azure {
    Azure::new(server.url().replace("/v1", ""))
}

/// Makes a few requests, and tells what the server was asked for.
async fn asked(server: &ScriptedServer, builder: ClientBuilder) -> String {
    let client = builder.build().unwrap();
    client.complete(question()).await.unwrap();
    let embedding = client.post("embeddings").json(&json!({"input": "hi", "model": "e/3"}));
    embedding.await.unwrap();
    client.list_models().await.unwrap();
    client.file_bytes(&FileId::new("file-1")).await.unwrap();
    client.files().after("f").await.unwrap();
    client.create_fine_tuning_job(CreateFineTuningJob::new("m", "file-1")).await.unwrap();
    client.post("responses").json(&json!({"model": "m", "input": "hi"})).await.unwrap();
    client.get("assistants").await.unwrap();
    client.chat_completions().await.unwrap();
    let requests = server.requests();
    let asked = requests.iter().map(|request| format!("{} {}", request.method, request.target));
    asked.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn in_the_dated_form_the_model_names_the_deployment_of_what_a_model_answers() {
    let server = azure().await;
    let azure = at(&server).with_api_version("2024-10-21").with_deployment("m", "tiny 4");
    let builder = Client::builder().azure(azure).key("0123456789abcdef");
    expect_test::expect![[r#"
        POST /openai/deployments/tiny%204/chat/completions?api-version=2024-10-21
        POST /openai/deployments/e%2F3/embeddings?api-version=2024-10-21
        GET /openai/models?api-version=2024-10-21
        GET /openai/files/file-1/content?api-version=2024-10-21
        GET /openai/files?api-version=2024-10-21&after=f
        POST /openai/fine_tuning/jobs?api-version=2024-10-21
        POST /openai/responses?api-version=2024-10-21
        GET /openai/assistants?api-version=2024-10-21
        GET /openai/chat/completions?api-version=2024-10-21"#]]
    .assert_eq(&asked(&server, builder).await);
    for request in server.requests() {
        assert_eq!(request.header("api-key"), Some("0123456789abcdef"));
        assert_eq!(request.header("authorization"), None);
    }
    assert_eq!(server.requests()[0].json()["model"], "m");
}

#[tokio::test]
async fn in_the_v1_form_the_paths_are_openais() {
    let server = azure().await;
    let builder = Client::builder().azure(at(&server)).key(Key::token("eyJ0eXAi"));
    expect_test::expect![[r#"
        POST /openai/v1/chat/completions
        POST /openai/v1/embeddings
        GET /openai/v1/models
        GET /openai/v1/files/file-1/content
        GET /openai/v1/files?after=f
        POST /openai/v1/fine_tuning/jobs
        POST /openai/v1/responses
        GET /openai/v1/assistants
        GET /openai/v1/chat/completions"#]]
    .assert_eq(&asked(&server, builder).await);
    for request in server.requests() {
        assert_eq!(request.header("api-key"), None);
        assert_eq!(request.header("authorization"), Some("Bearer eyJ0eXAi"));
    }
}

#[tokio::test]
async fn tokens_and_keys_may_both_come_from_a_provider() {
    let server = azure().await;
    let token = || async { Ok::<_, BoxError>(Key::token("eyJ0eXAi")) };
    let client = Client::builder().azure(at(&server)).key_provider(token).build().unwrap();
    client.get("models").await.unwrap();
    let key = || async { Ok::<_, BoxError>(Key::new("0123456789abcdef")) };
    let client = Client::builder().azure(at(&server)).key_provider(key).build().unwrap();
    client.get("models").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some("Bearer eyJ0eXAi"));
    assert_eq!(requests[1].header("api-key"), Some("0123456789abcdef"));
    assert_eq!(requests[1].header("authorization"), None);
}

#[tokio::test]
async fn a_request_without_a_model_is_refused_where_azure_needs_one() {
    let azure = Azure::new("http://127.0.0.1:9").with_api_version("2024-10-21");
    let client = Client::builder().azure(azure).build().unwrap();
    let error = client.post("embeddings").json(&json!({"input": "hi"})).await.unwrap_err();
    assert_eq!(error.to_string(), "model: is missing; Azure needs it to tell the deployment");
    let error = client.post("embeddings").json(&json!({"model": ".."})).await.unwrap_err();
    assert_eq!(error.to_string(), "deployment: `..` is no name");
}
