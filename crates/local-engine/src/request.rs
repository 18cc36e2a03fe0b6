//! Reading requests: what the engine honours, and what it must refuse.

use std::borrow::Cow;

use openai_api::{ApiError, ChatRequest, Content, ContentPart, Message, Role};
use serde_json::Value;

use crate::error::Result;
use crate::generate::Sampling;
use crate::image_facts;
use crate::model::Habits;
use crate::template::Turn;

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// An answer to the conversation, whose turns are still to be read with [`turns`].
    Answer,
    /// What can be told of an image in the last message: its place in the request, and its URL.
    Image { param: String, url: String },
}

/// Refuses what the engine cannot do, as far as a glance shows it, and finds out what to do.
pub(crate) fn read(request: &ChatRequest) -> Result<Task> {
    check_settings(request)?;
    if request.messages.is_empty() {
        return refuse("messages", "there must be at least one message");
    }
    let last = request.messages.len() - 1;
    let image = images(&request.messages[last])
        .next_back()
        .map(|(part, url)| (image_param(last, part), url.to_owned()));
    if let (Role::User, Some((param, url))) = (&request.messages[last].role, image) {
        return Ok(Task::Image { param, url });
    }
    check_form(request)?;
    for (i, message) in request.messages.iter().enumerate() {
        role(message).or_else(|problem| refuse(format!("messages[{i}]"), problem))?;
    }
    Ok(Task::Answer)
}

/// The conversation as templates know it; decodes its images, which keeps a core busy.
pub(crate) fn turns(messages: &[Message]) -> Result<Vec<Turn>> {
    let turns = messages.iter().enumerate().map(|(i, message)| {
        let message = with_images_in_words(i, message)?;
        turn(&message).or_else(|problem| refuse(format!("messages[{i}]"), problem))
    });
    turns.collect()
}

/// How the request wants tokens chosen; the model's habits where it does not say.
pub(crate) fn sampling(request: &ChatRequest, habits: &Habits) -> Sampling {
    Sampling {
        temperature: request.temperature.unwrap_or(habits.temperature),
        top_p: request.top_p.unwrap_or(habits.top_p),
        seed: request.seed.map(i64::cast_unsigned),
        limit: request.token_limit().map(|limit| limit as usize),
        stop: request.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
    }
}

/// The message as templates know it, or what is wrong with it.
pub(crate) fn turn(message: &Message) -> Result<Turn, String> {
    let role = role(message)?;
    if let Some(Content::Parts(parts)) = &message.content
        && let Some(place) = parts.iter().position(|part| part.text().is_none())
    {
        return Err(format!("part {place} is not text, and the model reads text only"));
    }
    Ok(Turn { role: role.to_owned(), content: message.text() })
}

/// The message's role as templates know it.
fn role(message: &Message) -> Result<&str, String> {
    let role = match &message.role {
        // What newer OpenAI models call the system message.
        Role::Developer => Role::System.as_str(),
        Role::System | Role::User | Role::Assistant => message.role.as_str(),
        other => return Err(format!("the role {other} is not one that local models know")),
    };
    if !message.tool_calls.is_empty() {
        return Err("local models know no tool calls".to_owned());
    }
    Ok(role)
}

fn check_settings(request: &ChatRequest) -> Result<()> {
    let within = |value: Option<f32>, most: f32| value.is_none_or(|v| (0.0..=most).contains(&v));
    if !within(request.temperature, 2.0) {
        return refuse("temperature", "must be 0 to 2");
    }
    if !within(request.top_p, 1.0) {
        return refuse("top_p", "must be 0 to 1");
    }
    if request.token_limit() == Some(0) {
        return refuse("max_tokens", "must be at least 1");
    }
    if !request.tools.is_empty() {
        return refuse("tools", "local models call no tools; leave them out");
    }
    for (field, plain) in CHANGES_THE_ANSWER {
        if let Some(value) = setting(request, field)
            && !value.is_null()
            && !plain.iter().any(|plain| same(&value, plain))
        {
            return refuse(*field, "local models do not offer this; leave it out");
        }
    }
    Ok(())
}

/// Refuses forms that text cannot be held to.
fn check_form(request: &ChatRequest) -> Result<()> {
    match &request.response_format {
        Some(format) if format.kind != "text" => {
            let problem = format!(
                "local models cannot be held to {}; leave it out, or ask for text",
                format.kind
            );
            refuse("response_format", problem)
        }
        _ => Ok(()),
    }
}

/// What the request says of a field, be it in its place or among the unknown ones.
fn setting<'r>(request: &'r ChatRequest, field: &str) -> Option<Cow<'r, Value>> {
    let owned = |value: Option<Value>| value.map(Cow::Owned);
    let known = match field {
        "n" => owned(request.n.map(Value::from)),
        "logprobs" => owned(request.logprobs.map(Value::from)),
        "top_logprobs" => owned(request.top_logprobs.map(Value::from)),
        "presence_penalty" => owned(request.presence_penalty.map(Value::from)),
        "frequency_penalty" => owned(request.frequency_penalty.map(Value::from)),
        "tool_choice" => request.tool_choice.as_ref().map(Cow::Borrowed),
        _ => None,
    };
    known.or_else(|| request.extra.get(field).map(Cow::Borrowed))
}

