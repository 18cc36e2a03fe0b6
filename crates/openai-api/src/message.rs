//! Messages: who says what.

use std::{fmt, mem};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::open_enum::open_enum;
use crate::shown::shows_no_text;
use crate::tool::ToolCall;
use crate::wire::{Field as _, TYPE, plain_field, wire, write_extra};

open_enum! {
    /// Who a message is from.
    pub enum Role default Assistant {
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

wire! {
    /// One message of a conversation.
    pub struct Message {
        /// Who it is from; an answer without a role is the assistant's.
        pub role: Role = stated,
        /// What it says; absent when an assistant only calls tools.
        pub content: Option<Content> = stated,
        /// The speaker's name, to tell several users apart.
        pub name: Option<String>,
        /// Why the model would not answer.
        pub refusal: Option<String>,
        /// What parts of the text refer to, such as pages on the web.
        pub annotations: Vec<Value>,
        /// What the model thought before it answered, where a server tells it.
        pub reasoning_content: Option<String>,
        /// The tools that the assistant wants called.
        pub tool_calls: Vec<ToolCall>,
        /// Which call a tool's message answers.
        pub tool_call_id: Option<String>,
        /// The answer as sound, where asked for, or the id of one to go on with.
        pub audio: Option<Value>,
    }
}

impl Message {
    /// A message of any role.
    pub fn new(role: Role, content: impl Into<Content>) -> Self {
        Self { role, content: Some(content.into()), ..Self::blank() }
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

    /// Instructions by whoever wrote the program; what newer OpenAI models call `system`.
    pub fn developer(content: impl Into<Content>) -> Self {
        Self::new(Role::Developer, content)
    }

    /// What the tool of a [call](crate::ToolCall) with this id gave.
    pub fn tool(call_id: impl Into<String>, content: impl Into<Content>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::new(Role::Tool, content) }
    }

    /// The text of the message: all its text parts joined, empty if there are none.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.as_ref().map(Content::text).unwrap_or_default()
    }
}

/// What a message says: plain text, or parts of text and images.
#[derive(Clone, PartialEq, Serialize)]
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

    /// All text parts joined, where nothing else of the content is needed.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            parts @ Self::Parts(_) => parts.text(),
        }
    }
}

/// By hand, since what serde derives for it reads each text twice.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;

        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }

        deserializer.deserialize_any(TextOrParts)
    }
}

plain_field! {
    Content: Self::Text(String::new()) => |_| false,
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
#[derive(Clone, PartialEq, Serialize)]
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
        Self::Known(KnownPart::Text { text: text.into(), extra: Map::new() })
    }

    /// A part that is an image, by URL or as a `data:` URL.
    #[must_use]
    pub fn from_image(image_url: ImageUrl) -> Self {
        Self::Known(KnownPart::ImageUrl { image_url, extra: Map::new() })
    }

    /// The text, if the part is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Known(KnownPart::Text { text, .. }) => Some(text),
            _ => None,
        }
    }

    /// The image, if the part is an image.
    #[must_use]
    pub fn image(&self) -> Option<&ImageUrl> {
        match self {
            Self::Known(KnownPart::ImageUrl { image_url, .. }) => Some(image_url),
            _ => None,
        }
    }
}

/// The kinds of part that every server knows.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum KnownPart {
    /// Text.
    #[non_exhaustive]
    Text {
        /// The text itself.
        text: String,
        /// Fields this version does not know, such as `cache_control`.
        extra: Map<String, Value>,
    },
    /// An image.
    #[non_exhaustive]
    ImageUrl {
        /// Where the image is, or the image itself.
        image_url: ImageUrl,
        /// Fields this version does not know.
        extra: Map<String, Value>,
    },
}

shows_no_text! { Content, ContentPart, KnownPart }

// By hand, out of a `Value`: what serde derives for such enums reads each part into a value of its
// own kind, and is compiled once more for that.

impl<'de> Deserialize<'de> for ContentPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(known_part(Value::deserialize(deserializer)?).map_or_else(Self::Other, Self::Known))
    }
}

impl<'de> Deserialize<'de> for KnownPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        known_part(Value::deserialize(deserializer)?)
            .map_err(|_| de::Error::custom("expected a part that is a text or an image"))
    }
}

impl Serialize for KnownPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let extra = match self {
            Self::Text { text, extra } => {
                map.serialize_entry(TYPE, TEXT)?;
                map.serialize_entry(TEXT, text)?;
                extra
            }
            Self::ImageUrl { image_url, extra } => {
                map.serialize_entry(TYPE, IMAGE_URL)?;
                map.serialize_entry(IMAGE_URL, image_url)?;
                extra
            }
        };
        write_extra(&mut map, extra, |_| false)?;
        map.end()
    }
}

