//! What goes out.

use std::time::Duration;

use serde_json::json;

use super::{completion, list, question, serve};
use crate::testing::{Reply, Request, ScriptedServer};
use crate::{
    ChatBackend as _, ChatBackendExt as _, ChatRequest, Client, ContentPart, CreateBatch,
    CreateFineTuningJob, Error, FileId, ImageUrl, Message, ModelId, StreamOptions,
};

#[tokio::test]
async fn key_organization_project_and_user_agent_go_with_each_request() {
    let server = ScriptedServer::start([list(&[], false)]).await.unwrap();
    let client = Client::builder()
        .base_url(server.url())
        .key("sk-1")
        .organization("org-1")
        .project("proj-1")
        .build()
        .unwrap();
    client.models().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v1/models"));
    for (name, expected) in [
        ("authorization", "Bearer sk-1"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj-1"),
        ("user-agent", concat!("attune-openai-api/", env!("CARGO_PKG_VERSION"))),
        ("accept", "application/json"),
    ] {
        assert_eq!(request.header(name), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn without_a_key_there_is_no_authorization() {
    let server = ScriptedServer::start([list(&[], false)]).await.unwrap();
    let client = Client::builder().base_url(server.url()).user_agent("mine/1").build().unwrap();
    client.models().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("user-agent"), Some("mine/1"));
}

#[tokio::test]
async fn an_http_client_of_ones_own_is_used() {
    let server = ScriptedServer::start([list(&[], false)]).await.unwrap();
    let theirs = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::client::tls::config(Vec::new()).unwrap())
        .default_headers([("x-mine".parse().unwrap(), "1".parse().unwrap())].into_iter().collect())
        .build()
        .unwrap();
    let client = Client::builder().base_url(server.url()).http_client(theirs).build().unwrap();
    client.models().await.unwrap();
    assert_eq!(server.requests()[0].header("x-mine"), Some("1"));
}

#[tokio::test]
async fn a_content_type_of_the_callers_own_goes_before_the_bodys() {
    let server = ScriptedServer::answering(|_| Reply::json(200, json!({}))).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    let own = "application/merge-patch+json";
    client.post("x").header("content-type", own).json(&1).await.unwrap();
    client.post("x").json(&1).header("Content-Type", own).await.unwrap();
    client.post("x").json(&1).header("host", "lake.example").await.unwrap();
    let requests = server.requests();
    let types = requests.iter().map(|request| request.header("content-type").unwrap());
    assert_eq!(types.collect::<Vec<_>>(), [own, own, "application/json"]);
    assert_eq!(requests[2].header("host"), Some("lake.example"));
}

#[tokio::test]
async fn asking_leaves_the_temperature_to_the_server() {
    let (server, client) = serve((0..2).map(|_| Reply::json(200, completion("hello")))).await;
    let id = ModelId::new("m");
    assert_eq!(client.ask(&id, "hi").await.unwrap(), "hello");
    client.ask("m", "hi").await.unwrap();
    let messages = json!([{"role": "user", "content": "hi"}]);
    for request in server.requests() {
        assert_eq!(request.json(), json!({"model": "m", "messages": messages}));
    }
}

#[tokio::test]
async fn completing_sends_the_request_and_nothing_of_streams() {
    let (server, client) = serve([Reply::json(200, completion("hello"))]).await;
    let mut request = question().with_max_tokens(5);
    request.stream = Some(true);
    request.stream_options = Some(StreamOptions::with_usage());
    client.complete(request).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.target, "/v1/chat/completions");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let messages = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(request.json(), json!({"model": "m", "messages": messages, "max_tokens": 5}));
}

#[tokio::test]
async fn streaming_asks_for_the_usage_unless_the_caller_chose() {
    let without = StreamOptions { include_usage: Some(false), ..StreamOptions::default() };
    let obfuscated = StreamOptions::default().with_extra("include_obfuscation", false);
    let (own, usage) = (json!({"include_obfuscation": false}), json!({"include_usage": true}));
    let asked = [
        (question(), Some(usage.clone())),
        (question().with_stream_options(StreamOptions::with_usage()), Some(usage)),
        (question().with_stream_options(without), Some(json!({"include_usage": false}))),
        (question().without_stream_options(), None),
        (question().with_stream_options(obfuscated), Some(own)),
        (question().with_extra("data_sources", json!([])), None),
    ];
    let (server, client) = serve(asked.iter().map(|_| Reply::events(["data: [DONE]\n\n"]))).await;
    for (request, expected) in asked {
        drop(client.stream(request).await.unwrap());
        let sent = server.requests().pop().unwrap();
        assert_eq!(sent.header("accept"), Some("text/event-stream"));
        assert_eq!(sent.json()["stream"], true);
        assert_eq!(sent.json().get("stream_options"), expected.as_ref());
    }
}

#[tokio::test]
async fn mistrals_own_server_is_not_sent_what_it_refuses() {
    let done = || Reply::events(["data: [DONE]\n\n"]);
    let replies = [done(), done(), Reply::json(200, completion("hello"))];
    let server = ScriptedServer::start(replies).await.unwrap();
    let port = server.url().parse::<reqwest::Url>().unwrap().port().unwrap();
    let theirs = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::client::tls::config(Vec::new()).unwrap())
        .resolve("api.mistral.ai", std::net::SocketAddr::from(([127, 0, 0, 1], port)))
        .no_proxy()
        .build()
        .unwrap();
    let base = format!("http://api.mistral.ai:{port}/v1");
    let client = Client::builder().base_url(base).http_client(theirs).build().unwrap();
    let mut thought = Message::assistant("A lake.");
    thought.reasoning_content = Some("Hm.".to_owned());
    let question = || ChatRequest::new("m", vec![thought.clone()]);
    drop(client.stream(question()).await.unwrap());
    let chosen = question().with_stream_options(StreamOptions::with_usage());
    drop(client.stream(chosen).await.unwrap());
    client.complete(question()).await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(Request::json).collect();
    let messages = json!([{"role": "assistant", "content": "A lake."}]);
    let usage = json!({"include_usage": true});
    assert_eq!(sent[0], json!({"model": "m", "messages": messages, "stream": true}));
    assert_eq!(sent[1]["stream_options"], usage);
    assert_eq!(sent[2], json!({"model": "m", "messages": messages}));
}

