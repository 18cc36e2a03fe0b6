//! The methods of Python's `str`, `dict` and `list` that change nothing.

use std::rc::Rc;

use crate::template::budget::{Budget, Fault, Outcome, misuse};
use crate::template::print::print;
use crate::template::run::Args;
use crate::template::value::{Dict, List, Value};

/// The method's name, if values like this have it; `loop.cycle` is one too.
pub(super) fn is_method(value: &Value, name: &str) -> Option<&'static str> {
    let methods: &[&'static str] = match value {
        Value::Text(_) => &TEXT,
        Value::Dict(_) => &["get", "items", "keys", "values", "copy"],
        Value::List(_) => &["count", "index"],
        Value::Loop(_) => &["cycle"],
        _ => &[],
    };
    methods.iter().find(|method| **method == name).copied()
}

pub(super) fn call(
    receiver: &Value,
    method: &'static str,
    args: &Args,
    budget: &mut Budget,
) -> Outcome<Value> {
    match receiver {
        Value::Text(text) => of_text(text, method, args, budget),
        Value::Dict(dict) => of_dict(dict, method, args, budget),
        Value::List(list) => of_list(list, method, args, budget),
        Value::Loop(state) => match args.pos.len() {
            0 => misuse("calls loop.cycle without values"),
            length => Ok(args.pos[state.at.get() % length].clone()),
        },
        _ => Err(Fault::Unknown { what: "method", name: method.to_owned() }),
    }
}

fn of_dict(dict: &Rc<Dict>, method: &str, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    match method {
        "get" => {
            let Some(key) = args.pos.first() else { return misuse("calls get without a key") };
            let found = dict.get(key, budget)?;
            Ok(found.or_else(|| args.pos.get(1).cloned()).unwrap_or(Value::None))
        }
        "copy" => Ok(Value::Dict(dict.clone())),
        "items" => pairs(dict, budget),
        _ => {
            budget.make_items(dict.entries.len())?;
            let keys = method == "keys";
            let part =
                |(key, value): &(Value, Value)| if keys { key.clone() } else { value.clone() };
            Value::list(dict.entries.iter().map(part).collect())
        }
    }
}

/// The entries as a list of tuples.
pub(super) fn pairs(dict: &Dict, budget: &mut Budget) -> Outcome<Value> {
    budget.make_items(6 * dict.entries.len())?;
    let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()]);
    Value::list(dict.entries.iter().map(pair).collect::<Outcome<_>>()?)
}

fn of_list(list: &List, method: &str, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    let Some(wanted) = args.pos.first() else { return misuse("looks for nothing in a list") };
    let mut count = 0;
    for (place, item) in list.items.iter().enumerate() {
        if item.equals(wanted, budget)? {
            if method == "index" {
                return Ok(Value::Int(place as i128));
            }
            count += 1;
        }
    }
    if method == "index" {
        misuse("asks where in a list a missing value is")
    } else {
        Ok(Value::Int(count))
    }
}

