//! Jinja's filters and tests.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::template::budget::{Budget, Fault, Outcome, misuse};
use crate::template::methods::{capitalize, is_space, join, pairs, replace, strip, title};
use crate::template::operators::{add, percent};
use crate::template::print::{Json, json, print};
use crate::template::run::{Args, Run};
use crate::template::value::Value;

impl Run<'_> {
    /// `value | name(args)`.
    #[inline(never)]
    pub(super) fn filter(&mut self, name: &str, value: Value, args: &Args) -> Outcome<Value> {
        match name {
            "default" | "d" => {
                let missing = matches!(value, Value::Undefined)
                    || (args.is_true(1, "boolean") && !value.is_true());
                let default = || args.get(0, "default_value").cloned();
                if !missing {
                    return Ok(value);
                }
                default().map_or_else(|| self.budget.text(""), Ok)
            }
            "safe" => Ok(value),
            "map" | "select" | "reject" | "selectattr" | "rejectattr" => {
                self.over_items(name, &value, args)
            }
            "first" | "last" | "list" | "reverse" | "sort" | "unique" | "sum" | "min" | "max"
            | "join" | "length" | "count" | "items" | "dictsort" => {
                self.of_many(name, &value, args)
            }
            "abs" | "int" | "float" | "round" => of_number(name, &value, args),
            "tojson" => to_json(&value, args, &mut self.budget),
            _ => {
                let budget = &mut self.budget;
                let mut text = String::new();
                print(&value, &mut text, budget)?;
                of_text(name, &text, args, budget)
            }
        }
    }

    fn over_items(&mut self, name: &str, value: &Value, args: &Args) -> Outcome<Value> {
        let items = value.items(&mut self.budget)?;
        self.budget.enter()?;
        let mut kept = Vec::new();
        let by_attribute = name.ends_with("attr");
        let attribute = match name {
            "map" => args.get(usize::MAX, "attribute").cloned(),
            _ if by_attribute => args.pos.first().cloned(),
            _ => None,
        };
        let default = match name {
            "map" => args.get(usize::MAX, "default").cloned(),
            _ => None,
        };
        let mut rest = Args::default();
        let mut given = args.pos.iter().skip(usize::from(by_attribute)).cloned();
        let called = given.next();
        rest.pos.extend(given);
        rest.named.extend(args.named.iter().cloned());
        self.budget.make_items(items.len() + args.pos.len() + args.named.len())?;
        for item in items {
            let part = match &attribute {
                Some(attribute) => self.inner(&item, attribute, default.as_ref())?,
                None => item.clone(),
            };
            if name == "map" {
                kept.push(match (&attribute, &called) {
                    (Some(_), _) => part,
                    (None, Some(Value::Text(filter))) => self.filter(filter, part, &rest)?,
                    _ => return misuse("maps with no filter"),
                });
                continue;
            }
            let holds = match &called {
                Some(Value::Text(test)) => self.test(test, &part, &rest.pos)?,
                _ => part.is_true(),
            };
            if holds != name.starts_with("reject") {
                kept.push(item);
            }
        }
        self.budget.leave();
        Value::list(kept)
    }

    /// What lies under a name like `function.parameters.0`; the default at each missing step.
    fn inner(&mut self, value: &Value, path: &Value, default: Option<&Value>) -> Outcome<Value> {
        let Value::Text(path) = path else { return self.item(value, path) };
        let mut value = value.clone();
        for name in path.split('.') {
            let key = match name.parse() {
                Ok(place) => Value::Int(place),
                Err(_) => self.budget.text(name)?,
            };
            value = match (self.item(&value, &key)?, default) {
                (Value::Undefined, Some(default)) => default.clone(),
                (value, _) => value,
            };
        }
        Ok(value)
    }

    fn of_many(&mut self, name: &str, value: &Value, args: &Args) -> Outcome<Value> {
        match (name, value) {
            ("length" | "count", Value::Text(text)) => {
                self.budget.look(text)?;
                return Ok(Value::Int(text.chars().count() as i128));
            }
            ("length" | "count", Value::List(list)) => {
                return Ok(Value::Int(list.items.len() as i128));
            }
            ("length" | "count", Value::Dict(dict)) => {
                return Ok(Value::Int(dict.entries.len() as i128));
            }
            ("reverse", Value::Text(text)) => {
                self.budget.make(text.len())?;
                return self.budget.text(&text.chars().rev().collect::<String>());
            }
            ("items", Value::Dict(dict)) => return pairs(dict, &mut self.budget),
            ("dictsort", Value::Dict(dict)) => {
                let pairs = pairs(dict, &mut self.budget)?.items(&mut self.budget)?;
                let by = args.text(1, "by")?;
                let place = i128::from(by.is_some_and(|by| &*by == "value"));
                let sensitive = args.is_true(0, "case_sensitive");
                let reverse = args.is_true(2, "reverse");
                return self.sorted(pairs, Some(&Value::Int(place)), sensitive, reverse);
            }
            ("items" | "dictsort", Value::Undefined) => return Value::list(Vec::new()),
            ("items" | "dictsort", other) => {
                return misuse(format!("asks for the items of a {}", other.kind()));
            }
            _ => {}
        }
        let mut items = value.items(&mut self.budget)?;
        match name {
            "length" | "count" => Ok(Value::Int(items.len() as i128)),
            "first" => Ok(items.first().cloned().unwrap_or(Value::Undefined)),
            "last" => Ok(items.last().cloned().unwrap_or(Value::Undefined)),
            "list" => Value::list(items),
            "reverse" => {
                items.reverse();
                Value::list(items)
            }
            "join" => {
                let between = args.text(0, "d")?.unwrap_or_default();
                if let Some(attribute) = args.get(1, "attribute") {
                    for item in &mut items {
                        *item = self.inner(item, attribute, None)?;
                    }
                }
                join(&items, &between, false, &mut self.budget)
            }
            "sum" => {
                let mut sum = args.get(1, "start").cloned().unwrap_or(Value::Int(0));
                for item in &items {
                    let item = match args.get(0, "attribute") {
                        Some(attribute) => self.inner(item, attribute, None)?,
                        None => item.clone(),
                    };
                    sum = add(&sum, &item, &mut self.budget)?;
                }
                Ok(sum)
            }
            "unique" => {
                let sensitive = args.is_true(0, "case_sensitive");
                let mut seen: Vec<Value> = Vec::new();
                let mut kept = Vec::new();
                for item in items {
                    let part = match args.get(1, "attribute") {
                        Some(attribute) => self.inner(&item, attribute, None)?,
                        None => item.clone(),
                    };
                    let part = folded(part, sensitive, &mut self.budget)?;
                    let mut known = false;
                    for seen in &seen {
                        known |= seen.equals(&part, &mut self.budget)?;
                    }
                    if !known {
                        seen.push(part);
                        kept.push(item);
                    }
                }
                Value::list(kept)
            }
            "min" | "max" => {
                let sensitive = args.is_true(0, "case_sensitive");
                let sorted =
                    self.sorted(items, args.get(1, "attribute"), sensitive, name == "max")?;
                let sorted = sorted.items(&mut self.budget)?;
                Ok(sorted.into_iter().next().unwrap_or(Value::Undefined))
            }
            _ => {
                let (reverse, sensitive) =
                    (args.is_true(0, "reverse"), args.is_true(1, "case_sensitive"));
                self.sorted(items, args.get(2, "attribute"), sensitive, reverse)
            }
        }
    }

    /// Sorts, and leaves equal ones in their order.
    fn sorted(
        &mut self,
        items: Vec<Value>,
        attribute: Option<&Value>,
        case_sensitive: bool,
        reverse: bool,
    ) -> Outcome<Value> {
        enum Key {
            Text(Rc<str>),
            Number(f64),
        }
        self.budget.make_items(2 * items.len())?;
        let mut keyed = Vec::with_capacity(items.len());
        let (mut length, mut texts) = (0, 0);
        for item in items {
            let key = match attribute {
                Some(attribute) => self.inner(&item, attribute, None)?,
                None => item.clone(),
            };
            let key = match folded(key, case_sensitive, &mut self.budget)? {
                Value::Text(text) => {
                    length = length.max(text.len());
                    texts += 1;
                    Key::Text(text)
                }
                other => match other.as_float() {
                    Some(number) => Key::Number(number),
                    None => return misuse(format!("sorts by values of type {}", other.kind())),
                },
            };
            keyed.push((key, item));
        }
        if texts != 0 && texts != keyed.len() {
            return misuse("sorts text among numbers");
        }
        let compares = keyed.len().saturating_mul(keyed.len().max(1).ilog2() as usize + 1);
        self.budget.work(compares.saturating_mul(1 + length / 64))?;
        let order = |a: &Key, b: &Key| match (a, b) {
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Text(_), Key::Number(_)) => Ordering::Less,
            (Key::Number(_), Key::Text(_)) => Ordering::Greater,
        };
        match reverse {
            true => keyed.sort_by(|(a, _), (b, _)| order(b, a)),
            false => keyed.sort_by(|(a, _), (b, _)| order(a, b)),
        }
        Value::list(keyed.into_iter().map(|(_, item)| item).collect())
    }

    /// `value is name(args)`.
    #[inline(never)]
    pub(super) fn test(&mut self, name: &str, value: &Value, args: &[Value]) -> Outcome<bool> {
        let budget = &mut self.budget;
        let other = || match args.first() {
            Some(other) => Ok(other),
            None => misuse(format!("tests {name} with nothing")),
        };
        Ok(match name {
            "defined" => !matches!(value, Value::Undefined),
            "undefined" => matches!(value, Value::Undefined),
            "none" => matches!(value, Value::None),
            "boolean" => matches!(value, Value::Bool(_)),
            "true" => matches!(value, Value::Bool(true)),
            "false" => matches!(value, Value::Bool(false)),
            "string" => matches!(value, Value::Text(_)),
            "mapping" => matches!(value, Value::Dict(_)),
            "number" => value.as_float().is_some(),
            "integer" => matches!(value, Value::Int(_)),
            "float" => matches!(value, Value::Float(_)),
            "callable" => matches!(value, Value::Macro(_) | Value::Function(_)),
            "sequence" => {
                matches!(value, Value::Undefined | Value::Text(_) | Value::List(_) | Value::Dict(_))
            }
            "iterable" => matches!(
                value,
                Value::Undefined
                    | Value::Text(_)
                    | Value::List(_)
                    | Value::Dict(_)
                    | Value::Loop(_)
            ),
            "odd" | "even" | "divisibleby" => {
                let by = if name == "divisibleby" { other()?.as_int() } else { Some(2) };
                let rest = match (value.as_int(), by) {
                    (Some(int), Some(by)) => int.checked_rem(by),
                    _ => None,
                };
                match rest {
                    Some(rest) => (rest == 0) != (name == "odd"),
                    None => return misuse(format!("tests a {} for being {name}", value.kind())),
                }
            }
            "eq" | "equalto" | "==" => value.equals(other()?, budget)?,
            "ne" | "!=" => !value.equals(other()?, budget)?,
            "sameas" => value.kind() == other()?.kind() && value.equals(other()?, budget)?,
            "in" => other()?.contains(value, budget)?,
            "lt" | "lessthan" | "<" => {
                value.compare(other()?, budget)?.is_some_and(Ordering::is_lt)
            }
            "le" | "<=" => value.compare(other()?, budget)?.is_some_and(Ordering::is_le),
            "gt" | "greaterthan" | ">" => {
                value.compare(other()?, budget)?.is_some_and(Ordering::is_gt)
            }
            "ge" | ">=" => value.compare(other()?, budget)?.is_some_and(Ordering::is_ge),
            "lower" | "upper" => {
                let mut text = String::new();
                print(value, &mut text, budget)?;
                let (small, large) =
                    (text.chars().any(char::is_lowercase), text.chars().any(char::is_uppercase));
                if name == "lower" { small && !large } else { large && !small }
            }
            _ => return Err(Fault::Unknown { what: "test", name: name.to_owned() }),
        })
    }
}

