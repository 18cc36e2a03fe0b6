use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use openai_api::ApiError;
use serde_json::Value;
use trainer::{Origin, Problem};

use super::*;

#[track_caller]
fn check(error: impl Into<anyhow::Error>, expected: Expect) {
    let error = error.into();
    let mut shown = format!("{}\n{}", chain(&error), sorted(&body(&error)["error"]));
    if let Some(hint) = hint(&error) {
        shown = format!("{shown}\nhint: {hint}");
    }
    expected.assert_eq(&shown);
}

/// JSON with its fields by name, however a map keeps them.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(entries) => {
            format!("[{}]", entries.iter().map(sorted).collect::<Vec<_>>().join(","))
        }
        value => value.to_string(),
    }
}

fn api(error: ApiError) -> openai_api::Error {
    error.into()
}

#[test]
fn an_error_of_the_server_tells_status_code_and_type() {
    check(
        facade::Error::Backend(api(ApiError::new(401, "wrong key").with_code("invalid_api_key"))),
        expect![[r#"
            the server answered 401 (invalid_api_key): wrong key
            {"attempts":1,"code":"invalid_api_key","kind":"backend","message":"the server answered 401 (invalid_api_key): wrong key","param":null,"request_id":null,"retryable":false,"status":401,"type":null}
            hint: set OPENAI_API_KEY, or `--backend embedded` needs no key"#]],
    );
}

#[test]
fn an_unknown_model_is_told_once() {
    check(
        facade::Error::UnknownModel {
            model: "atune".into(),
            near: vec!["attune-tiny".into()],
            source: api(ApiError::model_not_found("atune")),
        },
        expect![[r#"
            unknown model atune; near names are: attune-tiny
            {"attempts":1,"code":"model_not_found","kind":"backend","message":"unknown model atune; near names are: attune-tiny","param":"model","request_id":null,"retryable":false,"status":404,"type":"invalid_request_error"}
            hint: `attune models` lists the models"#]],
    );
}

#[test]
fn a_cause_that_was_told_already_is_left_out() {
    let inner = anyhow::anyhow!("disk full");
    assert_eq!(chain(&inner.context("could not write: disk full")), "could not write: disk full");
    let inner = anyhow::anyhow!("error 11: disk full").context("disk full").context("no luck");
    assert_eq!(chain(&inner), "no luck: error 11: disk full");
    let inner = anyhow::anyhow!("disk full").context("could not write");
    assert_eq!(chain(&inner), "could not write: disk full");
}

#[test]
fn faults_in_data_are_listed_by_file_line_and_column() {
    let origin = Origin::file_line("a.csv", 3).with_column("completion");
    let problem = Problem::new(origin, "is empty");
    check(
        facade::Error::Training(trainer::Error::invalid_data(problem)),
        expect![[r#"
        a.csv, line 3, column completion: is empty
        {"code":"invalid_data","kind":"training","message":"a.csv, line 3, column completion: is empty","problems":[{"column":"completion","file":"a.csv","line":3,"message":"is empty"}],"retryable":false}
        hint: `attune data check PATH` lists every fault"#]],
    );
}

#[test]
fn a_lost_connection_may_be_tried_again() {
    let error = openai_api::Error::Connect { url: "http://h".into(), source: "refused".into() };
    check(
        facade::Error::Backend(error),
        expect![[r#"
        could not connect to http://h: refused
        {"attempts":1,"code":"connect","kind":"backend","message":"could not connect to http://h: refused","retryable":true}
        hint: is the server up? `--base-url URL` (`--url` of deploy) names it"#]],
    );
}

#[test]
fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    check(
        Usage("--no-wait needs a server".into()),
        expect![[r#"
        --no-wait needs a server
        {"code":"usage","kind":"usage","message":"--no-wait needs a server","retryable":false}"#]],
    );
}