#[tokio::test]
async fn describe_image_by_requests_needs_nothing_but_this_crate() {
    let (server, client) = serve([Reply::json(200, completion("a cat"))]).await;
    let png = b"\x89PNG\r\n\x1a\n";
    let parts = vec![
        ContentPart::from_text("What's in this image?"),
        ContentPart::from_image(ImageUrl::from_bytes(png).unwrap()),
    ];
    let request = ChatRequest::new("gpt-4o", vec![Message::user(parts)]).with_max_tokens(300);
    assert_eq!(client.complete(request).await.unwrap().text(), "a cat");
    assert_eq!(
        server.requests()[0].json(),
        json!({"model": "gpt-4o", "max_tokens": 300, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What's in this image?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ]}]})
    );
}

#[tokio::test]
async fn every_endpoint_asks_by_its_method_and_path() {
    let one = || json!({"id": "x", "status": "queued", "deleted": true, "data": []});
    let server = ScriptedServer::answering(move |_| Reply::json(200, one())).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    let file = FileId::new("file/1");
    client.model(&ModelId::new("meta/llama 3")).await.unwrap();
    client.file(&file).await.unwrap();
    assert!(client.delete_file(&file).await.unwrap().deleted);
    client.file_bytes(&file).await.unwrap();
    client.create_fine_tuning_job(CreateFineTuningJob::new("m", "file-1")).await.unwrap();
    client.fine_tuning_job("j?").await.unwrap();
    client.fine_tuning_jobs().await.unwrap();
    client.fine_tuning_jobs().after("j&1").limit(2).await.unwrap();
    client.fine_tuning_events("j").after("e").await.unwrap();
    client.fine_tuning_checkpoints("j").limit(3).await.unwrap();
    client.cancel_fine_tuning_job("j").await.unwrap();
    client.assistant("asst_1").await.unwrap();
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    expect_test::expect![[r#"
        GET /v1/models/meta%2Fllama%203
        GET /v1/files/file%2F1
        DELETE /v1/files/file%2F1
        GET /v1/files/file%2F1/content
        POST /v1/fine_tuning/jobs
        GET /v1/fine_tuning/jobs/j%3F
        GET /v1/fine_tuning/jobs
        GET /v1/fine_tuning/jobs?limit=2&after=j%261
        GET /v1/fine_tuning/jobs/j/events?after=e
        GET /v1/fine_tuning/jobs/j/checkpoints?limit=3
        POST /v1/fine_tuning/jobs/j/cancel
        GET /v1/assistants/asst_1"#]]
    .assert_eq(&asked.join("\n"));
    let created = &server.requests()[4];
    assert_eq!(created.json(), json!({"model": "m", "training_file": "file-1"}));
}

#[tokio::test]
async fn assistants_are_asked_for_in_their_version_page_by_page() {
    let (server, client) = serve([list(&["a", "b"], true), list(&["c"], false)]).await;
    let ids: Vec<_> =
        client.assistants().all().await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let requests = server.requests();
    assert!(requests.iter().all(|one| one.header("openai-beta") == Some("assistants=v2")));
    assert_eq!(requests[0].target, "/v1/assistants?limit=100");
    assert_eq!(requests[1].target, "/v1/assistants?limit=100&after=b");
}

#[tokio::test]
async fn what_is_created_is_given_by_value_or_by_reference() {
    let one = || json!({"id": "x", "status": "queued"});
    let server = ScriptedServer::answering(move |_| Reply::json(200, one())).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    let batch = CreateBatch::new("file-1", "/v1/embeddings");
    client.create_batch(&batch).await.unwrap();
    client.create_batch(batch).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].json()["input_file_id"], "file-1");
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn a_page_is_told_with_status_and_headers_and_within_a_time_limit() {
    let page = list(&["a"], false).with_header("x-request-id", "r1");
    let (server, client) = serve([page, Reply::silent(), Reply::silent()]).await;
    let (page, meta) = client.files().limit(1).with_meta().await.unwrap();
    assert_eq!((page.data.len(), meta.status(), meta.request_id()), (1, 200, Some("r1")));
    assert_eq!(server.requests()[0].target, "/v1/files?limit=1");
    let brief = || client.files().timeout(Duration::from_millis(30));
    let error = brief().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let error = brief().all().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_repeats_its_first_page_does_not_go_on_for_ever() {
    let server = ScriptedServer::answering(|_| list(&["f1", "f2"], true)).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    assert_eq!(client.files().all().await.unwrap().len(), 2);
    assert_eq!(server.requests().len(), 2);
    let server = ScriptedServer::answering(|_| list(&[], true)).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    assert_eq!(client.files().all().await.unwrap().len(), 0);
}

#[tokio::test]
async fn user_and_password_of_the_base_url_are_sent() {
    let echo = |request: &crate::testing::Request| {
        let shown = request.header("authorization").unwrap_or_default();
        Reply::json(403, json!({"error": {"message": format!("no access: {shown}")}}))
    };
    let server = ScriptedServer::answering(echo).await.unwrap();
    for (login, expected) in [
        ("me:pw%20%3A%C3%A4", "Basic bWU6cHcgOsOk"),
        ("someone", "Basic c29tZW9uZTo="),
        (":password", "Basic OnBhc3N3b3Jk"),
    ] {
        let url = server.url().replace("http://", &format!("http://{login}@"));
        let client = Client::builder().base_url(url).build().unwrap();
        let error = client.get("models").await.unwrap_err();
        let requests = server.requests();
        assert_eq!(requests.last().unwrap().header("authorization"), Some(expected));
        // What was sent is struck out where the server echoes it.
        assert_eq!(error.as_api().unwrap().message, "no access: Basic [key]");
        client.get("models").header("authorization", "Bearer sk-mine").await.unwrap_err();
        let requests = server.requests();
        assert_eq!(requests.last().unwrap().header("authorization"), Some("Bearer sk-mine"));
    }
}
