//! How Python writes values: `str`, `repr` and `json.dumps`.

use std::fmt::Write;

use crate::template::budget::{Budget, Outcome, misuse};
use crate::template::value::Value;

/// The settings of `json.dumps` that templates use.
pub(super) struct Json {
    pub(super) ascii: bool,
    pub(super) indent: Option<String>,
    pub(super) separators: (String, String),
    pub(super) sort_keys: bool,
}

/// Writes a value as `str()` does, and nothing for what is undefined.
pub(super) fn print(value: &Value, out: &mut String, budget: &mut Budget) -> Outcome<()> {
    match value {
        Value::Undefined => Ok(()),
        Value::Text(text) => budget.push(out, text),
        other => repr(other, out, budget),
    }
}

/// Writes a value as Python source would.
pub(super) fn repr(value: &Value, out: &mut String, budget: &mut Budget) -> Outcome<()> {
    match value {
        Value::Undefined => budget.push(out, "Undefined"),
        Value::None => budget.push(out, "None"),
        Value::Bool(true) => budget.push(out, "True"),
        Value::Bool(false) => budget.push(out, "False"),
        Value::Int(int) => budget.push(out, &int.to_string()),
        Value::Float(number) => budget.push(out, &float(*number)),
        Value::Text(text) => quote(text, out, budget),
        Value::List(list) => {
            budget.push(out, if list.tuple { "(" } else { "[" })?;
            for (i, item) in list.items.iter().enumerate() {
                if i > 0 {
                    budget.push(out, ", ")?;
                }
                repr(item, out, budget)?;
            }
            budget.push(
                out,
                match (list.tuple, list.items.len()) {
                    (true, 1) => ",)",
                    (true, _) => ")",
                    (false, _) => "]",
                },
            )
        }
        Value::Dict(dict) => {
            budget.push(out, "{")?;
            for (i, (key, value)) in dict.entries.iter().enumerate() {
                if i > 0 {
                    budget.push(out, ", ")?;
                }
                repr(key, out, budget)?;
                budget.push(out, ": ")?;
                repr(value, out, budget)?;
            }
            budget.push(out, "}")
        }
        Value::Space(fields) => {
            budget.push(out, "<Namespace {")?;
            for (i, (name, value)) in fields.borrow().iter().enumerate() {
                if i > 0 {
                    budget.push(out, ", ")?;
                }
                quote(name, out, budget)?;
                budget.push(out, ": ")?;
                repr(value, out, budget)?;
            }
            budget.push(out, "}>")
        }
        Value::Loop(state) => {
            let place = format!("<LoopContext {}/{}>", state.at.get() + 1, state.items.len());
            budget.push(out, &place)
        }
        Value::Macro(_) | Value::Function(_) => misuse(format!("writes a {}", value.kind())),
    }
}

