use proptest::prelude::*;

use super::context::work;
use super::*;

mod contacts;
mod secrets;

/// Finds exactly what stands between `«` and `»`.
#[track_caller]
fn finds(kind: Kind, texts: &[&str]) {
    for marked in texts {
        let mut text = String::new();
        let mut expected = Vec::new();
        for part in marked.split_inclusive(['«', '»']) {
            let start = text.len();
            text.push_str(part.trim_end_matches(['«', '»']));
            if part.ends_with('»') {
                expected.push((kind, start..text.len()));
            }
        }
        let found: Vec<_> = all().find(&text).map(|found| (found.kind, found.range)).collect();
        let shown: Vec<_> =
            found.iter().map(|(kind, range)| (kind, &text[range.clone()])).collect();
        assert_eq!(found, expected, "{marked}: {shown:?}");
    }
}

/// Finds nothing at all.
#[track_caller]
fn passes(texts: &[&str]) {
    for text in texts {
        let found: Vec<_> = find(text).map(|found| (found.kind, &text[found.range])).collect();
        assert_eq!(found, [], "{text}");
    }
}

fn all() -> Search {
    Search::new().with_addresses()
}

#[test]
fn issuers_are_named() {
    for (text, issuer) in [
        ("4111 1111 1111 1111", "Visa"),
        ("2200 0000 0000 0004", "Mir"),
        ("3782 822463 10005", "American Express"),
        ("DE89 3704 0044 0532 0130 00", "DE"),
        ("sk-ant-api03-AbCdEf0123456789AbCdEf0123456789AbCdEf0123456789", "Anthropic"),
        ("sk-proj-AbCdEf0123456789AbCdEf0123456789AbCdEf0123456789", "OpenAI"),
    ] {
        assert_eq!(find(text).next().and_then(|found| found.issuer), Some(issuer), "{text}");
    }
}

#[test]
fn addresses_of_ip_are_found_when_asked_for() {
    let text = "ping 93.184.216.34";
    assert_eq!(find(text).count(), 0);
    assert_eq!(Redactor::new(all()).redact(text), "ping [IP]");
}

#[test]
fn a_text_with_nothing_in_it_is_not_copied() {
    assert!(matches!(redact("The lake is 1,642 m deep."), Cow::Borrowed(_)));
    assert!(matches!(redact(""), Cow::Borrowed(_)));
}

#[test]
fn findings_are_replaced_in_place() {
    let text = "Ann <ann@example.org>, tel. 8 (916) 123-45-67: карта 2200 0000 0000 0004.";
    assert_eq!(redact(text), "Ann <[EMAIL]>, tel. [PHONE]: карта [CARD].");
}

#[test]
fn the_same_finding_has_the_same_number_within_an_example() {
    let mut redactor = Redactor::new(Search::new()).with_numbers();
    let mut redact = |text: &str| redactor.redact(text).into_owned();
    assert_eq!(redact("+1 212 555 0123, a@b.org"), "[PHONE_1], [EMAIL_1]");
    assert_eq!(redact("A@B.org or c@d.org"), "[EMAIL_1] or [EMAIL_2]");
    assert_eq!(redact("+1 (212) 555-0123"), "[PHONE_1]");
    assert_eq!((redactor.count(Kind::Email), redactor.count(Kind::Card)), (2, 0));
    redactor.start_over();
    assert_eq!(redactor.redact("c@d.org"), "[EMAIL_1]");
}

#[test]
fn nothing_shows_the_text() {
    let text = "ann@example.org";
    let mut redactor = Redactor::new(Search::new()).with_numbers();
    redactor.redact(text);
    let mut findings = find(text);
    let shown = format!("{findings:?} {:?} {redactor:?}", findings.clone().next());
    assert!(!shown.contains("example"), "{shown}");
    assert_eq!(findings.next().map(|found| found.kind.to_string()).unwrap(), "e-mail address");
}

