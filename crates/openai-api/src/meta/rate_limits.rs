//! How much a server will still take, by whatever names it gives the headers that tell it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::meta::Meta;

/// How much a server will still take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Of requests.
    pub requests: Window,
    /// Of tokens.
    pub tokens: Window,
}

/// One of a server's limits; `None` is what it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// How many it takes in a window, mostly a minute long.
    pub limit: Option<u64>,
    /// How many are left of them.
    pub remaining: Option<u64>,
    /// After which time all are free again.
    pub reset: Option<Duration>,
}

impl RateLimits {
    /// What the headers tell that came `now`.
    #[inline]
    pub(super) fn read(meta: &Meta, now: SystemTime) -> Self {
        let read = |dialects: &[Names]| {
            let read = |names| Window::read(meta, names, now);
            dialects.iter().find_map(read).unwrap_or_default()
        };
        Self { requests: read(REQUESTS), tokens: read(TOKENS) }
    }
}

impl Window {
    /// What headers of these names tell, if they are there.
    #[inline]
    fn read(meta: &Meta, names: &Names, now: SystemTime) -> Option<Self> {
        let header = |name| meta.header(name).map(str::trim);
        let [limit, remaining, reset] = *names;
        let count = |name| header(name)?.parse().ok();
        let window = Self {
            limit: count(limit),
            remaining: count(remaining),
            reset: header(reset).and_then(|text| wait(text, now)),
        };
        (window != Self::default()).then_some(window)
    }
}

/// What headers are called: the limit, what is left of it, and when all is free again.
type Names = [&'static str; 3];

/// Of requests; the first that tell anything count.
const REQUESTS: &[Names] = &[
    // OpenAI, https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers; Azure,
    // Groq and Anthropic, where it speaks OpenAI's protocol, follow it.
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    // Mistral, https://github.com/mistralai/client-ts/issues/169.
    [
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-remaining-req-minute",
        "x-ratelimit-reset-req-minute",
    ],
    // Anthropic, https://docs.claude.com/en/api/rate-limits#response-headers, which gateways pass on.
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
    // Cerebras, https://inference-docs.cerebras.ai/support/rate-limits.
    [
        "x-ratelimit-limit-requests-day",
        "x-ratelimit-remaining-requests-day",
        "x-ratelimit-reset-requests-day",
    ],
];

/// Of tokens; the first that tell anything count.
const TOKENS: &[Names] = &[
    // OpenAI and those who follow it.
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    // Mistral and Cerebras.
    [
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-remaining-tokens-minute",
        "x-ratelimit-reset-tokens-minute",
    ],
    // Mistral before it called them so,
    // https://github.com/prism-php/prism/blob/main/src/Providers/Mistral/Concerns/ProcessRateLimits.php.
    ["ratelimitbysize-limit", "ratelimitbysize-remaining", "ratelimitbysize-reset"],
    // Anthropic.
    [
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ],
    // DigitalOcean,
    // https://docs.digitalocean.com/products/inference/reference/quota-specific-response-headers/.
    [
        "x-ratelimit-limit-tokens-per-minute",
        "x-ratelimit-remaining-tokens-per-minute",
        "x-ratelimit-reset-tokens-per-minute",
    ],
];

/// How long it is until a limit is reset: told as a duration, as OpenAI does, as a time of RFC 3339,
/// as Anthropic does, or as a Unix time, as `DigitalOcean` does.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let Some(time) = time(text) else { return duration(text) };
    let time = UNIX_EPOCH.checked_add(time)?;
    Some(time.duration_since(now).unwrap_or_default())
}

/// The time since the Unix epoch that a text stands for, if it is that of a day since 2001.
fn time(text: &str) -> Option<Duration> {
    if text.contains('T') {
        return date(text);
    }
    let seconds = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    let is_one = |time: &Duration| time.as_secs() > EARLIEST_TIME;
    // Some count milliseconds.
    let seconds = if is_one(&(seconds / 1000)) { seconds / 1000 } else { seconds };
    Some(seconds).filter(is_one)
}

/// Reads a time as RFC 3339 has it, such as `2026-01-31T12:00:00Z`, to the second.
///
/// Days are counted by Howard Hinnant's `days_from_civil`,
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn date(text: &str) -> Option<Duration> {
    let number = |start: usize, end: usize| -> Option<u64> {
        let digits = text.get(start..end)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // What follows is a fraction, which is left out, and how far it is from UTC.
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let (is_ahead, ahead) = match zone.as_bytes().first()? {
        b'Z' => (true, 0),
        sign @ (b'+' | b'-') => {
            let start = text.len() - zone.len() + 1;
            let ahead = 60 * number(start, start + 2)? + number(start + 3, start + 5)?;
            (*sign == b'+', 60 * ahead)
        }
        _ => return None,
    };
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let local = days * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = if is_ahead { local.checked_sub(ahead)? } else { local + ahead };
    Some(Duration::from_secs(seconds))
}

/// Reads a duration as OpenAI writes it, such as `6m0s`, `1.5s` or `120ms`; a bare number counts
/// as seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let seconds = match unit.trim() {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" | "" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let piece = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        whole = whole.checked_add(piece)?;
        rest = after;
    }
    Some(whole)
}

