//! Reading requests: what the engine honours, and what it must refuse.

use openai_api::{ApiError, ChatRequest, Content, ContentPart, Message, Role};

use crate::error::Result;
use crate::image_facts;
use crate::template::Turn;
use crate::tools::turns_more;

#[cfg(feature = "json")]
mod form;
mod settings;
pub(crate) use settings::Settings;

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// An answer to the conversation, whose turns are still to be read with [`turns`].
    Answer(Box<Settings>),
    /// What can be told of an image in the last message: its place in the request, and its URL.
    Image { param: String, url: String },
}

/// Refuses what the engine cannot do, as far as a glance shows it, and finds out what to do.
pub(crate) fn read(request: &ChatRequest) -> Result<Task> {
    let settings = Settings::read(request)?;
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
    #[cfg(not(feature = "json"))]
    check_form(request)?;
    for (i, message) in request.messages.iter().enumerate() {
        if message.role == Role::Tool && message.tool_call_id.is_none() {
            return refuse(format!("messages[{i}].tool_call_id"), "is missing");
        }
        let known = role(message).or_else(|problem| refuse(format!("messages[{i}]"), problem))?;
        if !message.tool_calls.is_empty() && known != Role::Assistant.as_str() {
            return refuse(format!("messages[{i}].tool_calls"), "only the assistant calls tools");
        }
    }
    Ok(Task::Answer(Box::new(settings)))
}

/// The conversation as templates know it; decodes its images, which keeps a core busy.
pub(crate) fn turns(messages: &[Message]) -> Result<Vec<Turn>> {
    let turns =
        messages.iter().zip(turns_more(messages)).enumerate().map(|(i, (message, more))| {
            let message = with_images_in_words(i, message)?;
            let turn =
                plain(&message).or_else(|problem| refuse(format!("messages[{i}]"), problem))?;
            Ok(Turn { more, ..turn })
        });
    turns.collect()
}

/// A message to learn from as templates know it, or what is wrong with it.
#[cfg(feature = "train")]
pub(crate) fn turn(message: &Message) -> Result<Turn, String> {
    if message.role == Role::Tool || !message.tool_calls.is_empty() {
        return Err("local models do not learn to call tools".to_owned());
    }
    plain(message)
}

/// A message's text as templates know it.
fn plain(message: &Message) -> Result<Turn, String> {
    let role = role(message)?;
    if let Some(Content::Parts(parts)) = &message.content
        && let Some(place) = parts.iter().position(|part| part.text().is_none())
    {
        return Err(format!("part {place} is not text, and the model reads text only"));
    }
    Ok(Turn { role: role.to_owned(), content: message.text(), more: serde_json::Map::new() })
}

/// The message's role as templates know it.
fn role(message: &Message) -> Result<&str, String> {
    let role = match &message.role {
        // What newer OpenAI models call the system message.
        Role::Developer => Role::System.as_str(),
        Role::System | Role::User | Role::Assistant | Role::Tool => message.role.as_str(),
        other => return Err(format!("the role {other} is not one that local models know")),
    };
    Ok(role)
}

/// Refuses forms that text cannot be held to.
#[cfg(not(feature = "json"))]
fn check_form(request: &ChatRequest) -> Result<()> {
    match &request.response_format {
        Some(format) if format.kind != "text" => {
            let problem = format!(
                "local models are not held to {} without the feature json; ask for text",
                format.kind
            );
            refuse("response_format", problem)
        }
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use openai_api::{FunctionCall, ResponseFormat, ToolCall};

    pub(super) fn request() -> ChatRequest {
        ChatRequest::new("m", vec![Message::user("hi")])
    }

    #[track_caller]
    pub(super) fn param(request: &ChatRequest) -> Option<String> {
        let error: openai_api::Error = read(request).err()?.into();
        let api = error.as_api().unwrap();
        assert_eq!(api.status, 400);
        Some(api.param.clone().unwrap())
    }

    #[test]
    fn a_form_that_cannot_be_kept_and_a_conversation_of_nothing_are_refused_by_name() {
        let mut form = ResponseFormat::json_object();
        form.kind = "poem".to_owned();
        let form = request().with_response_format(form);
        assert_eq!(param(&form).as_deref(), Some("response_format"));
        assert_eq!(param(&ChatRequest::new("m", Vec::new())).as_deref(), Some("messages"));
    }

    #[test]
    fn a_message_that_local_models_cannot_read_is_refused_by_its_place() {
        let request = ChatRequest::new(
            "m",
            vec![Message::user("hi"), Message::new("critic".into(), "42"), Message::user("so?")],
        );
        assert_eq!(param(&request).as_deref(), Some("messages[1]"));
        let unasked = ChatRequest::new("m", vec![Message::new(Role::Tool, "42")]);
        assert_eq!(param(&unasked).as_deref(), Some("messages[0].tool_call_id"));
        let mut calls = Message::user("hi");
        calls.tool_calls = vec![ToolCall::new("a", FunctionCall::new("f", "{}"))];
        let calls = ChatRequest::new("m", vec![calls]);
        assert_eq!(param(&calls).as_deref(), Some("messages[0].tool_calls"));
    }
}