/// Writes a value as `json.dumps` does.
pub(super) fn json(
    value: &Value,
    form: &Json,
    level: usize,
    out: &mut String,
    budget: &mut Budget,
) -> Outcome<()> {
    match value {
        Value::None => budget.push(out, "null"),
        Value::Bool(true) => budget.push(out, "true"),
        Value::Bool(false) => budget.push(out, "false"),
        Value::Int(int) => budget.push(out, &int.to_string()),
        Value::Float(number) => budget.push(out, &json_float(*number)),
        Value::Text(text) => json_text(text, form.ascii, out, budget),
        Value::List(list) if list.items.is_empty() => budget.push(out, "[]"),
        Value::List(list) => {
            budget.push(out, "[")?;
            for (i, item) in list.items.iter().enumerate() {
                new_item(i, form, level + 1, out, budget)?;
                json(item, form, level + 1, out, budget)?;
            }
            new_line(form, level, out, budget)?;
            budget.push(out, "]")
        }
        Value::Dict(dict) if dict.entries.is_empty() => budget.push(out, "{}"),
        Value::Dict(dict) => {
            budget.make_items(dict.entries.len())?;
            let mut entries = Vec::with_capacity(dict.entries.len());
            for (key, value) in &dict.entries {
                let key = match key {
                    Value::Text(key) => key.clone(),
                    Value::None => "null".into(),
                    Value::Bool(bool) => bool.to_string().into(),
                    Value::Int(int) => int.to_string().into(),
                    Value::Float(number) => json_float(*number).into(),
                    other => {
                        return misuse(format!("writes a key of type {} as JSON", other.kind()));
                    }
                };
                entries.push((key, value));
            }
            if form.sort_keys {
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            budget.push(out, "{")?;
            for (i, (key, value)) in entries.into_iter().enumerate() {
                new_item(i, form, level + 1, out, budget)?;
                json_text(&key, form.ascii, out, budget)?;
                budget.push(out, &form.separators.1)?;
                json(value, form, level + 1, out, budget)?;
            }
            new_line(form, level, out, budget)?;
            budget.push(out, "}")
        }
        other => misuse(format!("writes a value of type {} as JSON", other.kind())),
    }
}

fn new_item(
    place: usize,
    form: &Json,
    level: usize,
    out: &mut String,
    budget: &mut Budget,
) -> Outcome<()> {
    if place > 0 {
        budget.push(out, &form.separators.0)?;
    }
    new_line(form, level, out, budget)
}

fn new_line(form: &Json, level: usize, out: &mut String, budget: &mut Budget) -> Outcome<()> {
    let Some(indent) = &form.indent else { return Ok(()) };
    budget.push(out, "\n")?;
    (0..level).try_for_each(|_| budget.push(out, indent))
}

fn json_text(text: &str, ascii: bool, out: &mut String, budget: &mut Budget) -> Outcome<()> {
    // A character becomes six bytes at most, or twice six where it takes four.
    budget.make(text.len().saturating_mul(6) / 4 + 2)?;
    let mut escape = String::new();
    budget.push(out, "\"")?;
    for c in text.chars() {
        escape.clear();
        match c {
            '"' => escape.push_str("\\\""),
            '\\' => escape.push_str("\\\\"),
            '\n' => escape.push_str("\\n"),
            '\r' => escape.push_str("\\r"),
            '\t' => escape.push_str("\\t"),
            '\u{8}' => escape.push_str("\\b"),
            '\u{c}' => escape.push_str("\\f"),
            c if c < ' ' || (ascii && c > '~') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(escape, "\\u{unit:04x}").ok();
                }
            }
            c => {
                out.push(c);
                continue;
            }
        }
        budget.push(out, &escape)?;
    }
    budget.push(out, "\"")
}

/// Writes text in the quotes that Python would choose.
fn quote(text: &str, out: &mut String, budget: &mut Budget) -> Outcome<()> {
    budget.make(text.len() + 2)?;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut escape = String::new();
    out.push(quote);
    for c in text.chars() {
        escape.clear();
        let code = u32::from(c);
        match c {
            '\\' => escape.push_str("\\\\"),
            '\n' => escape.push_str("\\n"),
            '\r' => escape.push_str("\\r"),
            '\t' => escape.push_str("\\t"),
            c if c == quote => escape.extend(['\\', c]),
            c if is_printable(c) => {
                out.push(c);
                continue;
            }
            _ if code < 0x100 => write!(escape, "\\x{code:02x}").unwrap_or_default(),
            _ if code < 0x1_0000 => write!(escape, "\\u{code:04x}").unwrap_or_default(),
            _ => write!(escape, "\\U{code:08x}").unwrap_or_default(),
        }
        budget.push(out, &escape)?;
    }
    out.push(quote);
    Ok(())
}

/// What `str.isprintable` says of characters that are assigned.
fn is_printable(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{10ffff}');
    c == ' ' || !(c.is_whitespace() || c.is_control() || invisible)
}

/// The shortest digits that read back as the same number, as `repr(float)` writes them.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ -4..16 if exponent != 0 || number.fract() != 0.0 => {
            if number.fract() == 0.0 {
                format!("{number}.0")
            } else {
                format!("{number}")
            }
        }
        0 => format!("{mantissa}.0"),
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

fn json_float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        float(number)
    }
}
