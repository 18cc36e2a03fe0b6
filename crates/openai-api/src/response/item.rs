//! Items: what goes into a response and what comes out of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file::FileId;
use crate::message::{ImageUrl, Role};
use crate::open_enum::open_enum;
use crate::shown::shows_no_text;
use crate::tagged::tagged;
use crate::wire::{Field as _, plain_field, wire};

tagged! {
    /// One step of a conversation, be it given or made.
    ///
    /// The same items go in and come out, so what a response gave can be put into the next request
    /// as it is; kinds that this crate has no type for survive that, too.
    pub enum ResponseItem {
        /// A message, of the user or of the model.
        Message(ResponseMessage) = "message" or "role",
        /// A call of a function that the model wants made.
        FunctionCall(ResponseFunctionCall) = "function_call",
        /// What a function that was called gave.
        FunctionCallOutput(FunctionCallOutput) = "function_call_output",
        /// What the model thought before it answered.
        Reasoning(ReasoningItem) = "reasoning",
    }
}

impl ResponseItem {
    /// A message of any role.
    pub fn message(role: Role, content: impl Into<ResponseContent>) -> Self {
        let content = content.into();
        Self::Message(ResponseMessage { role, content, ..ResponseMessage::blank() })
    }

    /// What the person says.
    pub fn user(content: impl Into<ResponseContent>) -> Self {
        Self::message(Role::User, content)
    }

    /// Instructions by whoever wrote the program.
    pub fn developer(content: impl Into<ResponseContent>) -> Self {
        Self::message(Role::Developer, content)
    }

    /// What the model said.
    pub fn assistant(content: impl Into<ResponseContent>) -> Self {
        Self::message(Role::Assistant, content)
    }

    /// What the function of a call gave.
    pub fn function_output(call_id: impl Into<String>, output: impl Into<ResponseContent>) -> Self {
        let (call_id, output) = (call_id.into(), output.into());
        Self::FunctionCallOutput(FunctionCallOutput {
            call_id,
            output,
            ..FunctionCallOutput::blank()
        })
    }

    /// The item's id; empty for one that no server has seen.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Message(item) => &item.id,
            Self::FunctionCall(item) => &item.id,
            Self::FunctionCallOutput(item) => &item.id,
            Self::Reasoning(item) => &item.id,
            Self::Other(item) => item["id"].as_str().unwrap_or_default(),
        }
    }
}

wire! {
    /// A message among the items.
    pub struct ResponseMessage tagged "message" {
        /// Its id, where a server keeps it.
        pub id: String,
        /// How far it is.
        pub status: Option<ItemStatus>,
        /// Who it is from.
        pub role: Role = stated,
        /// What it says.
        pub content: ResponseContent = stated,
    }
}

impl ResponseMessage {
    /// All text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.text()
    }
}

open_enum! {
    /// How far an item is.
    pub enum ItemStatus {
        /// The model is at it.
        InProgress = "in_progress",
        /// It is whole.
        Completed = "completed",
        /// It was cut off.
        Incomplete = "incomplete",
    }
}

/// What a message says, or a function gave: plain text, or parts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ResponseContent {
    /// Plain text.
    Text(String),
    /// Text, images and files, in order.
    Parts(Vec<ResponsePart>),
    /// What this version does not know, as it came.
    Other(Value),
}

shows_no_text! { ResponseContent }

impl ResponseContent {
    /// All text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().filter_map(ResponsePart::text).collect(),
            Self::Other(_) => String::new(),
        }
    }

    /// Why the model would not answer, if it did not.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        let Self::Parts(parts) = self else { return None };
        parts.iter().find_map(|part| match part {
            ResponsePart::Refusal(part) => Some(part.refusal.as_str()),
            _ => None,
        })
    }

    fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
            Self::Other(value) => value.is_null(),
        }
    }
}

plain_field! {
    ResponseContent: Self::Other(Value::Null) => Self::is_blank,
}

impl From<&str> for ResponseContent {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ResponseContent {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<ResponsePart>> for ResponseContent {
    fn from(parts: Vec<ResponsePart>) -> Self {
        Self::Parts(parts)
    }
}

tagged! {
    /// A part of what a message says.
    pub enum ResponsePart {
        /// Text that is given to the model.
        InputText(InputText) = "input_text",
        /// An image that is given to the model.
        InputImage(InputImage) = "input_image",
        /// A file that is given to the model.
        InputFile(InputFile) = "input_file",
        /// Text that the model wrote.
        OutputText(OutputText) = "output_text",
        /// The model would not answer.
        Refusal(Refusal) = "refusal",
    }
}

impl ResponsePart {
    /// A part that is text, for the model to read.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::InputText(InputText { text: text.into(), ..InputText::blank() })
    }

    /// A part that is an image, by URL or as a `data:` URL.
    #[must_use]
    pub fn from_image(image: ImageUrl) -> Self {
        let (image_url, detail) = (Some(image.url), image.detail);
        Self::InputImage(InputImage { image_url, detail, ..InputImage::blank() })
    }