fn folded(key: Value, case_sensitive: bool, budget: &mut Budget) -> Outcome<Value> {
    match key {
        Value::Text(text) if !case_sensitive => {
            budget.make(text.len().saturating_mul(3))?;
            budget.text(&text.to_lowercase())
        }
        other => Ok(other),
    }
}

fn of_text(name: &str, text: &str, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    match name {
        "string" => budget.text(text),
        "trim" => {
            let stripped = strip(text, "strip", args.text(0, "chars")?.as_deref(), budget)?;
            budget.text(stripped)
        }
        "upper" | "lower" | "capitalize" | "title" => {
            budget.make(text.len().saturating_mul(3))?;
            budget.text(&match name {
                "upper" => text.to_uppercase(),
                "lower" => text.to_lowercase(),
                "capitalize" => capitalize(text),
                _ => title(text, |c| is_space(c) || "-({[<".contains(c)),
            })
        }
        "replace" => {
            let (old, new) = (args.text(0, "old")?, args.text(1, "new")?);
            let (Some(old), Some(new)) = (old, new) else { return misuse("replaces no text") };
            replace(text, &old, &new, args.int(2, "count")?, budget)
        }
        "indent" => indent(text, args, budget),
        "format" => percent(text, &args.pos, budget),
        "escape" | "e" => {
            let mut out = String::new();
            let mut buffer = [0; 4];
            for c in text.chars() {
                let escaped = match c {
                    '&' => "&amp;",
                    '<' => "&lt;",
                    '>' => "&gt;",
                    '\'' => "&#39;",
                    '"' => "&#34;",
                    c => c.encode_utf8(&mut buffer),
                };
                budget.push(&mut out, escaped)?;
            }
            budget.text(&out)
        }
        "wordcount" => Ok(Value::Int(text.split_whitespace().count() as i128)),
        _ => Err(Fault::Unknown { what: "filter", name: name.to_owned() }),
    }
}

