//! Reads the JSON of documentation, which people wrote by hand.

use serde_json::Value;

/// Reads JSON that may have comments, trailing commas, commas left out at the end of a line,
/// Python's `None` and long strings, one closing brace too many, and lists cut short with dots; `None` if it still
/// is no JSON.
pub(crate) fn read(text: &str) -> Option<Value> {
    let strictly = |text: &str| serde_json::from_str(text).ok();
    strictly(text)
        .or_else(|| strictly(text.trim_end().strip_suffix('}')?))
        .or_else(|| strictly(&mend(text)))
}

fn mend(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut in_parentheses = false;
    for line in with_long_strings_joined(text).lines() {
        let line = without_comment(line);
        let line = line.trim();
        if line.is_empty() || line.trim_start_matches(['{', '[', ' ']).starts_with("...") {
            continue;
        }
        // Python joins the strings between parentheses.
        if in_parentheses {
            in_parentheses = !line.starts_with(')');
            mended.push_str(line.trim_matches('"').trim_start_matches(')'));
            if !in_parentheses {
                mended.insert(mended.trim_end_matches(',').len(), '"');
            }
            continue;
        }
        if let Some(key) = line.strip_suffix('(') {
            in_parentheses = true;
            mended.extend([key, "\""]);
            continue;
        }
        let starts_value = line.starts_with(['"', '{', '[']);
        if starts_value && mended.ends_with(['"', '}', ']', 'e', 'l']) {
            mended.push(',');
        }
        if line.starts_with(['}', ']']) && mended.ends_with(',') {
            mended.pop();
        }
        match line.strip_suffix(',').unwrap_or(line).strip_suffix(": None") {
            Some(key) => mended.extend([key, ": null,"]),
            None => mended.push_str(line),
        }
    }
    mended
}

/// The text with each `"""…"""` as a string of JSON.
fn with_long_strings_joined(text: &str) -> String {
    let escaped = text.replace(r#"\""""#, "\0");
    let parts = escaped.split("\"\"\"").enumerate().map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => Value::from(part.replace('\0', "\"\"\"")).to_string(),
    });
    parts.collect()
}

/// The line up to a `//` outside of strings.
fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            '/' if !in_string && line[at..].starts_with("//") => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    #[test]
    fn json_is_read_as_it_is() {
        check(r#"{"a": "// no comment, ]"}"#, json!({"a": "// no comment, ]"}));
    }

    #[test]
    fn slips_of_people_are_mended() {
        check("{\n \"a\": [1, 2,\n ],\n}", json!({"a": [1, 2]}));
        check("{\n \"a\": \"b\"\n \"c\": null\n \"d\": 1\n}", json!({"a": "b", "c": null, "d": 1}));
        check("[\n 0.5,\n .... (1536 floats)\n 0.25,\n]", json!([0.5, 0.25]));
        check("[\n {\n },\n { ... },\n]", json!([{}]));
        check("{\n \"a\": None,\n \"b\": None\n}", json!({"a": null, "b": null}));
        check("{\"a\": 1}}", json!({"a": 1}));
        check("{\n \"a\": \"\"\"\nb \\\"\"\"\"\"\",\n}", json!({"a": "\nb \"\"\""}));
        check("{\n \"a\": (\n \"b\"\n \" c\"\n )\n}", json!({"a": "b c"}));
        check("// why\n{\"a\": 1 // one\n}", json!({"a": 1}));
    }

    #[test]
    fn what_is_no_json_is_not_made_up() {
        assert_eq!(read("event: done"), None);
    }

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(read(text), Some(expected));
    }
}
