//! Answers and tools whose JSON is of a Rust type.

#[cfg(feature = "responses")]
mod response;
mod strict;
#[cfg(test)]
mod tests;
mod toolbox;

use std::fmt;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::toolbox::Toolbox;
use crate::backend::ChatBackend;
use crate::chat::{ChatCompletion, ChatRequest, FinishReason, ResponseFormat};
use crate::error::{Error, Result};
use crate::json_fault::JsonFault;
use crate::message::{Content, ContentPart, Message};
use crate::tool::{FunctionCall, Tool};

/// The schema of a Rust type, in the part of JSON Schema that servers keep to strictly.
///
/// That part is what OpenAI's guide to [structured outputs] lists: the type is a struct; every
/// object has all its fields and no others, so that what is optional is `null`; there are lists,
/// enums and references, also to the type itself, but no maps, tuples or arbitrary JSON. Doc
/// comments become descriptions, for the model to read. The model fills in fields in the order in
/// which the type declares them: put the reasoning before the answer.
///
/// ```
/// use openai_api::{ResponseFormat, StrictSchema};
/// # use openai_api::schemars;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Capital {
///     reasoning: String,
///     /// In English.
///     city: Option<String>,
/// }
///
/// let schema = StrictSchema::of::<Capital>()?;
/// assert_eq!(
///     schema.as_value().to_string(),
///     r#"{"type":"object","properties":{"reasoning":{"type":"string"},"city":{"type":["string","null"],"description":"In English."}},"required":["reasoning","city"],"additionalProperties":false}"#,
/// );
/// // OpenAI's fine-tuned models refuse ranges, lengths and patterns.
/// let format = ResponseFormat::from(schema.without_constraints());
/// # Ok::<(), openai_api::Error>(())
/// ```
///
/// [structured outputs]: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
#[derive(Clone, Debug, PartialEq)]
pub struct StrictSchema {
    name: String,
    description: Option<String>,
    schema: Value,
}

impl StrictSchema {
    /// Makes the schema of a type, named after it.
    ///
    /// What strict schemas have no word for, such as the length of a text or that the entries of
    /// a list differ, is left out.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] that names the place, if the type is no struct, or holds what
    /// strict schemas cannot tell.
    pub fn of<T: JsonSchema>() -> Result<Self> {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let mut schema = strict::strict(schema.as_value())
            .map_err(|fault| Error::invalid("schema", format!("{}: {fault}", T::schema_name())))?;
        let description = schema.shift_remove("description");
        let description = description.and_then(|text| Some(text.as_str()?.to_owned()));
        Ok(Self { name: name(&T::schema_name()), description, schema: schema.into() })
    }

    /// Leaves out ranges, lengths, patterns and formats, which OpenAI's fine-tuned models refuse.
    #[must_use]
    pub fn without_constraints(mut self) -> Self {
        strict::remove_constraints(&mut self.schema);
        self
    }

    /// The name: the type's, in letters, digits, `_` and `-`, at most 64.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema itself.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.schema
    }
}

/// What the API takes for the name of a schema.
fn name(of_type: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    of_type.chars().map(allowed).take(LONGEST_NAME).collect()
}

impl From<StrictSchema> for ResponseFormat {
    fn from(schema: StrictSchema) -> Self {
        let mut format = Self::json_schema(&schema.name, schema.schema);
        if let (Some(Value::Object(fields)), Some(description)) =
            (&mut format.json_schema, schema.description)
        {
            fields.insert("description".to_owned(), description.into());
        }
        format
    }
}

impl ResponseFormat {
    /// JSON that fits a Rust type, strictly.
    ///
    /// # Errors
    ///
    /// Those of [`StrictSchema::of`].
    pub fn of<T: JsonSchema>() -> Result<Self> {
        StrictSchema::of::<T>().map(Self::from)
    }
}

impl Tool {
    /// A function whose arguments are of a Rust type, which the model keeps to strictly.
    ///
    /// Doc comments on the type's fields tell the model what to put there.
    ///
    /// ```
    /// use openai_api::{FunctionCall, Tool};
    /// # use openai_api::schemars;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Place {
    ///     /// City and country, such as `Riga, Latvia`.
    ///     city: String,
    /// }
    ///
    /// let tool = Tool::of::<Place>("get_weather", "Tells the weather at a place")?;
    /// let call: FunctionCall = // as it comes back from the model
    ///     serde_json::from_str(r#"{"name": "get_weather", "arguments": "{\"city\": \"Riga\"}"}"#)?;
    /// assert_eq!(call.parse::<Place>()?.city, "Riga");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`StrictSchema::of`].
    pub fn of<Args: JsonSchema>(
        name: impl Into<String>,
        description: impl Into<String>,
    ) -> Result<Self> {
        let mut tool = Self::function(name, description, StrictSchema::of::<Args>()?.schema);
        tool.function.extra.insert("strict".to_owned(), true.into());
        Ok(tool)
    }
}

