//! Proxies that the environment names.
//!
//! Changing the environment of a process with threads is unsound, so each test runs itself once
//! more in a process of its own, whose environment names a proxy.

use std::process::Command;

use super::{completion, question, serve};
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, Client};

#[tokio::test]
async fn a_server_on_this_machine_is_spoken_to_directly() {
    if is_behind_proxy() {
        let (_server, client) = serve([Reply::json(200, completion("direct"))]).await;
        assert_eq!(client.complete(question()).await.unwrap().text(), "direct");
        return;
    }
    let asked = run_behind_proxy("a_server_on_this_machine_is_spoken_to_directly").await;
    assert_eq!(asked, [""; 0]);
}

#[tokio::test]
async fn another_server_is_spoken_to_through_the_proxy() {
    if is_behind_proxy() {
        let client = Client::builder().base_url("http://server.invalid/v1").build().unwrap();
        assert_eq!(client.complete(question()).await.unwrap().text(), "proxied");
        return;
    }
    let asked = run_behind_proxy("another_server_is_spoken_to_through_the_proxy").await;
    assert_eq!(asked, ["http://server.invalid/v1/chat/completions"]);
}

fn is_behind_proxy() -> bool {
    std::env::var_os(BEHIND_PROXY).is_some()
}

/// Runs one test of this module behind a proxy, and tells what the proxy was asked for.
async fn run_behind_proxy(test: &'static str) -> Vec<String> {
    let proxy = ScriptedServer::answering(|_| Reply::json(200, completion("proxied")));
    let proxy = proxy.await.unwrap();
    let url = proxy.url().replace("/v1", "");
    let run = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("client::tests::proxies::{test}")]);
        command.env(BEHIND_PROXY, "1");
        for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
            command.env_remove(name);
        }
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, &url);
        }
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
    proxy.requests().into_iter().map(|request| request.target).collect()
}

const BEHIND_PROXY: &str = "OPENAI_API_TEST_BEHIND_PROXY";

#[tokio::test]
async fn a_proxy_that_is_set_is_gone_through_to_every_server() {
    let proxy = ScriptedServer::answering(|_| Reply::json(200, completion("proxied")));
    let proxy = proxy.await.unwrap();
    let url = proxy.url().replace("/v1", "").replace("http://", "http://me:secret@");
    for host in ["server.invalid", "127.0.0.1"] {
        let client = Client::builder().base_url(format!("http://{host}/v1")).proxy(&url);
        let client = client.build().unwrap();
        assert_eq!(client.complete(question()).await.unwrap().text(), "proxied");
    }
    let requests = proxy.requests();
    assert_eq!(requests[0].target, "http://server.invalid/v1/chat/completions");
    assert_eq!(requests[1].target, "http://127.0.0.1/v1/chat/completions");
    assert_eq!(requests[1].header("proxy-authorization"), Some("Basic bWU6c2VjcmV0"));
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_when_building() {
    let hint = "write it like http://127.0.0.1:3128";
    for (url, problem) in [
        ("127.0.0.1:3128", "relative URL without a base"),
        ("socks5://127.0.0.1:1080", "its scheme is neither http nor https"),
        ("http://me:secret@", "empty host"),
    ] {
        let error = Client::builder().proxy(url).build().unwrap_err();
        assert_eq!(error.to_string(), format!("proxy: {problem}; {hint}"));
    }
    let builder = Client::builder().proxy("http://me:secret@127.0.0.1:9");
    assert!(!format!("{builder:?}").contains("secret"), "{builder:?}");
    assert!(!format!("{:?}", builder.build().unwrap()).contains("secret"));
}
