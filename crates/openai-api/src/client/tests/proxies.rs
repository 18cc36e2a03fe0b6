//! Proxies that the environment names.
//!
//! Changing the environment of a process with threads is unsound, so each test of it runs the test
//! executable once more, with a proxy in the environment of that process.

use std::process::Command;

use super::{completion, question, serve};
use crate::testing::{Reply, ScriptedServer};
use crate::{ChatBackend as _, Client};

/// Runs one test of this module in a process whose environment names a proxy.
async fn run(test: &'static str, proxy: String) {
    let run = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--ignored", &format!("client::tests::proxies::{test}")]);
        for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
            command.env_remove(name);
        }
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, &proxy);
        }
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}

#[tokio::test]
async fn a_server_on_this_machine_is_spoken_to_directly() {
    let proxy = ScriptedServer::answering(|_| Reply::new(502, "", "proxied")).await.unwrap();
    run("asks_a_server_on_this_machine", proxy.url().replace("/v1", "")).await;
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn another_server_is_spoken_to_through_the_proxy() {
    let proxy = ScriptedServer::answering(|_| Reply::json(200, completion("proxied")));
    let proxy = proxy.await.unwrap();
    run("asks_a_server_elsewhere", proxy.url().replace("/v1", "")).await;
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
#[ignore = "run by another test, in a process with a proxy"]
async fn asks_a_server_on_this_machine() {
    let (_server, client) = serve([Reply::json(200, completion("direct"))]).await;
    assert_eq!(client.complete(question()).await.unwrap().text(), "direct");
}

#[tokio::test]
#[ignore = "run by another test, in a process with a proxy"]
async fn asks_a_server_elsewhere() {
    let client = Client::builder().base_url("http://server.invalid/v1").build().unwrap();
    assert_eq!(client.complete(question()).await.unwrap().text(), "proxied");
}
