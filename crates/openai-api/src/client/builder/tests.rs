//! What is wrong with settings, told when building.

use super::*;

#[track_caller]
fn refuses(builder: ClientBuilder, expected: &str) {
    let error = builder.build().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_when_building() {
    for key in ["sk-1\n", "sk-\r\n1", "\nsk-1"] {
        let problem = "key: has a line break in it; trim what was read from a file";
        refuses(Client::builder().key(key), problem);
    }
    for key in ["sk-\0", "sk-ключ", "sk-\u{7f}"] {
        let problem = "key: has a character in it that an HTTP header cannot carry";
        refuses(Client::builder().key(key), problem);
    }
}

#[test]
fn other_settings_that_no_header_can_carry_are_refused_too() {
    let problem = "has a line break in it; trim what was read from a file";
    refuses(Client::builder().organization("o\n"), &format!("organization: {problem}"));
    refuses(Client::builder().project("p\n"), &format!("project: {problem}"));
    refuses(Client::builder().user_agent("u\n"), &format!("user agent: {problem}"));
}

#[test]
fn a_base_url_that_cannot_be_used_is_refused_when_building() {
    let hint = "write it like http://127.0.0.1:8080/v1";
    for (base_url, problem) in [
        ("", "relative URL without a base"),
        ("/v1", "relative URL without a base"),
        ("api.openai.com/v1", "relative URL without a base"),
        ("http://", "empty host"),
        ("http://[::1", "invalid IPv6 address"),
        ("http://host:99999", "invalid port number"),
        ("localhost:8080", "its scheme is neither http nor https"),
        ("ftp://host/v1", "its scheme is neither http nor https"),
    ] {
        refuses(Client::builder().base_url(base_url), &format!("base URL: {problem}; {hint}"));
    }
}

#[test]
fn a_base_url_is_shown_without_credentials_and_query() {
    let client = Client::builder().base_url("http://me:sk-1@host/v1/?key=sk-2#x").build();
    let client = client.unwrap();
    assert_eq!(client.base_url(), "http://host/v1");
    assert!(!format!("{client:?}").contains("sk-"), "{client:?}");
}

#[test]
fn of_a_key_and_a_user_in_the_base_url_only_one_can_be_sent() {
    let problem = "base URL: names a user, and there is a key: only one of them can be sent; \
                   leave one out";
    let builder = || Client::builder().base_url("http://me:sk-1@host/v1");
    refuses(builder().key("sk-2"), problem);
    refuses(builder().key_provider(|| async { Ok(Key::new("sk-2")) }), problem);
    assert!(builder().key(" ").build().is_ok());
    // Azure's key goes in a header of its own.
    let azure = || Client::builder().azure(Azure::new("https://me:sk-1@host"));
    assert!(azure().key("sk-2").build().is_ok());
    refuses(azure().key(Key::token("sk-2")), problem);
}

#[test]
fn neither_client_nor_builder_shows_the_key() {
    let builder = Client::builder().base_url("http://me:sk-2@host");
    assert!(!format!("{builder:?}").contains("sk-"), "{builder:?}");
    assert!(!format!("{:?}", builder.build().unwrap()).contains("sk-"));
    let builder = Client::builder().key("sk-1").base_url("http://host");
    assert!(!format!("{builder:?}").contains("sk-"), "{builder:?}");
    let client = builder.build().unwrap();
    expect_test::expect![[r#"Client { base_url: "http://host/", has_key: true, timeouts: Timeouts { connect: 10s, read: 600s, idle: 120s }, .. }"#]]
        .assert_eq(&format!("{client:?}"));
}
