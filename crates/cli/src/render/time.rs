//! Moments, as people write and read them.

use std::time::SystemTime;

use dialogue_store::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

/// Reads a date, a date with a time, or how long ago: `2026-08-31`, `2026-08-31T12:00`, `7d`.
///
/// Without an offset it is local time.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, &Zoned::now())
}

/// A moment in local time, to the minute.
pub(crate) fn show(at: Timestamp) -> String {
    show_in(at, TimeZone::system())
}

/// A moment given in seconds since the Unix epoch; a dash for 0, which says nothing.
pub(crate) fn show_unix(seconds: u64) -> String {
    match i64::try_from(seconds.saturating_mul(1000)) {
        Ok(millis) if millis > 0 => show(Timestamp::from_unix_millis(millis)),
        _ => "-".to_owned(),
    }
}

fn parse_at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let moment = ago(text, now)
        .or_else(|| Some(SystemTime::from(text.parse::<jiff::Timestamp>().ok()?)))
        .or_else(|| {
            let local: DateTime = text.parse().ok()?;
            Some(local.to_zoned(now.time_zone().clone()).ok()?.timestamp().into())
        });
    moment.map(Timestamp::from).ok_or_else(|| {
        "must be a date or time such as 2026-08-31 or 2026-08-31T12:00, or how long ago: 7d, 12h, \
         30m"
        .to_owned()
    })
}

fn ago(text: &str, now: &Zoned) -> Option<SystemTime> {
    let unit = text.chars().next_back().filter(char::is_ascii)?;
    let n: i64 = text[..text.len() - 1].parse().ok().filter(|n| *n >= 0)?;
    let seconds = match unit {
        'w' => 7 * 24 * 3600,
        'd' => 24 * 3600,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let before = SignedDuration::from_secs(n.checked_mul(seconds)?);
    Some(now.timestamp().checked_sub(before).ok()?.into())
}

fn show_in(at: Timestamp, zone: TimeZone) -> String {
    jiff::Timestamp::from_millisecond(at.as_unix_millis()).map_or_else(
        |_| at.to_string(),
        |at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let now: Zoned = "2026-08-31T12:00:00+08:00[+08:00]".parse().unwrap();
        let shown = parse_at(text, &now).map_or_else(|e| e, |at| at.to_string());
        assert!(shown.starts_with(expected), "{text}: {shown}");
    }

    #[test]
    fn moments_are_read_in_local_time_unless_they_say_where() {
        check("2026-08-31", "2026-08-30T16:00:00");
        check("2026-08-31T12:30", "2026-08-31T04:30:00");
        check("2026-08-31 12:30:15", "2026-08-31T04:30:15");
        check("2026-08-31T12:30:00Z", "2026-08-31T12:30:00");
    }

    #[test]
    fn how_long_ago_is_counted_from_now() {
        check("7d", "2026-08-24T04:00:00");
        check("90m", "2026-08-31T02:30:00");
        check("0s", "2026-08-31T04:00:00");
    }

    #[test]
    fn what_is_no_moment_is_refused_with_examples() {
        for text in ["", "yesterday", "-7d", "7y", "2026-13-01", "99999999999999999d", "7д"] {
            check(text, "must be a date or time such as");
        }
    }

    #[test]
    fn moments_are_shown_to_the_minute() {
        let at = Timestamp::from_unix_millis(1_754_558_102_125);
        assert_eq!(show_in(at, TimeZone::UTC), "2025-08-07 09:15");
        assert_eq!(show_unix(0), "-");
    }
}
