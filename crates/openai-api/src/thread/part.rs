//! The parts of a thread's messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::ImageUrl;
use crate::shown::shows_no_text;
use crate::tagged::tagged;
use crate::wire::{plain_field, wire};

tagged! {
    /// A part of a message in a thread.
    pub enum ThreadPart {
        /// Text.
        Text(ThreadTextPart) = "text" or "text",
        /// An image among the server's files.
        ImageFile(ThreadImageFile) = "image_file",
        /// An image elsewhere.
        ImageUrl(ThreadImageUrl) = "image_url",
        /// Why the model would not answer.
        Refusal(ThreadRefusal) = "refusal",
    }
}

impl ThreadPart {
    /// The text, of a part that is text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(part) => part.text.as_str(),
            Self::Other(Value::String(text)) => text,
            _ => "",
        }
    }
}

wire! {
    /// A part that is text.
    pub struct ThreadTextPart tagged "text" {
        /// Which part grows, in a stream.
        pub index: Option<u32>,
        /// The text.
        pub text: ThreadText = stated,
    }
}

/// Text, alone or with notes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ThreadText {
    /// Text alone.
    Plain(String),
    /// Text with notes.
    Annotated(AnnotatedText),
}

impl ThreadText {
    /// The text alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Annotated(text) => &text.value,
        }
    }
}

shows_no_text!(ThreadText);

plain_field! {
    ThreadText: Self::Plain(String::new()) => |text| matches!(text, Self::Plain(text) if text.is_empty()),
}

wire! {
    /// Text with notes on where it is from.
    pub struct AnnotatedText {
        /// The text.
        pub value: String = stated,
        /// The notes, as JSON: `file_citation` or `file_path`, with the text they stand for.
        pub annotations: Vec<Value>,
    }
}

wire! {
    /// A part that is an image among the server's files.
    pub struct ThreadImageFile tagged "image_file" {
        /// Which part it is, in a stream.
        pub index: Option<u32>,
        /// The image: `file_id` and `detail`.
        pub image_file: Value = stated,
    }
}

wire! {
    /// A part that is an image elsewhere.
    pub struct ThreadImageUrl tagged "image_url" {
        /// Which part it is, in a stream.
        pub index: Option<u32>,
        /// Where the image is.
        pub image_url: Option<ImageUrl> = stated,
    }
}

wire! {
    /// A part that says why the model would not answer.
    pub struct ThreadRefusal tagged "refusal" {
        /// Which part grows, in a stream.
        pub index: Option<u32>,
        /// Why.
        pub refusal: String = stated,
    }
}
