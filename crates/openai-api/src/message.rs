//! Messages: who says what.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::open_enum;
use crate::serde_util::null_as_default;
use crate::tool::ToolCall;

open_enum! {
    /// Who a message is from.
    pub enum Role {
        /// Instructions that stand above the conversation.
        System = "system",
        /// What newer OpenAI models call `system`.
        Developer = "developer",
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// The result of a tool call.
        Tool = "tool",
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who it is from; an answer without a role is the assistant's.
    #[serde(default = "assistant")]
    pub role: Role,
    /// What it says; absent when an assistant only calls tools.
    #[serde(default)]
    pub content: Option<Content>,
    /// The speaker's name, to tell several users apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why the model would not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The tools that the assistant wants called.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Fields this version does not know, such as `weight` in training files.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Message {
    /// A message of any role.
    pub fn new(role: Role, content: impl Into<Content>) -> Self {
        Self {
            role,
            content: Some(content.into()),
            name: None,
            refusal: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: Map::new(),
        }
    }

    /// Instructions that stand above the conversation.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::new(Role::System, content)
    }

    /// What the person says.
    pub fn user(content: impl Into<Content>) -> Self {
        Self::new(Role::User, content)
    }

    /// What the model says.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The text of the message: all its text parts joined, empty if there are none.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.as_ref().map(Content::text).unwrap_or_default()
    }
}

fn assistant() -> Role {
    Role::Assistant
}

/// What a message says: plain text, or parts of text and images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text and images, in order.
    Parts(Vec<ContentPart>),
}

impl Content {
    /// All text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().filter_map(ContentPart::text).collect(),
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<ContentPart>> for Content {
    fn from(parts: Vec<ContentPart>) -> Self {
        Self::Parts(parts)
    }
}

/// A part of a message's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ContentPart {
    /// Text or an image.
    Known(KnownPart),
    /// A part this version does not know, as the server sent it.
    Other(Value),
}

impl ContentPart {
    /// A part that is text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::Known(KnownPart::Text { text: text.into() })
    }

    /// A part that is an image, by URL or as a `data:` URL.
    pub fn from_image(image_url: ImageUrl) -> Self {
        Self::Known(KnownPart::ImageUrl { image_url })
    }

    /// The text, if the part is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Known(KnownPart::Text { text }) => Some(text),
            _ => None,
        }
    }

    /// The image, if the part is an image.
    #[must_use]
    pub fn image(&self) -> Option<&ImageUrl> {
        match self {
            Self::Known(KnownPart::ImageUrl { image_url }) => Some(image_url),
            _ => None,
        }
    }
}

/// The kinds of part that every server knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnownPart {
    /// Text.
    Text {
        /// The text itself.
        text: String,
    },
    /// An image.
    ImageUrl {
        /// Where the image is, or the image itself.
        image_url: ImageUrl,
    },
}

/// An image by its URL, which may be a `data:` URL that holds the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageUrl {
    /// `https://…`, or `data:image/png;base64,…`.
    pub url: String,
    /// How closely the model should look: `low`, `high` or `auto` (the server's default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ImageUrl {
    /// An image by URL, looked at as closely as the server sees fit.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), detail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trips(json: &str) {
        let message: Message = serde_json::from_str(json).unwrap();
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), expected);
    }

    #[test]
    fn every_form_of_content_survives_a_round_trip() {
        round_trips(r#"{"role":"user","content":"hi"}"#);
        round_trips(r#"{"role":"user","content":[{"type":"text","text":"hi"}]}"#);
        round_trips(
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}"#,
        );
        round_trips(r#"{"role":"assistant","content":null}"#);
    }

    #[test]
    fn what_is_unknown_survives_a_round_trip() {
        round_trips(r#"{"role":"critic","content":[{"type":"smell","ppm":3}],"weight":0}"#);
    }

    #[test]
    fn text_joins_the_text_parts_and_leaves_images_out() {
        let parts = vec![
            ContentPart::from_text("a"),
            ContentPart::from_image(ImageUrl::new("data:,x")),
            ContentPart::from_text("b"),
        ];
        assert_eq!(Message::user(parts).text(), "ab");
    }
}
