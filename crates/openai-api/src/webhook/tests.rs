//! A call is believed if it is signed, recent and unchanged, and not otherwise.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A call that a server signed.
struct Call {
    secret: &'static str,
    id: &'static str,
    timestamp: u64,
    body: &'static str,
    signature: &'static str,
}

/// From the tests of OpenAI's own client:
/// <https://github.com/openai/openai-python/blob/main/tests/lib/test_webhooks.py>.
const OPENAI: Call = Call {
    secret: "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
    id: "wh_685c059ae39c8190af8c71ed1022a24d",
    timestamp: 1_750_861_210,
    body: r#"{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, "type": "response.completed", "data": {"id": "resp_123"}}"#,
    signature: "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=",
};

impl Call {
    fn headers(&self) -> [(&'static str, String); 3] {
        [
            (ID, self.id.to_owned()),
            (TIMESTAMP, self.timestamp.to_string()),
            (SIGNATURE, self.signature.to_owned()),
        ]
    }

    fn verifier(&self) -> WebhookVerifier {
        WebhookVerifier::new(self.secret).unwrap()
    }

    fn at(&self) -> SystemTime {
        at(self.timestamp)
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Verifies [`OPENAI`] with another value of one header.
fn with_header(name: &str, value: &str) -> Result<WebhookEvent, WebhookError> {
    let headers = OPENAI
        .headers()
        .map(|(known, own)| (known, if known == name { value.to_owned() } else { own }));
    OPENAI.verifier().verify_at(headers, OPENAI.body.as_bytes(), OPENAI.at())
}

#[test]
fn a_call_of_openai_is_verified_and_read() {
    let event = OPENAI.verifier().verify_at(OPENAI.headers(), OPENAI.body.as_bytes(), OPENAI.at());
    let event = event.unwrap();
    assert_eq!(event.kind, WebhookEventKind::ResponseCompleted);
    assert_eq!((event.data.id.as_str(), event.created_at), ("resp_123", 1_750_861_210));
    assert_eq!(event.webhook_id, OPENAI.id);
}

/// From the tests of the reference libraries, in JavaScript (`webhook.test.ts`) and Rust
/// (`lib.rs`): <https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries>.
#[test]
fn what_the_reference_libraries_sign_is_signed_the_same() {
    let reference = [
        Call {
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: r#"{"test": 2432232314}"#,
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        Call {
            secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            timestamp: 1_649_367_553,
            body: r#"{"email":"test@example.com","username":"test_user"}"#,
            signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        },
    ];
    for call in reference {
        let (verifier, body) = (call.verifier(), call.body.as_bytes());
        assert_eq!(verifier.sign(call.id, call.at(), body), call.signature);
        // Their signatures hold, but their bodies are no events.
        let error = verifier.verify_at(call.headers(), body, call.at()).unwrap_err();
        assert!(matches!(error, WebhookError::Body(_)), "{error}");
    }
}

#[test]
fn every_webhook_of_the_specification_is_read_and_written_back_as_it_came() {
    let examples = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec/examples.json"));
    let examples: Vec<serde_json::Value> = serde_json::from_slice(&examples.unwrap()).unwrap();
    let mut seen = 0;
    for example in examples.iter().filter(|example| example["part"] == "webhook") {
        let body = example["body"].to_string();
        let verifier = OPENAI.verifier();
        let headers = [
            (ID, "wh_1".to_owned()),
            (TIMESTAMP, "1719168000".to_owned()),
            (SIGNATURE, verifier.sign("wh_1", at(1_719_168_000), body.as_bytes())),
        ];
        let event = verifier.verify_at(headers, body.as_bytes(), at(1_719_168_000)).unwrap();
        assert!(!matches!(event.kind, WebhookEventKind::Other(_)), "{}", event.kind);
        assert_eq!(serde_json::to_value(&event).unwrap(), example["body"]);
        seen += 1;
    }
    assert!(seen >= 16, "{seen}");
}

#[test]
fn an_event_of_an_unknown_kind_is_kept() {
    let body = br#"{"id":"evt_1","type":"moon.risen","data":{"id":"moon_1","phase":0.5},"seq":1}"#;
    let verifier = OPENAI.verifier();
    let headers =
        [(ID, "wh_1"), (TIMESTAMP, "7"), (SIGNATURE, &verifier.sign("wh_1", at(7), body))];
    let event = verifier.verify_at(headers, body, at(7)).unwrap();
    assert_eq!((event.kind.as_str(), event.data.id.as_str()), ("moon.risen", "moon_1"));
    let written: serde_json::Value = serde_json::to_value(&event).unwrap();
    assert_eq!(written, serde_json::from_slice::<serde_json::Value>(body).unwrap());
}

#[test]
fn headers_may_come_as_any_pairs_in_any_case() {
    let (verifier, body) = (OPENAI.verifier(), OPENAI.body.as_bytes());
    let map: HashMap<String, String> = OPENAI
        .headers()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_uppercase(), value))
        .collect();
    verifier.verify_at(&map, body, OPENAI.at()).unwrap();
    let bytes: Vec<(&str, Vec<u8>)> =
        OPENAI.headers().into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    verifier.verify_at(bytes, body, OPENAI.at()).unwrap();
}

#[cfg(feature = "http")]
#[test]
fn headers_may_come_as_a_header_map() {
    let headers: http::HeaderMap = OPENAI
        .headers()
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<HashMap<http::HeaderName, http::HeaderValue>>()
        .into_iter()
        .collect();
    OPENAI.verifier().verify_at(&headers, OPENAI.body.as_bytes(), OPENAI.at()).unwrap();
}

#[test]
fn a_header_that_is_missing_is_named() {
    let all = OPENAI.headers();
    for header in [ID, TIMESTAMP, SIGNATURE] {
        let headers = all.iter().filter(|(name, _)| *name != header).map(|(n, v)| (n, v));
        let error = OPENAI.verifier().verify_at(headers, OPENAI.body.as_bytes(), OPENAI.at());
        assert_eq!(error.unwrap_err(), WebhookError::MissingHeader { header });
    }
}

#[test]
fn a_timestamp_that_is_no_number_of_seconds_is_told() {
    for text in ["", "soon", "-1", "1.5", "1750861210 ", "99999999999999999999999", "\u{661}"] {
        assert_eq!(with_header(TIMESTAMP, text), Err(WebhookError::BadTimestamp), "{text:?}");
    }
}

#[test]
fn a_call_is_believed_within_the_tolerance_on_either_side() {
    let verify = |verifier: &WebhookVerifier, now| {
        verifier.verify_at(OPENAI.headers(), OPENAI.body.as_bytes(), at(now)).map(|_| ())
    };
    let by = Duration::from_secs(301);
    let verifier = OPENAI.verifier();
    for (now, expected) in [
        (OPENAI.timestamp, Ok(())),
        (OPENAI.timestamp + 300, Ok(())),
        (OPENAI.timestamp - 300, Ok(())),
        (OPENAI.timestamp + 301, Err(WebhookError::TooOld { by })),
        (OPENAI.timestamp - 301, Err(WebhookError::TooNew { by })),
    ] {
        assert_eq!(verify(&verifier, now), expected);
    }
    let strict = verifier.with_tolerance(Duration::from_secs(10));
    let by = Duration::from_secs(11);
    assert_eq!(verify(&strict, OPENAI.timestamp + 11), Err(WebhookError::TooOld { by }));
    assert_eq!(verify(&strict, OPENAI.timestamp + 10), Ok(()));
}

#[test]
fn one_signature_among_several_is_enough() {
    let other = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let several = format!("{other} v1a,hnO3f9T8Ytu9 v2, {} x  {other}", OPENAI.signature);
    with_header(SIGNATURE, &several).unwrap();
}

#[test]
fn what_is_no_signature_of_a_known_secret_is_refused() {
    let good = OPENAI.signature;
    for signature in [
        "".to_owned(),
        "v1,".to_owned(),
        good[..good.len() - 1].to_owned(),
        // Of a comparison that ends with the shorter one, the first bytes would do.
        good[..7].to_owned(),
        good.replace("v1,", ""),
        good.replace("v1,", "v1a,"),
        good.replace("v1,", "v2,"),
        format!("{good}="),
        format!("{good},{good}"),
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=".to_owned(),
    ] {
        assert_eq!(with_header(SIGNATURE, &signature), Err(WebhookError::NoMatch), "{signature}");
    }
}

#[test]
fn while_secrets_change_either_is_accepted() {
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for verifier in [
        OPENAI.verifier().with_secret(other).unwrap(),
        WebhookVerifier::new(other).unwrap().with_secret(OPENAI.secret).unwrap(),
    ] {
        verifier.verify_at(OPENAI.headers(), OPENAI.body.as_bytes(), OPENAI.at()).unwrap();
    }
    let verifier = WebhookVerifier::new(other).unwrap();
    let error = verifier.verify_at(OPENAI.headers(), OPENAI.body.as_bytes(), OPENAI.at());
    assert_eq!(error, Err(WebhookError::NoMatch));
}

#[test]
fn what_cannot_be_a_secret_is_refused_and_not_shown() {
    for secret in [
        "",
        "whsec_",
        "whsec_???",
        "whsk_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
        "RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
        // Cut off while it was copied.
        "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7a",
    ] {
        assert_eq!(WebhookVerifier::new(secret).unwrap_err(), WebhookError::BadSecret, "{secret}");
    }
    WebhookVerifier::new(&format!(" {}\n", OPENAI.secret)).unwrap();
}

#[test]
fn neither_debug_nor_an_error_shows_secret_signature_or_body() {
    let verifier = OPENAI.verifier();
    expect_test::expect!["WebhookVerifier { secrets: 1, tolerance: 300s }"]
        .assert_eq(&format!("{verifier:?}"));
    let body = br#"{"type":"response.completed","created_at":["between us"]}"#;
    let headers =
        [(ID, "wh_1"), (TIMESTAMP, "7"), (SIGNATURE, &verifier.sign("wh_1", at(7), body))];
    let error = verifier.verify_at(headers, body, at(7)).unwrap_err();
    assert!(!format!("{error:?}").contains("between us"));
    expect_test::expect!["the JSON has another shape than expected at line 1, column 43"]
        .assert_eq(&std::error::Error::source(&error).unwrap().to_string());
}

/// A call in bytes, so that any of them can be changed.
fn bytes() -> [Vec<u8>; 4] {
    let [(_, id), (_, timestamp), (_, signature)] = OPENAI.headers();
    [id.into(), timestamp.into(), signature.into(), OPENAI.body.into()]
}

fn verify(secret: &str, [id, timestamp, signature, body]: &[Vec<u8>; 4]) -> bool {
    let headers = [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)];
    // However wide the window, a call is its own only with its own timestamp.
    let verifier = WebhookVerifier::new(secret).unwrap().with_tolerance(Duration::MAX);
    verifier.verify_at(headers, body, OPENAI.at()).is_ok()
}

#[test]
fn a_call_with_any_bit_flipped_is_refused() {
    assert!(verify(OPENAI.secret, &bytes()));
    for piece in 0..4 {
        for bit in 0..bytes()[piece].len() * 8 {
            let mut call = bytes();
            call[piece][bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(OPENAI.secret, &call), "bit {bit} of piece {piece}");
        }
    }
}

#[test]
fn a_call_by_a_secret_with_any_bit_flipped_is_refused() {
    let secret = STANDARD.decode(OPENAI.secret.trim_start_matches("whsec_")).unwrap();
    for bit in 0..secret.len() * 8 {
        let mut other = secret.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&format!("whsec_{}", STANDARD.encode(other)), &bytes()), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_verifying_panic(
        secret in "(whsec_)?[A-Za-z0-9+/=]{0,50}",
        names in prop::collection::vec("(?i)webhook-(id|timestamp|signature)|.{0,9}", 0..6),
        values in prop::collection::vec(any::<Vec<u8>>(), 6),
        timestamp in any::<u64>(),
        body: Vec<u8>,
        tolerance: Duration,
        now in 0..u64::from(u32::MAX),
    ) {
        let stamp = (TIMESTAMP.to_owned(), timestamp.to_string().into_bytes());
        let headers = names.into_iter().zip(values).chain([stamp]);
        let verifier = WebhookVerifier::new(&secret).unwrap_or(OPENAI.verifier());
        let verified = verifier.with_tolerance(tolerance).verify_at(headers, &body, at(now));
        prop_assert!(verified.is_err());
    }

    #[test]
    fn what_is_signed_is_verified(id in "[a-z0-9_]{0,40}", about: String, now in 0..u64::from(u32::MAX)) {
        let event = WebhookEvent::new("evt_1", now, WebhookEventKind::BatchCompleted, about);
        let body = serde_json::to_vec(&event).unwrap();
        let verifier = OPENAI.verifier();
        let headers = [
            (ID, id.clone()),
            (TIMESTAMP, now.to_string()),
            (SIGNATURE, verifier.sign(&id, at(now), &body)),
        ];
        let verified = verifier.verify_at(headers, &body, at(now)).unwrap();
        prop_assert_eq!(&verified.webhook_id, &id);
        prop_assert_eq!(verified.delivered_as(String::new()), event);
    }
}