/// A text or an image, or else the same part again.
fn known_part(part: Value) -> Result<KnownPart, Value> {
    let Value::Object(mut fields) = part else { return Err(part) };
    let known = match fields.get(TYPE).and_then(Value::as_str) {
        Some(TEXT) => {
            take_text(&mut fields, TEXT).map(|text| KnownPart::Text { text, extra: Map::new() })
        }
        Some(IMAGE_URL) => take_image(&mut fields)
            .map(|image_url| KnownPart::ImageUrl { image_url, extra: Map::new() }),
        _ => None,
    };
    match known {
        Some(mut known) => {
            fields.remove(TYPE);
            let (KnownPart::Text { extra, .. } | KnownPart::ImageUrl { extra, .. }) = &mut known;
            *extra = fields;
            Ok(known)
        }
        None => Err(Value::Object(fields)),
    }
}

/// Takes an image out of its part.
fn take_image(part: &mut Map<String, Value>) -> Option<ImageUrl> {
    let image = part.get_mut(IMAGE_URL)?.as_object_mut()?;
    let url = take_text(image, "url")?;
    let detail = take_text(image, "detail");
    let extra = mem::take(image);
    part.remove(IMAGE_URL);
    Some(ImageUrl { detail, extra, ..ImageUrl::new(url) })
}

/// Takes a text out of the fields of an object; leaves anything else there.
fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    let text = match fields.get_mut(name)? {
        Value::String(text) => mem::take(text),
        _ => return None,
    };
    fields.remove(name);
    Some(text)
}

const TEXT: &str = "text";
const IMAGE_URL: &str = "image_url";

wire! {
    /// An image by its URL, which may be a `data:` URL that holds the image.
    #[derive(Eq)]
    pub struct ImageUrl {
        /// `https://…`, or `data:image/png;base64,…`.
        pub url: String = required,
        /// How closely the model should look: `low`, `high` or `auto` (the server's default).
        pub detail: Option<String>,
    }
}

impl ImageUrl {
    /// An image by URL, looked at as closely as the server sees fit.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::blank() }
    }

    /// An image by its bytes, as a `data:` URL with the media type that the bytes show.
    ///
    /// ```
    /// use openai_api::ImageUrl;
    ///
    /// let image = ImageUrl::from_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;").unwrap();
    /// assert_eq!(image.url, "data:image/gif;base64,R0lGODlhAQABAAAAADs=");
    /// assert!(ImageUrl::from_bytes(b"hello").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the bytes are not a JPEG, PNG, WebP or GIF image.
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> crate::error::Result<Self> {
        let media_type = image_media_type(bytes).ok_or_else(|| {
            let found = if bytes.is_empty() { "no bytes at all" } else { "something else" };
            let problem = format!("expected a JPEG, PNG, WebP or GIF image, found {found}");
            Error::invalid("image", problem)
        })?;
        let mut url = String::with_capacity(32 + bytes.len().div_ceil(3) * 4);
        url.push_str("data:");
        url.push_str(media_type);
        url.push_str(";base64,");
        STANDARD.encode_string(bytes, &mut url);
        Ok(Self::new(url))
    }

    /// Sets how closely the model should look: `low`, `high` or `auto`.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

fn image_media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
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
    fn what_is_unknown_within_a_part_or_a_call_survives_a_round_trip() {
        round_trips(
            r#"{"role":"user","content":[
                {"type":"text","text":"hi","cache_control":{"type":"ephemeral"}},
                {"type":"image_url","image_url":{"url":"data:,x","format":"png"},"id":7,"none":null}
            ]}"#,
        );
        round_trips(
            r#"{"role":"assistant","content":null,"tool_calls":[
                {"id":"a","type":"function","index":0,"function":{"name":"f","arguments":"","x":1}},
                {"id":"b","type":"custom","custom":{"name":"c","input":"so"}}
            ]}"#,
        );
    }

    #[test]
    fn a_part_with_unknown_fields_is_still_text_or_an_image() {
        let parts: Vec<ContentPart> = serde_json::from_str(
            r#"[{"type":"text","text":"a","x":1},{"type":"image_url","image_url":{"url":"u"},"x":1}]"#,
        )
        .unwrap();
        assert_eq!(parts[0].text(), Some("a"));
        assert_eq!(parts[1].image().map(|image| image.url.as_str()), Some("u"));
        assert_eq!(parts[1].text(), None);
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

    #[test]
    fn an_image_gets_the_media_type_that_its_bytes_show() {
        for (bytes, expected) in [
            (&b"\xff\xd8\xff\xe0"[..], "data:image/jpeg;base64,/9j/4A=="),
            (b"\x89PNG\r\n\x1a\n", "data:image/png;base64,iVBORw0KGgo="),
            (b"GIF87a", "data:image/gif;base64,R0lGODdh"),
            (b"RIFF\x04\0\0\0WEBP", "data:image/webp;base64,UklGRgQAAABXRUJQ"),
        ] {
            assert_eq!(ImageUrl::from_bytes(bytes).unwrap().url, expected);
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for bytes in [&b""[..], b"hello", b"\x89PN", b"RIFF\x04\0\0\0WAVE", b"BM\x00\x00"] {
            let error = ImageUrl::from_bytes(bytes).unwrap_err();
            assert!(error.to_string().starts_with("image: expected a JPEG"), "{error}");
        }
    }
}
