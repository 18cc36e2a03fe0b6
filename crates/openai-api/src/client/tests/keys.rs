//! Keys that change.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::list;
use crate::testing::{Reply, ScriptedServer};
use crate::{ApiError, BoxError, Client, ClientBuilder, Error, Key, KeyProvider, RetryPolicy};

/// Gives these keys one after the other, the last for ever, and notes what it is asked.
struct Keys {
    keys: Vec<&'static str>,
    asked: Mutex<Vec<Option<Key>>>,
}

impl Keys {
    fn new(keys: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { keys: keys.to_vec(), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<Option<Key>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl KeyProvider for Keys {
    async fn key(&self, refused: Option<&Key>) -> Result<Key, BoxError> {
        let mut asked = self.asked.lock().unwrap();
        let key = self.keys[asked.len().min(self.keys.len() - 1)];
        asked.push(refused.cloned());
        Ok(Key::new(key))
    }
}

fn client_of(server: &ScriptedServer) -> ClientBuilder {
    let quick = RetryPolicy::default().with_base(Duration::ZERO);
    Client::builder().base_url(server.url()).retry(quick)
}

fn shown_keys(server: &ScriptedServer) -> Vec<String> {
    let keys = server.requests().into_iter();
    keys.map(|request| request.header("authorization").unwrap_or("none").to_owned()).collect()
}

fn refusal(status: u16) -> Reply {
    Reply::json(status, json!({"error": {"message": "no"}}))
}

#[tokio::test]
async fn a_provider_is_asked_for_each_attempt() {
    let server = ScriptedServer::start([refusal(500), refusal(503), list(&[], false)]).await;
    let server = server.unwrap();
    let keys = Keys::new(&["sk-1", "sk-2", "sk-3"]);
    client_of(&server).key_provider(keys.clone()).build().unwrap().list_models().await.unwrap();
    assert_eq!(shown_keys(&server), ["Bearer sk-1", "Bearer sk-2", "Bearer sk-3"]);
    assert_eq!(keys.asked(), [None, None, None]);
}

#[tokio::test]
async fn a_refused_key_is_asked_for_anew_even_where_each_request_is_sent_once() {
    let server = ScriptedServer::start([refusal(401), list(&[], false)]).await.unwrap();
    let keys = Keys::new(&["sk-old", "sk-new"]);
    let boxed: Box<dyn KeyProvider> = Box::new(keys.clone());
    let builder = client_of(&server).retry(RetryPolicy::never()).key_provider(boxed);
    builder.build().unwrap().list_models().await.unwrap();
    assert_eq!(shown_keys(&server), ["Bearer sk-old", "Bearer sk-new"]);
    assert_eq!(keys.asked(), [None, Some(Key::new("sk-old"))]);
}

#[tokio::test]
async fn a_key_that_is_refused_twice_is_an_error() {
    let server = ScriptedServer::start([refusal(401), refusal(401)]).await.unwrap();
    let shared: Arc<dyn KeyProvider> = Keys::new(&["sk-1", "sk-2", "sk-3"]);
    let error = client_of(&server).key_provider(shared).build().unwrap().list_models().await;
    assert_eq!(error.unwrap_err().as_api().map(|error| error.status), Some(401));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn nothing_is_sent_again_with_the_same_key() {
    let server = ScriptedServer::start([refusal(401), refusal(401)]).await.unwrap();
    let closure = || async { Ok::<_, BoxError>(Key::new("sk-1")) };
    let error = client_of(&server).key_provider(closure).build().unwrap().list_models().await;
    assert_eq!(error.unwrap_err().as_api().map(|error| error.status), Some(401));
    let fixed = client_of(&server).key("sk-1").build().unwrap().list_models().await;
    assert_eq!(fixed.unwrap_err().as_api().map(|error| error.status), Some(401));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_calls_own_key_goes_before_the_providers() {
    let server = ScriptedServer::start([refusal(401)]).await.unwrap();
    let keys = Keys::new(&["sk-1"]);
    let shared: Arc<dyn KeyProvider> = keys.clone();
    let client = client_of(&server).key_provider(shared).build().unwrap();
    client.get("models").header("authorization", "Bearer sk-mine").await.unwrap_err();
    assert_eq!(shown_keys(&server), ["Bearer sk-mine"]);
    assert_eq!(keys.asked(), []);
}

#[tokio::test]
async fn a_provider_that_fails_ends_the_call_with_its_error() {
    let server = ScriptedServer::start([]).await.unwrap();
    let broken = || async { Err::<Key, BoxError>("the vault is sealed".into()) };
    let error = client_of(&server).key_provider(broken).build().unwrap().list_models().await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Key { .. }) && !error.is_retryable(), "{error:?}");
    assert_eq!(error.to_string(), "could not get the key");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault is sealed");
    assert_eq!(server.requests(), []);
}

#[tokio::test]
async fn a_refusal_is_not_lost_to_the_failure_of_the_provider_to_give_another_key() {
    for (second, cause) in [
        (Err("the vault is sealed"), "the vault is sealed"),
        (Ok(" "), "key: is blank; look at what the provider gave"),
    ] {
        let refusal = refusal(401).with_header("x-request-id", "r-1");
        let server = ScriptedServer::start([refusal]).await.unwrap();
        let asked = Mutex::new(0);
        let provider = move || {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            let key = if *asked == 1 { Ok("sk-old") } else { second };
            std::future::ready(key.map(Key::new).map_err(BoxError::from))
        };
        let client = client_of(&server).key_provider(provider).build().unwrap();
        let error = client.list_models().await.unwrap_err();
        assert!(matches!(error, Error::Key { .. }) && !error.is_retryable(), "{error:?}");
        let refusal = error.as_api().unwrap();
        assert_eq!((refusal.status, refusal.request_id.as_deref()), (401, Some("r-1")));
        assert_eq!(
            error.to_string(),
            "could not get another key after the server answered 401: no [request r-1]"
        );
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), cause);
    }
}

#[tokio::test]
async fn a_calls_own_key_goes_in_the_place_of_the_clients() {
    let answer = |_: &crate::testing::Request| list(&[], false);
    let server = ScriptedServer::answering(answer).await.unwrap();
    let azure = crate::Azure::new(server.url().replace("/v1", ""));
    let azure = Client::builder().azure(azure).key("sk-of-the-client").build().unwrap();
    azure.get("models").header("authorization", "Bearer sk-mine").await.unwrap();
    azure.get("models").header("api-key", "sk-mine").await.unwrap();
    let plain = client_of(&server).key("sk-of-the-client").build().unwrap();
    plain.get("models").header("authorization", "Bearer sk-mine").await.unwrap();
    plain.get("models").header("api-key", "sk-mine").await.unwrap();
    let both = azure.get("models").header("authorization", "Bearer sk-mine");
    both.header("api-key", "sk-mine").await.unwrap();
    let requests = server.requests();
    let shown = |name| requests.iter().map(move |request| request.header(name));
    let (bearer, bare) = (Some("Bearer sk-mine"), Some("sk-mine"));
    let authorization: Vec<_> = shown("authorization").collect();
    assert_eq!(authorization, [bearer, None, bearer, None, bearer]);
    assert_eq!(shown("api-key").collect::<Vec<_>>(), [None, bare, None, bare, bare]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_not_waited_for_without_end() {
    let silent = || async { std::future::pending::<Result<Key, BoxError>>().await };
    let client = Client::builder().key_provider(silent).retry(RetryPolicy::never());
    let error = client.build().unwrap().list_models().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { what: "key", .. }), "{error:?}");
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
    for (key, problem) in [
        ("sk-\n1", "key: has a line break in it; trim what was read from a file"),
        ("sk-ключ", "key: has a character in it that an HTTP header cannot carry"),
        (" ", "key: is blank; look at what the provider gave"),
    ] {
        let shared: Arc<dyn KeyProvider> = Keys::new(&[key]);
        let error = Client::builder().key_provider(shared).build().unwrap().list_models().await;
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), problem);
        assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_is_struck_out_of_errors_wherever_it_came_from() {
    let echo = |request: &crate::testing::Request| {
        let shown = request.header("authorization").or_else(|| request.header("api-key"));
        Reply::json(403, json!({"error": {"message": format!("no access: {shown:?}")}}))
    };
    let server = ScriptedServer::answering(echo).await.unwrap();
    let message = |result: Result<_, Error>| match result {
        Err(Error::Api(error)) => ApiError::clone(&error).message,
        other => format!("{:?}", other.map(|_: serde_json::Value| ())),
    };
    let provider = Keys::new(&["sk-from-a-provider"]);
    let provided = client_of(&server).key_provider(provider).build().unwrap();
    let expected = r#"no access: Some("Bearer [key]")"#;
    assert_eq!(message(provided.get("models").await), expected);
    let fixed = client_of(&server).key("sk-that-is-fixed").build().unwrap();
    assert_eq!(message(fixed.get("models").await), expected);
    let own = provided.get("models").header("authorization", "Bearer sk-of-the-call");
    assert_eq!(message(own.await), expected);
    let own = client_of(&server).build().unwrap().get("models").header("api-key", "of-the-call");
    assert_eq!(message(own.await), r#"no access: Some("[key]")"#);
}

#[test]
fn a_client_does_not_show_what_its_provider_is_or_gives() {
    let closure = || async { Ok::<_, BoxError>(Key::new("sk-1")) };
    let builder = Client::builder().key_provider(closure);
    assert!(format!("{builder:?}").contains("has_key: true"), "{builder:?}");
    assert!(format!("{:?}", builder.build().unwrap()).contains("has_key: true"));
}
