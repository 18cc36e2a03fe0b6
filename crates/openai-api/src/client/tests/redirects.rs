//! Requests that are sent on.

use serde_json::json;

use super::{completion, question, serve};
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, Client, FileId, FilePurpose};

fn redirect(status: u16, location: &str) -> Reply {
    Reply::new(status, "text/html", "<html>over there</html>").with_header("location", location)
}

#[tokio::test]
async fn a_request_goes_on_with_its_key_and_its_body() {
    let replies = [redirect(308, "/v2/chat/completions"), Reply::json(200, completion("hello"))];
    let (server, client) = serve(replies).await;
    assert_eq!(client.complete(question()).await.unwrap().text(), "hello");
    let requests = server.requests();
    assert_eq!(requests[1].target, "/v2/chat/completions");
    assert_eq!(requests[1].body, requests[0].body);
    assert_eq!(requests[1].headers, requests[0].headers);
}

#[tokio::test]
async fn a_file_goes_on_from_its_beginning() {
    let replies = [redirect(307, "/v2/files"), Reply::json(200, json!({"id": "f"}))];
    let (server, client) = serve(replies).await;
    client.upload_bytes("a.jsonl", "{}\n", FilePurpose::FineTune).await.unwrap();
    assert_eq!(server.requests()[1].body, server.requests()[0].body);
}

#[tokio::test]
async fn another_host_is_not_told_who_asks() {
    let server = ScriptedServer::answering(|request| match request.path() {
        "/v1/files/f/content" => {
            let host = request.header("host").unwrap().replace("127.0.0.1", "localhost");
            redirect(302, &format!("http://{host}/blob?signature=s"))
        }
        _ => Reply::new(200, "text/plain", "content"),
    })
    .await
    .unwrap();
    let client = Client::builder().key("sk-1").organization("o").base_url(server.url());
    let client = client.build().unwrap();
    assert_eq!(&client.file_bytes(&FileId::new("f")).await.unwrap()[..], b"content");
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some("Bearer sk-1"));
    let mut told: Vec<_> = requests[1].headers.iter().map(|(name, _)| name.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["accept", "host", "user-agent"]);
}

#[tokio::test]
async fn who_is_sent_back_by_another_host_shows_no_key() {
    let server = ScriptedServer::answering(|request| {
        let host = request.header("host").unwrap();
        match request.path() {
            "/v1/files/f/content" => {
                let elsewhere = host.replace("127.0.0.1", "localhost");
                redirect(302, &format!("http://{elsewhere}/there"))
            }
            "/there" => {
                let home = host.replace("localhost", "127.0.0.1");
                redirect(302, &format!("http://{home}/v1/whatever-it-likes"))
            }
            _ => Reply::new(200, "text/plain", "content"),
        }
    })
    .await
    .unwrap();
    let client = Client::builder().key("sk-1").organization("o").base_url(server.url());
    let content = client.build().unwrap().file_bytes(&FileId::new("f")).await.unwrap();
    assert_eq!(&content[..], b"content");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let shown = |name| requests.iter().map(move |request| request.header(name));
    assert_eq!(shown("authorization").collect::<Vec<_>>(), [Some("Bearer sk-1"), None, None]);
    assert_eq!(shown("openai-organization").collect::<Vec<_>>(), [Some("o"), None, None]);
}

#[tokio::test]
async fn what_may_not_go_on_tells_where_it_should_have_gone() {
    for status in [301, 307] {
        let reply = redirect(status, "https://me:sk-2@example.com/v1/chat/completions?key=sk-3");
        let (_server, client) = serve([reply]).await;
        let error = client.complete(question()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the server answered {status}: the server redirects to \
                 https://example.com/v1/chat/completions; change the base URL to match"
            )
        );
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn going_round_in_circles_has_an_end() {
    let server = ScriptedServer::answering(|_| redirect(302, "/v1/models")).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    let error = client.models().await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status, 302);
    assert_eq!(server.requests().len(), 11);
}
