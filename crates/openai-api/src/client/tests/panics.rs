//! Whatever is set or asked for: an error when building or when awaiting, and never a panic.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use serde_json::json;

use super::question;
use crate::{
    Azure, BoxError, ChatBackend as _, Client, ClientBuilder, CreateFineTuningJob, Error, FileId,
    FilePurpose, Form, FormFile, Key, RetryPolicy,
};

/// Anything, and what is nearly right.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "[\\PC\r\n\t\0./:?#%@\\[\\]]{0,20}",
        Just("\u{feff}".to_owned()),
    ]
}

/// Anything, and what is nearly a URL.
fn url() -> impl Strategy<Value = String> {
    let schemes =
        prop_oneof![Just("http://"), Just("https://"), Just("HTTP:"), Just("ftp://"), Just("")];
    let hosts = prop_oneof![
        Just("127.0.0.1"),
        Just("[::1]:8080"),
        Just("[::1"),
        Just("xn--"),
        Just("h:99999"),
        Just("me:p@h"),
        Just("")
    ];
    (schemes, hosts, text()).prop_map(|(scheme, host, rest)| format!("{scheme}{host}{rest}"))
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::from_millis(1)),
        Just(Duration::from_secs(u64::MAX / 2)),
        Just(Duration::MAX),
    ]
}

fn policy() -> impl Strategy<Value = RetryPolicy> {
    let attempts = prop_oneof![Just(0), Just(1), Just(2), Just(4)];
    let times = (duration(), duration(), duration(), proptest::option::of(duration()));
    let few = (attempts, times).prop_map(|(attempts, (base, cap, longest, deadline))| {
        let policy = RetryPolicy::default().with_attempts(attempts).with_base(base);
        let policy = policy.with_cap(cap).with_longest_wait(longest);
        match deadline {
            Some(deadline) => policy.with_deadline(deadline),
            None => policy,
        }
    });
    // Without end but for the deadline, to which time must come that goes by itself.
    let many = (duration(), duration()).prop_map(|(base, cap)| {
        let (base, cap) = (base.max(SOME), cap.max(SOME));
        let policy = RetryPolicy::default().with_attempts(u32::MAX).with_base(base);
        policy.with_cap(cap).with_deadline(Duration::from_millis(3))
    });
    prop_oneof![4 => few, 1 => many]
}

const SOME: Duration = Duration::from_millis(1);

/// A base URL on this machine where nobody listens.
fn nobody() -> String {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/v1")
}

/// A runtime whose time goes by itself while nothing happens.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// Builds; if that is refused, then by naming the setting and not by showing the key.
fn build(builder: ClientBuilder, key: &str) -> Option<Client> {
    assert_hidden(&builder, key);
    match builder.build() {
        Ok(client) => {
            assert_hidden(&client, key);
            Some(client)
        }
        Err(error) => {
            assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
            assert_hidden(&error, key);
            assert!(key.chars().count() < 16 || !error.to_string().contains(key));
            None
        }
    }
}

fn assert_hidden(shown: &impl std::fmt::Debug, key: &str) {
    assert!(key.chars().count() < 16 || !format!("{shown:?}").contains(key));
}

fn answers<T>(result: Result<T, Error>) {
    assert!(result.is_err(), "nobody is there to answer");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(128))]

    #[test]
    fn no_setting_makes_building_panic(
        key in text(), url in url(), proxy in url(), other in vec(text(), 5), root in vec(any::<u8>(), 0..40),
    ) {
        let builder = || Client::builder().key(&key);
        build(builder().base_url(&url), &key);
        build(builder().base_url(&key), "");
        build(builder().proxy(&proxy), &key);
        build(builder().header(&other[0], &other[1]), &key);
        build(builder().organization(&other[2]).project(&other[3]).user_agent(&other[4]), &key);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", other[0]);
        build(builder().root_certificate(pem), &key);
        build(builder().root_certificate(root), &key);
    }

    #[test]
    fn no_setting_of_azures_makes_building_or_asking_panic(
        key in text(), url in url(), version in text(), model in text(), deployment in text(),
    ) {
        let elsewhere = Azure::new(&url).with_api_version(&version);
        build(Client::builder().azure(elsewhere).key(Key::token(key.as_str())), &key);
        let here = Azure::new(nobody()).with_api_version(&version);
        let here = here.with_deployment(model.as_str(), &deployment);
        let builder = Client::builder().azure(here).key(&key).retry(RetryPolicy::never());
        if let Some(client) = build(builder, &key) {
            block_on(async {
                answers(client.post("embeddings").json(&json!({"model": model, "input": ""})).await);
                answers(client.post("embeddings").json(&model).await);
            });
        }
    }

    #[test]
    fn no_request_makes_asking_panic(
        path in text(), id in text(), name in text(), value in text(), key in text(),
    ) {
        let builder = || Client::builder().base_url(nobody()).retry(RetryPolicy::never());
        let provided = builder().key_provider(move || {
            let key = Key::new(key.as_str());
            async move { Ok::<_, BoxError>(key) }
        });
        let provided = provided.build().unwrap();
        let client = builder().build().unwrap();
        block_on(async {
            answers(provided.get("x").await);
            answers(client.get(&path).query(&name, &value).header(&name, &value).await);
            answers(client.post(&format!("x/{path}?{value}")).json(&value).await);
            answers(client.file(&FileId::new(id.as_str())).await);
            answers(client.model(&id.as_str().into()).await);
            answers(client.files().after(id.as_str()).query(&name, &value).all().await);
            answers(client.upload_bytes(&name, value.clone(), FilePurpose::FineTune).await);
            answers(client.upload_file(&path, FilePurpose::FineTune).await);
            answers(client.post("x").body(value.clone(), &name).events().await);
            let files = [
                FormFile::from_bytes(&name, value.clone()),
                FormFile::from_bytes(&value, "x").with_mime_type(&name),
                FormFile::from_path(&path),
            ];
            for file in files {
                let form = Form::new().text(&name, &value).file(&value, file);
                answers(client.post("x").form(form).byte_stream().await);
            }
            let job = CreateFineTuningJob::new(name.as_str(), id.as_str());
            answers(client.create_fine_tuning_job(job).await);
        });
    }

    #[test]
    fn no_time_limit_and_no_policy_makes_asking_panic(
        connect in duration(), read in duration(), idle in duration(),
        whole in proptest::option::of(duration()), policy in policy(),
    ) {
        let builder = Client::builder().base_url(nobody()).retry(policy);
        let builder = builder.connect_timeout(connect).read_timeout(read).idle_timeout(idle);
        let client = builder.build().unwrap();
        block_on(async {
            let call = client.get("x");
            // It would take the place of the only end that endless attempts have.
            let whole = whole.filter(|_| policy.attempts() < u32::MAX);
            answers(match whole {
                Some(whole) => call.timeout(whole).await,
                None => call.await,
            });
            answers(client.complete(question()).await);
            answers(client.stream(question()).await);
        });
    }
}