fn indent(text: &str, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    let indent = match args.get(0, "width") {
        Some(Value::Text(indent)) => {
            budget.make(indent.len())?;
            indent.to_string()
        }
        _ => {
            let width = usize::try_from(args.int(0, "width")?.unwrap_or(4).max(0));
            let width = width.unwrap_or(usize::MAX);
            budget.make(width)?;
            " ".repeat(width)
        }
    };
    let (first, blank) = (args.is_true(1, "first"), args.is_true(2, "blank"));
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            budget.push(&mut out, "\n")?;
        }
        if if i == 0 { first } else { blank || !line.is_empty() } {
            budget.push(&mut out, &indent)?;
        }
        budget.push(&mut out, line)?;
    }
    budget.text(&out)
}

fn of_number(name: &str, value: &Value, args: &Args) -> Outcome<Value> {
    let text = match value {
        Value::Text(text) => Some(text.trim_matches(is_space).replace('_', "")),
        _ => None,
    };
    let read = || match &text {
        Some(text) => text.parse::<f64>().ok(),
        None => value.as_float(),
    };
    match name {
        "int" => {
            let whole = match (&text, value) {
                (Some(text), _) => text.parse().ok(),
                (None, value) => value.as_int(),
            };
            let default = || args.get(0, "default").cloned().unwrap_or(Value::Int(0));
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            let cut = |float: f64| (float.abs() < 1e38).then_some(float.trunc() as i128);
            Ok(whole.or_else(|| read().and_then(cut)).map_or_else(default, Value::Int))
        }
        "float" => {
            let default = || args.get(0, "default").cloned().unwrap_or(Value::Float(0.0));
            Ok(read().map_or_else(default, Value::Float))
        }
        "abs" => match (value.as_int(), value.as_float()) {
            (Some(int), _) => Ok(Value::Int(int.saturating_abs())),
            (None, Some(float)) => Ok(Value::Float(float.abs())),
            _ => misuse(format!("asks how large a {} is", value.kind())),
        },
        _ => {
            let Some(float) = value.as_float() else {
                return misuse(format!("rounds a {}", value.kind()));
            };
            let digits = args.int(0, "precision")?.unwrap_or(0).clamp(-300, 300);
            let method = args.text(1, "method")?;
            if let (Value::Int(_), None | Some("common"), 0..) = (value, method.as_deref(), digits)
            {
                return Ok(value.clone());
            }
            #[expect(clippy::cast_possible_truncation, reason = "clamped above")]
            let factor = 10f64.powi(digits as i32);
            Ok(Value::Float(match method.as_deref() {
                Some("ceil") => (float * factor).ceil() / factor,
                Some("floor") => (float * factor).floor() / factor,
                // As Python, which rounds the decimal digits and halves to even.
                _ if digits >= 0 => {
                    #[expect(clippy::cast_sign_loss, reason = "clamped above")]
                    let digits = digits as usize;
                    format!("{float:.digits$}").parse().unwrap_or(float)
                }
                _ => (float * factor).round_ties_even() / factor,
            }))
        }
    }
}

fn to_json(value: &Value, args: &Args, budget: &mut Budget) -> Outcome<Value> {
    let indent = match args.get(1, "indent") {
        Some(Value::Text(indent)) => {
            budget.make(indent.len())?;
            Some(indent.to_string())
        }
        _ => match args.int(1, "indent")? {
            Some(width) => {
                let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
                budget.make(width)?;
                Some(" ".repeat(width))
            }
            None => None,
        },
    };
    let separators = match args.get(2, "separators") {
        None | Some(Value::None) => {
            (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned())
        }
        Some(pair) => match &pair.items(budget)?[..] {
            [Value::Text(item), Value::Text(key)] => {
                budget.make(item.len() + key.len())?;
                (item.to_string(), key.to_string())
            }
            _ => return misuse("gives tojson separators that are not two texts"),
        },
    };
    let ascii = args.is_true(0, "ensure_ascii");
    let form = Json { ascii, indent, separators, sort_keys: args.is_true(3, "sort_keys") };
    let mut out = String::new();
    json(value, &form, 0, &mut out, budget)?;
    budget.text(&out)
}