fn of_text(text: &str, method: &str, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    budget.look(text)?;
    let all = |test: fn(char) -> bool| Value::Bool(!text.is_empty() && text.chars().all(test));
    match method {
        "strip" | "lstrip" | "rstrip" => {
            let stripped = strip(text, method, args.text(0, "chars")?.as_deref(), budget)?;
            budget.text(stripped)
        }
        "startswith" | "endswith" => {
            let Some(wanted) = args.pos.first() else { return misuse("compares with no text") };
            let wanted = match wanted {
                Value::List(list) => list.items.clone(),
                one => vec![one.clone()],
            };
            budget.work(wanted.len())?;
            let mut holds = false;
            for wanted in &wanted {
                let Value::Text(wanted) = wanted else {
                    return misuse(format!("compares the ends of a str with a {}", wanted.kind()));
                };
                holds |= match method {
                    "startswith" => text.starts_with(&**wanted),
                    _ => text.ends_with(&**wanted),
                };
            }
            Ok(Value::Bool(holds))
        }
        "split" | "rsplit" => {
            let most = match args.int(1, "maxsplit")? {
                Some(most) if most >= 0 => usize::try_from(most).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            split(text, method == "rsplit", args.text(0, "sep")?.as_deref(), most, budget)
        }
        "splitlines" => {
            let keep = args.is_true(0, "keepends");
            texts(
                text.split_inclusive('\n').map(|line| match keep {
                    true => line,
                    false => {
                        let line = line.strip_suffix('\n').unwrap_or(line);
                        line.strip_suffix('\r').unwrap_or(line)
                    }
                }),
                budget,
            )
        }
        "replace" => {
            let (old, new) = (args.text(0, "old")?, args.text(1, "new")?);
            let (Some(old), Some(new)) = (old, new) else { return misuse("replaces no text") };
            replace(text, &old, &new, args.int(2, "count")?, budget)
        }
        "join" => match args.pos.first() {
            Some(values) => join(&values.items(budget)?, text, true, budget),
            None => misuse("joins no list"),
        },
        "upper" | "lower" | "title" | "capitalize" => {
            // A character may become three.
            budget.make(text.len().saturating_mul(3))?;
            let changed = match method {
                "upper" => text.to_uppercase(),
                "lower" => text.to_lowercase(),
                "title" => title(text, |c| !c.is_alphabetic()),
                _ => capitalize(text),
            };
            budget.text(&changed)
        }
        "find" | "rfind" | "count" => {
            let Some(part) = args.text(0, "sub")? else { return misuse("looks for no text") };
            budget.look(&part)?;
            let place = match method {
                "count" if part.is_empty() => {
                    return Ok(Value::Int(text.chars().count() as i128 + 1));
                }
                "count" => return Ok(Value::Int(text.matches(&*part).count() as i128)),
                "find" => text.find(&*part),
                _ => text.rfind(&*part),
            };
            Ok(Value::Int(place.map_or(-1, |place| text[..place].chars().count() as i128)))
        }
        "removeprefix" | "removesuffix" => {
            let Some(part) = args.text(0, "part")? else { return misuse("removes no text") };
            let cut = match method {
                "removeprefix" => text.strip_prefix(&*part),
                _ => text.strip_suffix(&*part),
            };
            budget.text(cut.unwrap_or(text))
        }
        "partition" | "rpartition" => {
            let Some(sep) = args.text(0, "sep")? else { return misuse("splits at no text") };
            let parts = match method {
                "partition" => text.split_once(&*sep).map_or([text, "", ""], |(a, b)| [a, &sep, b]),
                _ => text.rsplit_once(&*sep).map_or(["", "", text], |(a, b)| [a, &sep, b]),
            };
            budget.make_items(3)?;
            Value::tuple(parts.iter().map(|part| budget.text(part)).collect::<Outcome<_>>()?)
        }
        "isdigit" => Ok(all(|c| c.is_ascii_digit())),
        "isalpha" => Ok(all(char::is_alphabetic)),
        "isalnum" => Ok(all(char::is_alphanumeric)),
        "isspace" => Ok(all(is_space)),
        "isupper" => Ok(Value::Bool(
            text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        )),
        "islower" => Ok(Value::Bool(
            text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
        )),
        _ => Err(Fault::Unknown { what: "method", name: method.to_owned() }),
    }
}

/// Python's idea of white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

pub(super) fn strip<'t>(
    text: &'t str,
    side: &str,
    chars: Option<&str>,
    budget: &mut Budget,
) -> Outcome<&'t str> {
    // Each character at the ends is looked for among those to strip.
    if chars.is_some_and(|chars| chars.len() > STRIPPED) {
        return misuse(format!("strips text of more than {STRIPPED} bytes of characters"));
    }
    budget.look(text)?;
    let strippable = |c: char| chars.map_or(is_space(c), |chars| chars.contains(c));
    let mut stripped = text;
    if side != "rstrip" {
        stripped = stripped.trim_start_matches(strippable);
    }
    if side != "lstrip" {
        stripped = stripped.trim_end_matches(strippable);
    }
    Ok(stripped)
}

