//! The format cases of web-platform-tests, folder `eventsource`.
//!
//! Each has the name of its file there. A stream is what the file's server sends: `message.py` adds
//! two line feeds unless it is asked not to, and then another. Left out are those that are about HTTP
//! and not the format: `format-mime-bogus`, `format-mime-valid-bogus` and
//! `format-mime-trailing-semicolon` about the content type; of `format-utf-8` that a `charset` in the
//! content type is without effect; of `format-field-id…` that `Last-Event-ID` is sent, and of
//! `format-field-retry…` that the time is kept.

use std::time::Duration;

use crate::sse::tests::{decode, in_all_pieces};

/// A stream, its events as kind, data and last event id, and the time to wait before connecting
/// again, in milliseconds.
#[track_caller]
fn check(stream: &str, events: &[(&str, &str, &str)], retry: Option<u64>) {
    in_all_pieces(stream.as_bytes(), |pieces| {
        let outcome = decode(pieces, usize::MAX, false);
        let told: Vec<_> = outcome
            .events
            .iter()
            .map(|event| {
                [&event.kind, &event.data, &event.id].map(|part| str::from_utf8(part).unwrap())
            })
            .collect();
        let expected: Vec<_> = events.iter().map(|&(kind, data, id)| [kind, data, id]).collect();
        assert_eq!(told, expected, "{stream:?} in {} pieces", pieces.len());
        assert_eq!(outcome.retry, retry.map(Duration::from_millis), "{stream:?}");
    });
}

/// Events that have nothing but data.
#[track_caller]
fn check_data(stream: &str, data: &[&str]) {
    let events: Vec<_> = data.iter().map(|data| ("", *data, "")).collect();
    check(stream, &events, None);
}

#[test]
fn format_bom() {
    check_data("\u{feff}data:1\n\n\u{feff}data:2\n\ndata:3\n\n\n", &["1", "3"]);
}

#[test]
fn format_bom_2() {
    check_data("\u{feff}\u{feff}data:1\n\ndata:2\n\ndata:3\n\n\n", &["2", "3"]);
}

#[test]
fn format_comments() {
    let long = "x".repeat(2 * 1024);
    check_data(
        &format!("data:1\r:\0\n:\r\ndata:2\n:{long}\rdata:3\n:data:fail\r:{long}\ndata:4\n\n"),
        &["1\n2\n3\n4"],
    );
}

#[test]
fn format_data_before_final_empty_line() {
    check("retry:1000\ndata:test1\n\nid:test\ndata:test2\n", &[("", "test1", "")], Some(1000));
}

#[test]
fn format_field_data() {
    check_data("data:\n\ndata\ndata\n\ndata:test\n\n\n", &["", "\n", "test"]);
}

#[test]
fn format_field_event() {
    check("event:test\ndata:x\n\ndata:x\n\n\n", &[("test", "x", ""), ("", "x", "")], None);
}

#[test]
fn format_field_event_empty() {
    check_data("event: \ndata:data\n\n\n", &["data"]);
}

#[test]
fn format_field_id() {
    check("id: …\nretry: 200\ndata: hello\n\n", &[("", "hello", "…")], Some(200));
}

#[test]
fn format_field_id_2() {
    check(
        "id: …\nretry: 200\ndata: hello\n\ndata: …\n\ndata: …\n\n",
        &[("", "hello", "…"), ("", "…", "…"), ("", "…", "…")],
        Some(200),
    );
}

#[test]
fn format_field_id_3() {
    let persists = [("", "1", "1"), ("", "2", "1")];
    check("id: 1\ndata: 1\n\ndata:2\n\n", &persists, None);
    let changes_and_persists = [("", "1", "1"), ("", "2", "2"), ("", "3", "2")];
    check("id: 1\ndata: 1\n\nid: 2\ndata:2\n\ndata:3\n\n", &changes_and_persists, None);
    let resets = [("", "1", "1"), ("", "2", ""), ("", "3", "")];
    check("id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n", &resets, None);
    check("id: 1\ndata: 1\n\nid\ndata:2\n\ndata:3\n\n", &resets, None);
}

#[test]
fn format_field_id_null() {
    for id in ["\0\0", "x\0", "\0x", "x\0x", " \0"] {
        let stream = format!("id: {id}\nretry: 200\ndata: hello\n\n");
        check(&stream, &[("", "hello", "")], Some(200));
    }
}

#[test]
fn format_field_parsing() {
    check_data(
        "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
        &["\0\n 2\n1\n3\n\n4"],
    );
}

#[test]
fn format_field_retry() {
    check("retry:03000\ndata:x\n\n\n", &[("", "x", "")], Some(3000));
}

#[test]
fn format_field_retry_bogus() {
    check("retry:3000\nretry:1000x\ndata:x\n\n\n", &[("", "x", "")], Some(3000));
}

#[test]
fn format_field_retry_empty() {
    check_data("retry\ndata:test\n\n\n", &["test"]);
}

#[test]
fn format_field_unknown() {
    check_data(
        "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n\n",
        &["test\n\ntest"],
    );
}

#[test]
fn format_leading_space() {
    check_data("data:\ttest\rdata: \ndata:test\n\n\n", &["\ttest\n\ntest"]);
}

#[test]
fn format_newlines() {
    check_data("data:test\r\ndata\ndata:test\r\n\r\n", &["test\n\ntest"]);
}

#[test]
fn format_null_character() {
    check_data("data:\0\n\n\n\n\n", &["\0"]);
}

#[test]
fn format_utf_8() {
    check_data("data:ok…\n\n\n", &["ok…"]);
}

#[test]
fn event_data() {
    check_data(
        "data:msg\ndata: msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\ndata\n\ndata:end\n\n",
        &["msg\nmsg", "", "end"],
    );
}
