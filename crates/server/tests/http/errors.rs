//! Errors in OpenAI's shape, and keys.

use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use reqwest::Method;
use serde_json::json;

use crate::support::{Api, builder};

const CHAT: &str = "/v1/chat/completions";

async fn check(model: &str, expected: Expect) {
    let api = Api::echo().await;
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    expected.assert_eq(&api.post(CHAT, &body).await.error());
}

#[tokio::test]
async fn an_error_of_the_backend_keeps_its_status_or_gets_one() {
    check("gpt-9", expect!["404 model model_not_found: the model `gpt-9` does not exist"]).await;
    check("busy", expect!["429 - rate_limit_exceeded: slow down"]).await;
    check("tired", expect!["503 - -: overloaded (request REQUEST)"]).await;
    check("invalid", expect!["400 temperature -: temperature: must lie in 0.0..=2.0"]).await;
    check("unreachable", expect!["502 - -: the backend could not be reached (request REQUEST)"])
        .await;
    check("late", expect!["504 - -: no response within 3s; allow more time, or look whether the server is busy (request REQUEST)"]).await;
    check("broken", expect!["500 - -: the echo backend failed (request REQUEST)"]).await;
}

#[tokio::test]
async fn a_busy_backend_tells_how_long_to_wait() {
    let api = Api::echo().await;
    let body = json!({"model": "busy", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(api.post(CHAT, &body).await.header("retry-after"), "2");
}

#[tokio::test]
async fn whoever_runs_the_server_is_told_the_cause_of_a_failure_and_its_request() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let told = Arc::clone(&told);
        move |id: &str, error: &(dyn std::error::Error + 'static)| {
            let cause = error.source().unwrap().to_string();
            told.lock().unwrap().push((id.to_owned(), cause));
        }
    };
    let api = Api::start(builder().0.on_failure(hook)).await;
    let body = json!({"model": "broken", "messages": [{"role": "user", "content": "hi"}]});
    let answer = api.post(CHAT, &body).await;
    assert!(!answer.text().contains("the secret cause"));
    let expected = (answer.header("x-request-id").to_owned(), "the secret cause".to_owned());
    assert_eq!(*told.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn an_unknown_path_is_told_the_known_ones() {
    let api = Api::echo().await;
    let error = api.get("/v1/completions").await.error();
    assert!(error.starts_with("404 - unknown_url: unknown path; this server knows /v1/models, "));
    assert!(api.get("/").await.error().ends_with("/health"));
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::echo().await;
    let answer = api.get(CHAT).await;
    assert_eq!(answer.header("allow"), "POST");
    let expected = "405 - method_not_supported: /v1/chat/completions does not take GET; \
                    see the `Allow` header";
    assert_eq!(answer.error(), expected);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_its_place_and_without_its_content() {
    let api = Api::echo().await;
    let send = async |kind: &'static str, body: &'static str| {
        let request = api.request(Method::POST, CHAT).header("content-type", kind);
        api.send(request.body(body)).await.error()
    };
    let error = send("application/json; charset=utf-8", "{\"model\":\n \"secret\" oops}").await;
    expect![
        "400 - invalid_json: the body is not valid JSON: expected `,` or `}` at line 2, column 11"
    ]
    .assert_eq(&error);
    let error = send("application/json", r#"{"model": "m", "messages": "secret"}"#).await;
    expect!["400 messages invalid_type: messages: expected an array, found a string at line 1, column 35"].assert_eq(&error);
    let error = send("text/plain", "{}").await;
    expect![
        "415 - unsupported_media_type: the body must be application/json; say so in `Content-Type`"
    ]
    .assert_eq(&error);
}

#[tokio::test]
async fn what_the_server_was_not_set_up_for_is_said_clearly() {
    let api = Api::echo().await;
    let files = "404 - not_offered: this server keeps no files; start it with a files folder";
    assert_eq!(api.get("/v1/files").await.error(), files);
    assert_eq!(api.upload("a.jsonl", "fine-tune", b"{}").await.error(), files);
    if cfg!(feature = "fine-tuning") {
        let error = api.get("/v1/fine_tuning/jobs").await.error();
        let expected = "404 - not_offered: this server trains no models; start it with a trainer";
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_server_with_a_key_answers_only_who_shows_it() {
    let api = Api::start(builder().0.with_api_key("sk-ключ")).await;
    let shown = async |value: &str| {
        api.send(api.request(Method::GET, "/v1/models").header("authorization", value)).await
    };
    assert_eq!(shown("Bearer sk-ключ").await.status, 200);
    assert_eq!(shown("bearer sk-ключ").await.status, 200);
    for wrong in ["Bearer sk-ключи", "Bearer sk-клю", "Bearer ", "Basic sk-ключ", "sk-ключ", ""]
    {
        let answer = shown(wrong).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(answer.error().starts_with("401 - invalid_api_key: "), "{wrong}");
        assert!(!answer.text().contains("sk-"));
    }
    assert_eq!(api.get("/v1/models").await.status, 401);
    assert_eq!(api.get("/nowhere").await.status, 401);
    assert_eq!(api.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_server_is_not_built_with_an_empty_key() {
    let error = builder().0.with_api_key(" ").build().unwrap_err();
    assert_eq!(error.to_string(), "api_key: is empty; leave it out to ask for none");
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let api = Api::echo().await;
    let error = builder().0.build().unwrap().bind(api.addr).await.unwrap_err();
    let expected = format!("could not listen on {}; is another server there?", api.addr);
    assert_eq!(error.to_string(), expected);
}
