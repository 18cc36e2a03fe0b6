//! The functions that templates find without declaring them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::template::budget::{Budget, Fault, Outcome, misuse};
use crate::template::run::{Args, Run, namespace};
use crate::template::value::Value;

pub(super) const NAMES: [&str; 5] =
    ["dict", "namespace", "raise_exception", "range", "strftime_now"];

pub(super) fn call(name: &str, args: &Args, run: &mut Run<'_>) -> Outcome<Value> {
    let budget = &mut run.budget;
    match name {
        "dict" => dict_of(fields(args, budget)?, budget),
        "namespace" => {
            let mut named = Vec::new();
            for (name, value) in fields(args, budget)? {
                value.depth()?;
                if let Value::Text(name) = name {
                    named.push((name, value));
                }
            }
            Ok(namespace(named))
        }
        "raise_exception" => {
            Err(Fault::Refused(args.text(0, "message")?.unwrap_or_default().to_string()))
        }
        "range" => range(args, budget),
        "strftime_now" => match args.text(0, "format")? {
            Some(form) => strftime(&form, run.now, budget),
            None => misuse("calls strftime_now without a format"),
        },
        _ => Err(Fault::Unknown { what: "function", name: name.to_owned() }),
    }
}

/// What `dict(a_dict, name=value)` holds.
fn fields(args: &Args, budget: &mut Budget) -> Outcome<Vec<(Value, Value)>> {
    budget.make_items(2 * args.named.len())?;
    let mut fields = match args.pos.first() {
        None => Vec::new(),
        Some(Value::Dict(dict)) => {
            budget.make_items(2 * dict.entries.len())?;
            dict.entries.clone()
        }
        Some(pairs) => {
            let mut fields = Vec::new();
            for pair in pairs.items(budget)? {
                match &pair.items(budget)?[..] {
                    [key, value] => fields.push((key.clone(), value.clone())),
                    _ => return misuse("makes a dict of what are no pairs"),
                }
            }
            fields
        }
    };
    fields.extend(args.named.iter().map(|(key, value)| (Value::Text(key.clone()), value.clone())));
    Ok(fields)
}

/// A dictionary in which the last of equal keys counts, in the place of the first.
pub(super) fn dict_of(
    fields: impl IntoIterator<Item = (Value, Value)>,
    budget: &mut Budget,
) -> Outcome<Value> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    for (key, value) in fields {
        if matches!(key, Value::List(_) | Value::Dict(_)) {
            return misuse(format!("has a {} for a key", key.kind()));
        }
        budget.make_items(2)?;
        budget.work(entries.len() / 4)?;
        let mut same = None;
        for (place, (known, _)) in entries.iter().enumerate() {
            if known.equals(&key, budget)? {
                same = Some(place);
                break;
            }
        }
        match same {
            Some(place) => entries[place].1 = value,
            None => entries.push((key, value)),
        }
    }
    Value::dict(entries)
}

fn range(args: &Args, budget: &mut Budget) -> Outcome<Value> {
    let (start, stop, step) = match (args.int(0, "start")?, args.int(1, "stop")?) {
        (Some(stop), None) => (0, stop, 1),
        (Some(start), Some(stop)) => (start, stop, args.int(2, "step")?.unwrap_or(1)),
        (None, _) => return misuse("calls range without a number"),
    };
    let far = stop.checked_sub(start).filter(|_| step != 0);
    let Some(length) = far.and_then(|far| far.checked_add(step - step.signum())?.checked_div(step))
    else {
        return misuse("calls range with numbers that make none");
    };
    if length > RANGE {
        return misuse(format!("asks for a range of more than {RANGE} numbers"));
    }
    let length = usize::try_from(length).unwrap_or(0);
    budget.make_items(length)?;
    let numbers = (0..length as i128).map(|i| Value::Int(start + i * step));
    Value::list(numbers.collect())
}

/// Writes a time, in UTC, as C's `strftime` does.
fn strftime(form: &str, now: SystemTime, budget: &mut Budget) -> Outcome<Value> {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (year, month, day) = civil(days);
    let first = days_before(year);
    let weekday = (days + 4) as usize % 7;
    let (weekday, month_name) = (WEEKDAYS[weekday], MONTHS[month - 1]);
    let half = if hour < 12 { "AM" } else { "PM" };
    let mut out = String::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('%') {
        budget.push(&mut out, before)?;
        let mut after = after.chars();
        let padded = match after.next() {
            Some('-') => false,
            Some(_) => {
                after = rest[before.len() + 1..].chars();
                true
            }
            None => return misuse("gives strftime_now a format that ends in %"),
        };
        let number = |number: u64| if padded { format!("{number:02}") } else { number.to_string() };
        let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
        let text = match after.next() {
            Some('Y') => year.to_string(),
            Some('y') => number(year % 100),
            Some('m') => number(month as u64),
            Some('d') => number(day),
            Some('H') => number(hour),
            Some('I') => number(hour12),
            Some('M') => number(minute),
            Some('S') => number(second),
            Some('j') if padded => format!("{:03}", days - first + 1),
            Some('j') => (days - first + 1).to_string(),
            Some('e') => format!("{day:2}"),
            Some('p') => half.to_owned(),
            Some('B') => month_name.to_owned(),
            Some('b' | 'h') => month_name[..3].to_owned(),
            Some('A') => weekday.to_owned(),
            Some('a') => weekday[..3].to_owned(),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T' | 'X') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('Z' | 'z') => String::new(),
            Some('%') => "%".to_owned(),
            _ => return misuse("gives strftime_now a format that is not offered"),
        };
        budget.push(&mut out, &text)?;
        rest = after.as_str();
    }
    budget.push(&mut out, rest)?;
    budget.text(&out)
}

/// Year, month from 1, and day from 1, of a day after 1 January 1970.
fn civil(days: u64) -> (u64, usize, u64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    let mut day = days - days_before(year);
    let leap = days_before(year + 1) - days_before(year) == 366;
    let mut month = 0;
    for length in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month + 1, day + 1)
}

/// How many days lie between 1 January 1970 and that of a later year.
fn days_before(year: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

/// As much as Jinja's sandbox allows.
const RANGE: i128 = 100_000;
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
