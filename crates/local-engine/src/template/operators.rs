//! Arithmetic, as Python has it for numbers, text and lists.

use crate::template::budget::{Budget, Outcome, misuse};
use crate::template::print::{print, repr};
use crate::template::value::Value;

pub(super) fn add(left: &Value, right: &Value, budget: &mut Budget) -> Outcome<Value> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            budget.make(a.len() + b.len())?;
            budget.text(&format!("{a}{b}"))
        }
        (Value::List(a), Value::List(b)) if a.tuple == b.tuple => {
            budget.make_items(a.items.len() + b.items.len())?;
            let items = a.items.iter().chain(&b.items).cloned().collect();
            if a.tuple { Value::tuple(items) } else { Value::list(items) }
        }
        _ => numbers("adds", left, right, i128::checked_add, |a, b| a + b),
    }
}

pub(super) fn subtract(left: &Value, right: &Value) -> Outcome<Value> {
    numbers("subtracts", left, right, i128::checked_sub, |a, b| a - b)
}

pub(super) fn multiply(left: &Value, right: &Value, budget: &mut Budget) -> Outcome<Value> {
    let (repeated, times) = match (left, right) {
        (Value::Text(_) | Value::List(_), times) => (left, times.as_int()),
        (times, Value::Text(_) | Value::List(_)) => (right, times.as_int()),
        _ => return numbers("multiplies", left, right, i128::checked_mul, |a, b| a * b),
    };
    let Some(times) = times else { return unfit("multiplies", left, right) };
    // What does not fit is more than can be paid for.
    let times = if times < 0 { 0 } else { usize::try_from(times).unwrap_or(usize::MAX) };
    match repeated {
        Value::Text(text) => {
            budget.make(text.len().saturating_mul(times))?;
            if text.is_empty() { Ok(repeated.clone()) } else { budget.text(&text.repeat(times)) }
        }
        Value::List(list) => {
            let length = list.items.len().saturating_mul(times);
            budget.make_items(length)?;
            let items = list.items.iter().cycle().take(length).cloned().collect();
            if list.tuple { Value::tuple(items) } else { Value::list(items) }
        }
        _ => unfit("multiplies", left, right),
    }
}

pub(super) fn divide(left: &Value, right: &Value) -> Outcome<Value> {
    match (left.as_float(), right.as_float()) {
        (Some(_), Some(0.0)) => misuse("divides by zero"),
        (Some(a), Some(b)) => Ok(Value::Float(a / b)),
        _ => unfit("divides", left, right),
    }
}

pub(super) fn divide_down(left: &Value, right: &Value) -> Outcome<Value> {
    if right.as_float() == Some(0.0) {
        return misuse("divides by zero");
    }
    let whole = |a: i128, b: i128| {
        let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
        Some(if rest != 0 && (rest < 0) != (b < 0) { quotient - 1 } else { quotient })
    };
    numbers("divides", left, right, whole, |a, b| (a / b).floor())
}

pub(super) fn remainder(left: &Value, right: &Value, budget: &mut Budget) -> Outcome<Value> {
    if let Value::Text(form) = left {
        return match right {
            Value::List(list) if list.tuple => percent(form, &list.items, budget),
            one => percent(form, std::slice::from_ref(one), budget),
        };
    }
    if right.as_float() == Some(0.0) {
        return misuse("divides by zero");
    }
    let whole = |a: i128, b: i128| {
        let rest = a.checked_rem(b)?;
        Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
    };
    let float = |a: f64, b: f64| {
        let rest = a % b;
        if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
    };
    numbers("divides", left, right, whole, float)
}

pub(super) fn power(left: &Value, right: &Value) -> Outcome<Value> {
    if right.as_int().is_some_and(|power| power < 0) {
        return match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => Ok(Value::Float(a.powf(b))),
            _ => unfit("raises", left, right),
        };
    }
    let whole = |a: i128, b: i128| a.checked_pow(u32::try_from(b).ok()?);
    numbers("raises", left, right, whole, f64::powf)
}

pub(super) fn negate(value: &Value) -> Outcome<Value> {
    numbers("subtracts", &Value::Int(0), value, i128::checked_sub, |_, b| -b)
}

/// `%` on text: `%s`, `%r`, `%d`, `%i` and `%%`.
pub(super) fn percent(form: &str, values: &[Value], budget: &mut Budget) -> Outcome<Value> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('%') {
        budget.push(&mut out, before)?;
        let mut after = after.chars();
        match after.next() {
            Some('%') => budget.push(&mut out, "%")?,
            Some(kind @ ('s' | 'r' | 'd' | 'i')) => {
                let Some(value) = values.next() else { return misuse("formats too few values") };
                match (kind, value) {
                    ('s', value) => print(value, &mut out, budget)?,
                    ('r', value) => repr(value, &mut out, budget)?,
                    (_, value) => match value.as_int() {
                        Some(int) => budget.push(&mut out, &int.to_string())?,
                        None => return misuse(format!("formats a {} as an int", value.kind())),
                    },
                }
            }
            _ => return misuse("formats in a way that is not offered (only %s, %r, %d, %i)"),
        }
        rest = after.as_str();
    }
    if values.next().is_some() {
        return misuse("formats too many values");
    }
    budget.push(&mut out, rest)?;
    budget.text(&out)
}

fn numbers(
    does: &str,
    left: &Value,
    right: &Value,
    whole: impl Fn(i128, i128) -> Option<i128>,
    float: impl Fn(f64, f64) -> f64,
) -> Outcome<Value> {
    match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
        (Some(a), Some(b), ..) => match whole(a, b) {
            Some(int) => Ok(Value::Int(int)),
            None => misuse("calculates with numbers that are too large"),
        },
        (.., Some(a), Some(b)) => Ok(Value::Float(float(a, b))),
        _ => unfit(does, left, right),
    }
}

fn unfit(does: &str, left: &Value, right: &Value) -> Outcome<Value> {
    misuse(format!("{does} values of type {} and {}", left.kind(), right.kind()))
}