pub(super) fn replace(
    text: &str,
    old: &str,
    new: &str,
    count: Option<i128>,
    budget: &mut Budget,
) -> Outcome<Value> {
    budget.look(old)?;
    let mut left = match count {
        Some(count) if count >= 0 => usize::try_from(count).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let mut out = String::new();
    let mut copied = 0;
    for (place, found) in text.match_indices(old) {
        if left == 0 {
            break;
        }
        left -= 1;
        budget.push(&mut out, &text[copied..place])?;
        budget.push(&mut out, new)?;
        copied = place + found.len();
    }
    budget.push(&mut out, &text[copied..])?;
    budget.text(&out)
}

/// Joins values; `strict` refuses what is not text, as `str.join` does and the filter does not.
pub(super) fn join(
    values: &[Value],
    between: &str,
    strict: bool,
    budget: &mut Budget,
) -> Outcome<Value> {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            budget.push(&mut out, between)?;
        }
        if strict && !matches!(value, Value::Text(_)) {
            return misuse(format!("joins a value of type {}", value.kind()));
        }
        print(value, &mut out, budget)?;
    }
    budget.text(&out)
}

fn split(
    text: &str,
    from_end: bool,
    sep: Option<&str>,
    most: usize,
    budget: &mut Budget,
) -> Outcome<Value> {
    let pieces = most.saturating_add(1);
    match (sep, from_end) {
        (Some(""), _) => misuse("splits at an empty text"),
        (Some(sep), false) => texts(text.splitn(pieces, sep), budget),
        (Some(sep), true) => reversed(text.rsplitn(pieces, sep), budget),
        (None, false) => {
            let mut rest = text.trim_start_matches(is_space);
            let mut left = most;
            let next = || {
                if rest.is_empty() {
                    return None;
                }
                let end =
                    if left == 0 { rest.len() } else { rest.find(is_space).unwrap_or(rest.len()) };
                left = left.saturating_sub(1);
                let word = &rest[..end];
                rest = rest[end..].trim_start_matches(is_space);
                Some(word)
            };
            texts(std::iter::from_fn(next), budget)
        }
        (None, true) => {
            let mut rest = text.trim_end_matches(is_space);
            let mut left = most;
            let next = || {
                if rest.is_empty() {
                    return None;
                }
                let start = match rest.char_indices().rev().find(|(_, c)| is_space(*c)) {
                    Some((place, space)) if left > 0 => place + space.len_utf8(),
                    _ => 0,
                };
                left = left.saturating_sub(1);
                let word = &rest[start..];
                rest = rest[..start].trim_end_matches(is_space);
                Some(word)
            };
            reversed(std::iter::from_fn(next), budget)
        }
    }
}

fn texts<'t>(parts: impl Iterator<Item = &'t str>, budget: &mut Budget) -> Outcome<Value> {
    let mut items = Vec::new();
    for part in parts {
        budget.make(2 * size_of::<Value>())?;
        items.push(budget.text(part)?);
    }
    Value::list(items)
}

fn reversed<'t>(parts: impl Iterator<Item = &'t str>, budget: &mut Budget) -> Outcome<Value> {
    let mut items = Vec::new();
    for part in parts {
        budget.make(2 * size_of::<Value>())?;
        items.push(budget.text(part)?);
    }
    items.reverse();
    Value::list(items)
}

pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// Makes the first letter of each word large and the others small.
pub(super) fn title(text: &str, ends_word: fn(char) -> bool) -> String {
    let mut out = String::new();
    let mut first = true;
    for c in text.chars() {
        if first {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        first = ends_word(c);
    }
    out
}

/// The places that a slice takes, from a sequence of this length.
pub(super) fn slice_bounds(
    length: usize,
    [start, stop, step]: [Option<i128>; 3],
) -> Outcome<impl Iterator<Item = usize>> {
    let length = length as i128;
    let step = step.unwrap_or(1);
    if step == 0 {
        return misuse("slices in steps of zero");
    }
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |at: Option<i128>, default: i128| match at {
        Some(at) if at < 0 => at.saturating_add(length).clamp(low, high),
        Some(at) => at.clamp(low, high),
        None => default,
    };
    let (start, stop) = match step > 0 {
        true => (bound(start, low), bound(stop, high)),
        false => (bound(start, high), bound(stop, low)),
    };
    let mut at = start;
    Ok(std::iter::from_fn(move || {
        if (step > 0 && at >= stop) || (step < 0 && at <= stop) {
            return None;
        }
        let place = usize::try_from(at).ok();
        at = at.saturating_add(step);
        place
    }))
}

const STRIPPED: usize = 128;
const TEXT: [&str; 27] = [
    "capitalize",
    "count",
    "endswith",
    "find",
    "isalnum",
    "isalpha",
    "isdigit",
    "islower",
    "isspace",
    "isupper",
    "join",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "title",
    "upper",
];