/// In seconds: more cannot be a wait.
const EARLIEST_TIME: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_limits_are_read_from_the_headers() {
        let meta = Meta::new(
            200,
            [
                ("X-RateLimit-Limit-Requests", "60"),
                ("x-ratelimit-limit-tokens", "150000"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-request-id", "req_1"),
            ],
        );
        let RateLimits { requests, tokens } = meta.rate_limits();
        assert_eq!((requests.limit, requests.remaining), (Some(60), Some(59)));
        assert_eq!(requests.reset, Some(Duration::from_secs(1)));
        assert_eq!((tokens.limit, tokens.remaining), (Some(150_000), None));
        assert_eq!(tokens.reset, Some(Duration::from_secs(360)));
        assert_eq!(meta.request_id(), Some("req_1"));
        assert_eq!(Meta::new(200, []).rate_limits(), RateLimits::default());
    }

    #[test]
    fn durations_are_read_as_servers_write_them() {
        for (text, milliseconds) in [
            ("1s", 1000),
            ("6m0s", 360_000),
            ("120ms", 120),
            ("1.5s", 1500),
            ("2h3m4s", 7_384_000),
            ("7", 7000),
            ("7.66s", 7660),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "soon", "-1s", "1x", "s", "1e400", "1..2s", "9999999999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    /// The 2026-01-31T12:00:00Z.
    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_769_860_800)
    }

    #[test]
    fn a_time_is_turned_into_a_wait() {
        for (text, seconds) in [
            ("2026-01-31T12:00:07Z", 7),
            ("2026-01-31T12:01:00.75Z", 60),
            ("2026-01-31T14:00:07+02:00", 7),
            ("2026-01-31T08:30:07-03:30", 7),
            ("2026-02-01T12:00:00Z", 86_400),
            ("2026-03-01T00:00:00Z", 28 * 86_400 + 43_200),
            ("2028-02-29T12:00:00Z", 759 * 86_400),
            // What is over is over.
            ("2026-01-31T11:59:59Z", 0),
            ("1769860807", 7),
            ("1769860807.25", 7),
            ("1769860807000", 7),
            ("1769860799", 0),
            ("7", 7),
            ("86400", 86_400),
        ] {
            let told = wait(text, noon()).map(|wait| wait.as_secs());
            assert_eq!(told, Some(seconds), "{text}");
        }
        for text in ["T", "2026-01-31T12:00:07", "2026-13-31T12:00:07Z", "20260131T120007Z"] {
            assert_eq!(wait(text, noon()), None, "{text}");
        }
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], requests: [u64; 3], tokens: [u64; 3]) {
        let told = RateLimits::read(&Meta::new(200, headers.iter().copied()), noon());
        let numbers = |window: Window| {
            [window.limit, window.remaining, window.reset.map(|reset| reset.as_secs())]
                .map(|number| number.unwrap_or(NOT_TOLD))
        };
        assert_eq!((numbers(told.requests), numbers(told.tokens)), (requests, tokens));
    }

    const NOT_TOLD: u64 = u64::MAX;

    #[test]
    fn each_servers_names_are_known() {
        let mistral = [
            ("x-ratelimit-limit-tokens-minute", "5000000"),
            ("x-ratelimit-remaining-tokens-minute", "4999911"),
            ("x-ratelimit-tokens-query-cost", "52"),
            ("x-ratelimit-limit-req-minute", "720"),
            ("x-ratelimit-remaining-req-minute", "717"),
        ];
        check(&mistral, [720, 717, NOT_TOLD], [5_000_000, 4_999_911, NOT_TOLD]);
        let mistral_before = [
            ("ratelimitbysize-limit", "500000"),
            ("ratelimitbysize-remaining", "499900"),
            ("ratelimitbysize-reset", "28"),
        ];
        check(&mistral_before, [NOT_TOLD; 3], [500_000, 499_900, 28]);
        let anthropic = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-01-31T12:00:02Z"),
            ("anthropic-ratelimit-tokens-limit", "36000"),
            ("anthropic-ratelimit-tokens-remaining", "35000"),
            ("anthropic-ratelimit-tokens-reset", "2026-01-31T12:00:01Z"),
        ];
        check(&anthropic, [50, 49, 2], [36_000, 35_000, 1]);
        let azure = [
            ("x-ratelimit-remaining-requests", "99"),
            ("x-ratelimit-remaining-tokens", "99984"),
            // Beside which a gateway tells what its own upstream said.
            ("anthropic-ratelimit-tokens-remaining", "1"),
        ];
        check(&azure, [NOT_TOLD, 99, NOT_TOLD], [NOT_TOLD, 99_984, NOT_TOLD]);
        let cerebras = [
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.4"),
            ("x-ratelimit-limit-tokens-minute", "60000"),
            ("x-ratelimit-remaining-tokens-minute", "59000"),
            ("x-ratelimit-reset-tokens-minute", "11.4"),
        ];
        check(&cerebras, [14_400, 14_399, 33_011], [60_000, 59_000, 11]);
        let digital_ocean = [
            ("x-ratelimit-limit-requests", "120"),
            ("x-ratelimit-remaining-requests", "119"),
            ("x-ratelimit-reset-requests", "1769860801"),
            ("x-ratelimit-limit-tokens-per-minute", "60000"),
            ("x-ratelimit-remaining-tokens-per-minute", "59000"),
            ("x-ratelimit-reset-tokens-per-minute", "1769860809"),
        ];
        check(&digital_ocean, [120, 119, 1], [60_000, 59_000, 9]);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_reading_it_panic(name: String, value: String, text in "[0-9.dhmsn µ]{0,9}",
            time in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,4})?(Z|[+-][0-9:]{0,5})",
        ) {
            let _ = Meta::new(200, [(name.as_str(), value.as_str())]).rate_limits();
            let _ = duration(&value);
            let _ = duration(&text);
            let _ = wait(&value, noon());
            let _ = wait(&time, noon());
        }
    }
}