/// The bytes looked at for each byte of a text of `size` bytes made of this part.
fn work_on(part: &str, size: usize) -> f64 {
    let text = part.repeat(size / part.len());
    work::take();
    all().find(&text).for_each(drop);
    work::take() as f64 / text.len() as f64
}

#[test]
fn the_work_grows_with_the_length_of_the_text_and_no_faster() {
    for part in [
        "1",
        "@",
        "a",
        "a@",
        "a@a.",
        "@a.",
        "1 ",
        "1-",
        "12-",
        "(",
        "(1",
        "(1)",
        "+",
        "+1",
        "+1 2",
        "1234567 ",
        "tel 1234567 1",
        "sk-",
        "sk-a",
        "sk_live_",
        "eyJ",
        "eyJ.",
        "eyJaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "-",
        "=",
        ":",
        "a=",
        "a:b:",
        "password=",
        "password=a",
        "password: \"",
        "pwd='x",
        "GB82",
        "GB82 ",
        "GB",
        "1.1.1.1.",
        "1:",
        "::",
        "ffff:",
        "4111 1111 1111 1111 1",
        "41111111111111111",
        "8 (916) ",
        "д@",
        "тел. 1",
        "пароль:",
        "a.b@",
        "http://a:b@",
        "xoxb-",
        "_",
        "[EMAIL]",
        "AKIA",
        "1/2/",
        "0 0 0 0 ",
    ] {
        let (short, long) = (work_on(part, 20_000), work_on(part, 200_000));
        assert!(long <= short * 1.05 + 0.1, "{part}: {short} and {long} for a byte");
        assert!(long < 120.0, "{part}: {long} for a byte");
    }
}

/// Texts that are made of what findings are made of.
fn tangle() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "ann",
        "@",
        "example",
        ".org",
        ".",
        "-",
        " ",
        "  ",
        "(",
        ")",
        "+",
        "1",
        "7",
        "0",
        "212",
        "555",
        "0123",
        "916",
        "45",
        "67",
        "4111",
        "1111",
        "2200",
        "0000",
        "0004",
        "8",
        "tel ",
        "phone: ",
        "call ",
        "ssn ",
        "СНИЛС ",
        "ИНН ",
        "7707083893",
        "112-233-445 95",
        "078-05-1121",
        "password",
        "=",
        ":",
        "\"",
        "hunter22",
        "sk-",
        "AbCdEf0123456789AbCdEf0123456789",
        "ghp_",
        "AKIA",
        "eyJ",
        "abcdefghijklmnop",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "\n",
        "GB82",
        "WEST",
        "1234",
        "5698",
        "7654",
        "32",
        "::",
        "fe80",
        "1.2.3.4",
        "é",
        "日本",
        "[",
        "]",
        "_1",
        "[PHONE]",
        "/",
        ",",
        "https://",
        "2024-01-15",
    ]);
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn findings_lie_on_characters_and_one_behind_the_other(text in prop_oneof![tangle(), "\\PC{0,60}"]) {
        let mut end = 0;
        for found in all().find(&text) {
            prop_assert!(found.range.start >= end && found.range.start < found.range.end);
            prop_assert!(text.get(found.range.clone()).is_some());
            end = found.range.end;
        }
    }

    #[test]
    fn redacting_twice_changes_nothing(text in tangle(), numbered: bool) {
        let new = || {
            let redactor = Redactor::new(all());
            if numbered { redactor.with_numbers() } else { redactor }
        };
        let once = new().redact(&text).into_owned();
        prop_assert_eq!(&new().redact(&once), &once);
        prop_assert_eq!(all().find(&once).count(), 0);
    }

    #[test]
    fn each_form_of_a_finding_is_found_in_any_text(before in "[ a-z,.]{0,12}", after in "[ a-z,]{0,12}") {
        for finding in ["ann@example.org", "+44 20 7946 0958", "4111 1111 1111 1111", "DE89370400440532013000"] {
            let text = format!("{before} {finding} {after}");
            let found: Vec<_> = find(&text).map(|found| &text[found.range]).collect();
            prop_assert_eq!(found, [finding]);
        }
    }
}