fn same(value: &Value, plain: &str) -> bool {
    match value {
        Value::String(text) => text == plain,
        Value::Number(number) => number.as_f64() == plain.parse().ok(),
        other => {
            let text = other.to_string();
            text == plain
        }
    }
}

fn images(message: &Message) -> impl DoubleEndedIterator<Item = (usize, &str)> {
    let parts = match &message.content {
        Some(Content::Parts(parts)) => &parts[..],
        _ => &[],
    };
    parts
        .iter()
        .enumerate()
        .filter_map(|(i, part)| part.image().map(|image| (i, image.url.as_str())))
}

fn image_param(message: usize, part: usize) -> String {
    format!("messages[{message}].content[{part}].image_url.url")
}

/// Puts what can be told of a message's images in their place, so that later turns can refer to it.
fn with_images_in_words(place: usize, message: &Message) -> Result<Message> {
    let mut message = message.clone();
    if let Some(Content::Parts(parts)) = &mut message.content {
        for (i, part) in parts.iter_mut().enumerate() {
            if let Some(image) = part.image() {
                let facts = image_facts::of_url(&image.url, &image_param(place, i))?;
                *part = ContentPart::from_text(format!("[{}] ", facts.description));
            }
        }
    }
    Ok(message)
}

fn refuse<T>(param: impl Into<String>, problem: impl Into<String>) -> Result<T> {
    Err(ApiError::invalid_request(param, problem).into())
}

/// Fields that would change the answer, with the values that ask for nothing new.
const CHANGES_THE_ANSWER: &[(&str, &[&str])] = &[
    ("n", &["1"]),
    ("logprobs", &["false", "0"]),
    ("top_logprobs", &["0"]),
    ("logit_bias", &["{}"]),
    ("presence_penalty", &["0"]),
    ("frequency_penalty", &["0"]),
    ("repetition_penalty", &["1"]),
    ("top_k", &["0", "-1"]),
    ("min_p", &["0"]),
    ("tool_choice", &["none", "auto"]),
    ("functions", &["[]"]),
    ("function_call", &["none", "auto"]),
    ("modalities", &[r#"["text"]"#]),
    ("audio", &[]),
    ("web_search_options", &[]),
    ("guided_json", &[]),
    ("guided_regex", &[]),
    ("guided_grammar", &[]),
    ("guided_choice", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use openai_api::{ResponseFormat, Tool};
    use serde_json::json;

    fn request() -> ChatRequest {
        ChatRequest::new("m", vec![Message::user("hi")])
    }

    #[track_caller]
    fn param(request: &ChatRequest) -> Option<String> {
        let error: openai_api::Error = read(request).err()?.into();
        let api = error.as_api().unwrap();
        assert_eq!(api.status, 400);
        Some(api.param.clone().unwrap())
    }

    fn with(field: &str, value: Value) -> ChatRequest {
        let mut request = request();
        request.extra.insert(field.to_owned(), value);
        request
    }

    #[test]
    fn what_would_change_the_answer_is_refused_by_name() {
        assert_eq!(param(&with("n", json!(2))).as_deref(), Some("n"));
        assert_eq!(param(&with("logprobs", json!(true))).as_deref(), Some("logprobs"));
        assert_eq!(param(&with("tool_choice", json!("required"))).as_deref(), Some("tool_choice"));
        assert_eq!(param(&request().with_n(2)).as_deref(), Some("n"));
        assert_eq!(param(&request().with_logprobs(0)).as_deref(), Some("logprobs"));
        assert_eq!(param(&request().with_tool_choice("required")).as_deref(), Some("tool_choice"));
        let penalty = request().with_presence_penalty(0.5);
        assert_eq!(param(&penalty).as_deref(), Some("presence_penalty"));
        let penalty = request().with_frequency_penalty(0.5);
        assert_eq!(param(&penalty).as_deref(), Some("frequency_penalty"));
        assert_eq!(
            param(&request().with_response_format(ResponseFormat::json_object())).as_deref(),
            Some("response_format")
        );
        assert_eq!(param(&request().with_temperature(2.5)).as_deref(), Some("temperature"));
        assert_eq!(param(&request().with_top_p(f32::NAN)).as_deref(), Some("top_p"));
        assert_eq!(param(&request().with_max_tokens(0)).as_deref(), Some("max_tokens"));
        assert_eq!(param(&ChatRequest::new("m", Vec::new())).as_deref(), Some("messages"));
    }

    #[test]
    fn what_asks_for_nothing_new_passes() {
        for (field, value) in [
            ("n", json!(1)),
            ("logprobs", json!(false)),
            ("presence_penalty", json!(0.0)),
            ("logit_bias", json!({})),
            ("modalities", json!(["text"])),
            ("tool_choice", Value::Null),
            ("user", json!("someone")),
        ] {
            assert_eq!(param(&with(field, value)), None, "{field}");
        }
    }

    #[test]
    fn tools_are_refused() {
        let mut request = request();
        request.tools = vec![Tool::function("f", "does f", json!({}))];
        assert_eq!(param(&request).as_deref(), Some("tools"));
    }

    #[test]
    fn a_message_that_local_models_cannot_read_is_refused_by_its_place() {
        let request = ChatRequest::new(
            "m",
            vec![Message::user("hi"), Message::new(Role::Tool, "42"), Message::user("so?")],
        );
        assert_eq!(param(&request).as_deref(), Some("messages[1]"));
    }
}
