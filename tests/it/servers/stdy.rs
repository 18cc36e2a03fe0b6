//! `@stdy/cli`, which checks each request against OpenAI's specification and makes answers up
//! from it.

use futures_util::TryStreamExt as _;
use openai_api::{
    AutoOr, ChatBackend as _, ChatRequest, Client, Content, ContentPart, CreateFineTuningJob,
    FilePurpose, FineTuningMethod, FunctionCall, Hyperparameters, ImageUrl, Message,
    ResponseFormat, Role, StreamOptions, Tool, ToolCall,
};
use serde_json::json;

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn models_are_listed_and_read() {
    assert!(!client().models().await.unwrap().is_empty());
    client().model(&"gpt-4o".into()).await.unwrap();
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_is_accepted_in_every_form() {
    for request in chats() {
        let shown = format!("{request:?}");
        client().complete(request).await.unwrap_or_else(|err| panic!("{err}: {shown}"));
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn chat_streams_in_every_form() {
    for mut request in chats() {
        request.stream_options = Some(StreamOptions::with_usage());
        let chunks: Vec<_> = client().stream(request).await.unwrap().try_collect().await.unwrap();
        assert!(chunks.len() >= 5, "{chunks:?}");
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_request_outside_the_specification_is_refused() {
    let mut request = ChatRequest::new("gpt-4o", vec![Message::user("Hello")]);
    request.extra.insert("logprobs".to_owned(), "yes".into());
    let err = client().complete(request).await.unwrap_err();
    assert_eq!(err.as_api().unwrap().status, 400, "{err:?}");
    assert!(err.to_string().contains("Validation failed"), "{err}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn files_are_uploaded_listed_read_and_deleted() {
    let client = client();
    let line = br#"{"messages": [{"role": "user", "content": "Hello"}]}"#;
    client.upload_bytes("a.jsonl", line.as_slice(), FilePurpose::FineTune).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.jsonl");
    std::fs::write(&path, line).unwrap();
    client.upload_file(&path, FilePurpose::FineTune).await.unwrap();
    let id = "file-abc123".into();
    client.file(&id).await.unwrap();
    client.file_bytes(&id).await.unwrap();
    client.delete_file(&id).await.unwrap();
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn fine_tuning_jobs_are_created_followed_and_cancelled() {
    let client = client();
    for job in jobs() {
        client.create_fine_tuning_job(job).await.unwrap();
    }
    let id = "ftjob-abc123";
    client.fine_tuning_job(id).await.unwrap();
    client.fine_tuning_jobs(Some(id), Some(2)).await.unwrap();
    client.fine_tuning_events(id, None, Some(2)).await.unwrap();
    client.fine_tuning_checkpoints(id, None, None).await.unwrap();
    client.cancel_fine_tuning_job(id).await.unwrap();
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn an_assistant_is_read() {
    client().assistant("asst_abc123").await.unwrap();
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_STDY")
}

/// Chat requests that use all that the request can say.
fn chats() -> Vec<ChatRequest> {
    let hello = || ChatRequest::new("gpt-4o", vec![Message::user("Hello")]);
    let pixel = ImageUrl::new("data:image/png;base64,iVBORw0KGgo=").with_detail("low");
    let parts = vec![ContentPart::from_text("What is this?"), ContentPart::from_image(pixel)];
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    let weather = Tool::function("weather", "The weather in a city", schema.clone());
    let mut call = FunctionCall::default();
    call.name = "weather".to_owned();
    call.arguments = r#"{"city":"Oslo"}"#.to_owned();
    let mut called = Message::assistant("");
    called.tool_calls = vec![ToolCall::new("call_1", call)];
    let mut result = Message::new(Role::Tool, "Rain");
    result.tool_call_id = Some("call_1".to_owned());
    let mut with_tools = ChatRequest::new(
        "gpt-4o",
        vec![Message::system("Be brief."), Message::user("Weather in Oslo?"), called, result],
    );
    with_tools.tools = vec![weather];
    vec![
        hello()
            .with_temperature(0.2)
            .with_top_p(0.9)
            .with_max_tokens(64)
            .with_stop(vec!["END".to_owned()])
            .with_seed(7),
        hello().with_max_completion_tokens(64),
        hello().with_response_format(ResponseFormat::json_object()),
        hello().with_response_format(ResponseFormat::json_schema("place", schema)),
        ChatRequest::new("gpt-4o", vec![Message::user(Content::Parts(parts))]),
        with_tools,
    ]
}

fn jobs() -> Vec<CreateFineTuningJob> {
    let job = || CreateFineTuningJob::new("gpt-4o-mini", "file-abc123");
    let mut hyperparameters = Hyperparameters::default();
    hyperparameters.n_epochs = Some(AutoOr::Value(3));
    hyperparameters.batch_size = Some(AutoOr::Auto);
    hyperparameters.learning_rate_multiplier = Some(AutoOr::Value(0.1));
    vec![
        job(),
        job().with_validation_file("file-def456").with_suffix("ferry").with_seed(7),
        job().with_method(FineTuningMethod::supervised(hyperparameters.clone())),
        job().with_method(FineTuningMethod::dpo(hyperparameters)),
    ]
}
