//! Days as servers tell them.

use serde_json::Value;

/// The day, `YYYY-MM-DD`, that a date, a date with a time, or seconds since the Unix epoch stand for.
pub(super) fn of_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => of_text(text),
        Value::Number(seconds) => of_seconds(seconds.as_u64()?),
        _ => None,
    }
}

fn of_text(text: &str) -> Option<String> {
    let day = text.trim().get(..10)?;
    let fits = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    fits.then(|| day.to_owned())
}

/// By Howard Hinnant's `civil_from_days`,
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn of_seconds(seconds: u64) -> Option<String> {
    let days = seconds / (24 * 60 * 60) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    // Zero says that nothing is known; what is beyond the year 9999 is no date.
    (seconds > 0 && year <= 9999).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_days() {
        for (seconds, expected) in [
            (1, Some("1970-01-01")),
            (951_782_400, Some("2000-02-29")),
            (1_799_884_800, Some("2027-01-14")),
            (1_830_297_599, Some("2027-12-31")),
            (0, None),
            (u64::MAX, None),
        ] {
            assert_eq!(of_seconds(seconds).as_deref(), expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in ["", "soon", "2027-1-14", "14.01.2027", "2027-01-é", "20270114T00"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        assert_eq!(of_text(" 2027-01-14 00:00 ").as_deref(), Some("2027-01-14"));
    }
}