    /// A part that is an image which the server keeps.
    pub fn from_image_file(id: impl Into<FileId>) -> Self {
        Self::InputImage(InputImage { file_id: Some(id.into()), ..InputImage::blank() })
    }

    /// A part that is a file at a URL, which the server fetches.
    pub fn from_file_url(url: impl Into<String>) -> Self {
        Self::InputFile(InputFile { file_url: Some(url.into()), ..InputFile::blank() })
    }

    /// A part that is a file by content: its name, its type such as `application/pdf`, its bytes.
    pub fn from_file_bytes(name: impl Into<String>, mime_type: &str, bytes: &[u8]) -> Self {
        let mut file_data = format!("data:{mime_type};base64,");
        STANDARD.encode_string(bytes, &mut file_data);
        Self::InputFile(InputFile {
            filename: Some(name.into()),
            file_data: Some(file_data),
            ..InputFile::blank()
        })
    }

    /// A part that is a file which the server keeps.
    pub fn from_file(id: impl Into<FileId>) -> Self {
        Self::InputFile(InputFile { file_id: Some(id.into()), ..InputFile::blank() })
    }

    /// The text, if the part is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::InputText(part) => Some(&part.text),
            Self::OutputText(part) => Some(&part.text),
            _ => None,
        }
    }
}

wire! {
    /// Text that is given to the model.
    pub struct InputText tagged "input_text" {
        /// The text itself.
        pub text: String = stated,
    }
}

wire! {
    /// An image that is given to the model: by URL, or by the id of a file that the server keeps.
    pub struct InputImage tagged "input_image" {
        /// `https://…`, or `data:image/png;base64,…`.
        pub image_url: Option<String>,
        /// The file's id.
        pub file_id: Option<FileId>,
        /// How closely the model should look: `low`, `high`, `original` or `auto` (the default).
        pub detail: Option<String>,
    }
}

wire! {
    /// A file that is given to the model: by id, by URL or by content.
    pub struct InputFile tagged "input_file" {
        /// The id of a file that the server keeps.
        pub file_id: Option<FileId>,
        /// Where the file is.
        pub file_url: Option<String>,
        /// Its name, for one that is given by content.
        pub filename: Option<String>,
        /// Its content as a `data:` URL.
        pub file_data: Option<String>,
    }
}

wire! {
    /// Text that the model wrote.
    pub struct OutputText tagged "output_text" {
        /// The text itself.
        pub text: String = stated,
        /// What it cites, and where.
        pub annotations: Vec<Value> = stated,
        /// How likely each token was, where asked for.
        pub logprobs: Vec<Value>,
    }
}

wire! {
    /// Why the model would not answer.
    pub struct Refusal tagged "refusal" {
        /// What it says of it.
        pub refusal: String = stated,
    }
}

wire! {
    /// A call of a function that the model wants made.
    pub struct ResponseFunctionCall tagged "function_call" {
        /// The item's id.
        pub id: String,
        /// What the function's output refers to.
        pub call_id: String = stated,
        /// The function's name.
        pub name: String = stated,
        /// The arguments as the model wrote them: JSON text that may be invalid.
        pub arguments by JsonText: String = stated,
        /// How far it is.
        pub status: Option<ItemStatus>,
    }
}

impl ResponseFunctionCall {
    /// The item that tells the model what the function gave.
    pub fn output(&self, output: impl Into<ResponseContent>) -> ResponseItem {
        ResponseItem::function_output(&self.call_id, output)
    }
}

wire! {
    /// What a function that was called gave.
    pub struct FunctionCallOutput tagged "function_call_output" {
        /// The item's id.
        pub id: String,
        /// Which call it answers.
        pub call_id: String = stated,
        /// What the function gave.
        pub output: ResponseContent = stated,
        /// How far it is.
        pub status: Option<ItemStatus>,
    }
}

wire! {
    /// What the model thought before it answered.
    ///
    /// It has to go back with the outputs of the functions that were called.
    pub struct ReasoningItem tagged "reasoning" {
        /// The item's id.
        pub id: String = stated,
        /// What it came to, in parts of type `summary_text`.
        pub summary: Vec<ReasoningText> = stated,
        /// What it was, in parts of type `reasoning_text`; OpenAI does not tell it.
        pub content: Vec<ReasoningText>,
        /// What it was, for the server alone to read; given where the request includes
        /// `reasoning.encrypted_content`.
        pub encrypted_content: Option<String>,
        /// How far it is.
        pub status: Option<ItemStatus>,
    }
}

impl ReasoningItem {
    /// The summary's parts, joined by blank lines.
    #[must_use]
    pub fn summary_text(&self) -> String {
        let parts: Vec<&str> = self.summary.iter().map(|part| part.text.as_str()).collect();
        parts.join("\n\n")
    }
}

wire! {
    /// A part of what a model thought.
    pub struct ReasoningText {
        /// `summary_text` or `reasoning_text`.
        pub kind as "type": String = stated,
        /// The text itself.
        pub text: String = stated,
    }
}

impl ReasoningText {
    /// A part of a summary.
    pub(crate) fn summary(text: String) -> Self {
        Self { kind: "summary_text".to_owned(), text, ..Self::blank() }
    }
}
