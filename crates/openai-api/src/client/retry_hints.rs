//! What a server says about trying again.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long the server asks to wait: `retry-after-ms` or, of Azure, `x-ms-retry-after-ms`, else
/// `retry-after` as seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = |name| seconds(text(name)?, 1e-3);
    let precise = ["retry-after-ms", "x-ms-retry-after-ms"].into_iter().find_map(milliseconds);
    precise.or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        seconds(text, 1.0).or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        })
    })
}

/// The server's own word on whether to try again.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Option<Duration>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(&headers, now), expected);
    }

    #[test]
    fn a_wait_is_told_in_milliseconds_in_seconds_or_as_a_date() {
        check(&[("retry-after-ms", "1500")], Some(Duration::from_millis(1500)));
        check(
            &[("retry-after", "2"), ("x-ms-retry-after-ms", "1500")],
            Some(Duration::from_millis(1500)),
        );
        check(&[("retry-after-ms", "0.5")], Some(Duration::from_micros(500)));
        check(&[("retry-after", "20")], Some(Duration::from_secs(20)));
        check(&[("retry-after", " 0.25 ")], Some(Duration::from_millis(250)));
        check(&[("retry-after", "86400")], Some(Duration::from_secs(86_400)));
        let date = "Sun, 06 Nov 1994 08:50:37 GMT";
        check(&[("retry-after", date)], Some(Duration::from_secs(60)));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(Duration::ZERO));
        check(&[("retry-after", "9"), ("retry-after-ms", "10")], Some(Duration::from_millis(10)));
        check(&[("retry-after", "9"), ("retry-after-ms", "soon")], Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_wait_that_makes_no_sense_is_none() {
        for value in ["", "soon", "-1", "NaN", "inf", "1e300", "\u{e4}", "Nov 1994"] {
            if let Ok(value) = value.parse() {
                let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
                assert_eq!(retry_after(&headers, SystemTime::now()), None);
            }
        }
        check(&[], None);
    }

    #[test]
    fn only_true_and_false_are_a_word_on_trying_again() {
        for (value, expected) in
            [("true", Some(true)), ("false", Some(false)), ("perhaps", None), ("", None)]
        {
            let name = "x-should-retry".parse().unwrap();
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            assert_eq!(should_retry(&headers), expected, "{value}");
        }
    }
}
