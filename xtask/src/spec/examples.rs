//! The examples of the specification, as data.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Extract, lenient, members};

/// Every example of the extract's operations and schemas.
///
/// Each is an object: `of` names the operation (`POST /files`) or the schema, `part` says what it
/// is: `request`, `response`, `stream` (`body` is then a list of `{"event", "data"}`), `schema` or
/// `webhook`. `mended` says what kept it from being JSON.
pub(super) fn all(whole: &Value, extract: &Extract) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for path in extract.paths.keys() {
        for (method, operation) in members(&whole["paths"][path]) {
            let of = format!("{} {path}", method.to_uppercase());
            let examples = match &operation["x-oaiMeta"]["examples"] {
                Value::Array(several) => several.as_slice(),
                one => std::slice::from_ref(one),
            };
            for example in examples {
                operation_example(&of, example, &mut found)?;
            }
        }
    }
    for name in extract.schemas() {
        if let Some(text) = whole["components"]["schemas"][name]["x-oaiMeta"]["example"].as_str() {
            let part = if name.starts_with("Webhook") { "webhook" } else { "schema" };
            found.push(match events(text) {
                Some(events) => example(name, None, "stream", events),
                None => written(name, None, part, text)?,
            });
        }
    }
    Ok(found)
}

fn operation_example(of: &str, shown: &Value, found: &mut Vec<Value>) -> Result<()> {
    let title = shown["title"].as_str();
    if let Some(text) = shown["request"]["curl"].as_str().and_then(data_of_curl) {
        found.push(written(of, title, "request", text)?);
    }
    let Some(text) = shown["response"].as_str().filter(|text| !text.trim().is_empty()) else {
        return Ok(());
    };
    match events(text) {
        Some(events) => found.push(example(of, title, "stream", events)),
        None => found.push(written(of, title, "response", text)?),
    }
    Ok(())
}

fn example(of: &str, title: Option<&str>, part: &str, body: Value) -> Value {
    match title {
        Some(title) => json!({"of": of, "title": title, "part": part, "body": body}),
        None => json!({"of": of, "part": part, "body": body}),
    }
}

/// An example that is one piece of JSON, or should be.
fn written(of: &str, title: Option<&str>, part: &str, text: &str) -> Result<Value> {
    let Some(body) = lenient::read(text) else {
        bail!("an example of {of} is no JSON, however it is read:\n{text}");
    };
    let mut example = example(of, title, part, body);
    if let Err(slip) = serde_json::from_str::<Value>(text) {
        example["mended"] = json!(slip.to_string());
    }
    Ok(example)
}

/// What a curl command sends with `-d '…'`.
fn data_of_curl(command: &str) -> Option<&str> {
    let (_, data) = command.split_once("-d '")?;
    data.rsplit_once('\'').map(|(data, _)| data).filter(|data| !data.trim().is_empty())
}

/// The events of a stream, shown as the format of Server-Sent Events or as bare chunks.
fn events(text: &str) -> Option<Value> {
    let mut events = Vec::new();
    let mut event = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("...") {
            continue;
        }
        if let Some(name) = line.strip_prefix("event:") {
            event = Some(name.trim());
            continue;
        }
        let data = line.strip_prefix("data:").unwrap_or(line).trim();
        let data = match data {
            "[DONE]" => json!(data),
            data => lenient::read(data)?,
        };
        events.push(json!({"event": event.take(), "data": data}));
    }
    (events.len() > 1).then(|| events.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{data_of_curl, events};

    #[test]
    fn the_body_of_a_command_is_what_stands_between_the_quotes() {
        let command = "curl https://x/v1/files \\\n  -d '{\n  \"a\": 1\n}'\n";
        assert_eq!(data_of_curl(command), Some("{\n  \"a\": 1\n}"));
        assert_eq!(data_of_curl("curl https://x/v1/models"), None);
        assert_eq!(data_of_curl("curl https://x/v1/threads -d ''"), None);
    }

    #[test]
    fn both_ways_to_show_a_stream_are_read() {
        let sent = "event: a.b\ndata: {\"n\":1}\n\nevent: done\ndata: [DONE]\n";
        let expected =
            json!([{"event": "a.b", "data": {"n": 1}}, {"event": "done", "data": "[DONE]"}]);
        assert_eq!(events(sent), Some(expected));
        let bare = "{\"n\":1}\n\n{\"n\":2}\n....\n";
        let expected =
            json!([{"event": null, "data": {"n": 1}}, {"event": null, "data": {"n": 2}}]);
        assert_eq!(events(bare), Some(expected));
        assert_eq!(events("{\n  \"a\": 1\n}"), None);
    }
}