impl FunctionCall {
    /// The arguments, as a Rust type; none at all count as `{}`.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] with a [`JsonFault`] within if the model wrote something else.
    pub fn parse<Args: DeserializeOwned>(&self) -> Result<Args> {
        self.arguments_as().map_err(|fault| Error::Decode {
            what: "arguments of a function call",
            source: fault.into(),
        })
    }

    fn arguments_as<Args: DeserializeOwned>(&self) -> Result<Args, JsonFault> {
        let arguments = if self.arguments.trim().is_empty() { "{}" } else { &self.arguments };
        Ok(serde_json::from_str(arguments)?)
    }
}

/// An answer as a Rust type, and the completion that it came in; `Debug` does not show the answer.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Parsed<T> {
    /// The answer.
    pub value: T,
    /// The completion, with usage and request id.
    pub completion: ChatCompletion,
}

impl<T> fmt::Debug for Parsed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("completion", &self.completion).finish_non_exhaustive()
    }
}

/// A completion that is no answer of the type asked for.
///
/// Neither `Debug` nor `Display` shows what the model wrote; the completion has it.
pub struct NotParsed {
    /// Why not.
    pub reason: NotParsedReason,
    /// What came.
    pub completion: ChatCompletion,
}

impl NotParsed {
    /// Why the model would not answer, in its words, if that is so.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        refusal(&self.completion.choices.first()?.message)
    }
}

impl fmt::Debug for NotParsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request_id = self.completion.request_id();
        f.debug_struct("NotParsed")
            .field("reason", &self.reason)
            .field("request_id", &request_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for NotParsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for NotParsed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.reason)
    }
}

/// Why an answer is not of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotParsedReason {
    /// The model would not answer.
    #[error("the model refused to answer")]
    Refused,
    /// The limit on tokens, or the context window, was reached in the middle of the answer.
    #[error("the answer was cut short by the limit on tokens; allow more of them")]
    CutShort,
    /// A filter took the answer away.
    #[error("a content filter took the answer away")]
    Filtered,
    /// The response failed, was cancelled or is still under way.
    #[error("the response is not complete; look at its status")]
    Unfinished,
    /// The model wants tools called first.
    #[error("the model called tools instead of answering; run them and ask again")]
    CalledTools,
    /// The answer is not JSON, or does not fit the type; a server may not keep to schemas.
    #[error("the answer does not fit the type asked for")]
    Mismatch(#[source] JsonFault),
}

impl ChatCompletion {
    /// The first answer, as a Rust type.
    ///
    /// JSON in a Markdown code block, as servers without schemas give it, counts as JSON.
    ///
    /// # Errors
    ///
    /// The [reason](NotParsedReason) why there is none.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, NotParsedReason> {
        let message = self.choices.first().map(|choice| &choice.message);
        if message.and_then(refusal).is_some() {
            return Err(NotParsedReason::Refused);
        }
        match self.finish_reason() {
            Some(FinishReason::Length) => return Err(NotParsedReason::CutShort),
            Some(FinishReason::ContentFilter) => return Err(NotParsedReason::Filtered),
            _ => {}
        }
        let text = self.text();
        if text.is_empty() && message.is_some_and(|message| !message.tool_calls.is_empty()) {
            return Err(NotParsedReason::CalledTools);
        }
        parse_text(&text)
    }
}

/// Completes a chat with an answer of a type.
pub(crate) async fn complete_as<T, B>(backend: &B, mut request: ChatRequest) -> Result<Parsed<T>>
where
    T: JsonSchema + DeserializeOwned,
    B: ChatBackend + ?Sized,
{
    if request.response_format.is_none() {
        request.response_format = Some(ResponseFormat::of::<T>()?);
    }
    let completion = backend.complete(request).await?;
    match completion.parse() {
        Ok(value) => Ok(Parsed { value, completion }),
        Err(reason) => Err(Error::NotParsed(Box::new(NotParsed { reason, completion }))),
    }
}

/// The words in which the model refuses: in a field of their own or, of some servers, in a part.
fn refusal(message: &Message) -> Option<&str> {
    let field = message.refusal.as_deref();
    let in_part = || match &message.content {
        Some(Content::Parts(parts)) => parts.iter().find_map(|part| match part {
            ContentPart::Other(part) => part.as_object().and_then(refusal_part),
            ContentPart::Known(_) => None,
        }),
        _ => None,
    };
    field.filter(|text| !text.is_empty()).or_else(in_part)
}

fn refusal_part(part: &Map<String, Value>) -> Option<&str> {
    let is_refusal = part.get("type")? == "refusal";
    part.get("refusal").filter(|_| is_refusal)?.as_str()
}

fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, NotParsedReason> {
    serde_json::from_str(without_fence(text))
        .map_err(|error| NotParsedReason::Mismatch(error.into()))
}

/// The JSON in a code block, if the text is one; its line breaks stay, so that lines count right.
fn without_fence(text: &str) -> &str {
    let inside = || {
        let inside = text.trim().strip_prefix("```")?.strip_suffix("```")?;
        inside.find('\n').map(|end| &inside[end..])
    };
    inside().unwrap_or(text)
}

const LONGEST_NAME: usize = 64;
