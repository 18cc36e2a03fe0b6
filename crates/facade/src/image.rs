//! Descriptions of images.

use std::path::{Path, PathBuf};

use openai_api::{
    ChatCompletion, ChatRequest, ContentPart, ImageUrl, Message, ModelId, ResponseFormat, Usage,
};
use serde_json::Value;

use crate::blocking;
use crate::error::{Error, Result};

/// An image: a file, bytes, or a URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ImageSource {
    /// A file of JPEG, PNG, WebP or GIF.
    Path(PathBuf),
    /// The bytes of such a file.
    Bytes(Vec<u8>),
    /// A URL that the server fetches, or a `data:` URL.
    Url(String),
}

impl From<&Path> for ImageSource {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for ImageSource {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<Vec<u8>> for ImageSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A URL if it begins like one (`http:`, `https:` or `data:`), else a path.
impl From<&str> for ImageSource {
    fn from(text: &str) -> Self {
        let is_url = ["http://", "https://", "data:"].iter().any(|scheme| text.starts_with(scheme));
        if is_url { Self::Url(text.to_owned()) } else { Self::Path(text.into()) }
    }
}

/// What to ask of an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DescribeImage {
    /// The image.
    pub image: ImageSource,
    /// What to ask; "What's in this image?" unless set.
    pub prompt: String,
    /// Instructions above the question.
    pub system_instruction: Option<String>,
    /// At most this many tokens in the answer; 800 unless set.
    pub max_tokens: u32,
}

impl DescribeImage {
    /// Asks what is in an image.
    pub fn new(image: impl Into<ImageSource>) -> Self {
        Self {
            image: image.into(),
            prompt: DEFAULT_PROMPT.to_owned(),
            system_instruction: None,
            max_tokens: 800,
        }
    }

    /// Sets what to ask.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = prompt.into();
        self
    }

    /// Sets instructions above the question.
    #[must_use]
    pub fn with_system_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.system_instruction = Some(instruction.into());
        self
    }
}

impl<T: Into<ImageSource>> From<T> for DescribeImage {
    fn from(image: T) -> Self {
        Self::new(image)
    }
}

/// What a model says of an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ImageDescription {
    /// The answer as the model gave it.
    pub text: String,
    /// The JSON in the answer, if there is any: bare, fenced, or amid other text.
    pub json: Option<Value>,
    /// The model that answered.
    pub model: ModelId,
    /// How many tokens it took, where the server counts them.
    pub usage: Option<Usage>,
    /// The server's id for the HTTP exchange.
    pub request_id: Option<String>,
}

/// The request; the image is read and checked for it.
pub(crate) async fn request(model: ModelId, ask: DescribeImage) -> Result<ChatRequest> {
    let image = load(ask.image).await?;
    let instruction = ask.system_instruction.map_or_else(
        || JSON_INSTRUCTION.to_owned(),
        |instruction| format!("{instruction}\n\n{JSON_INSTRUCTION}"),
    );
    let parts = vec![ContentPart::from_text(ask.prompt), ContentPart::from_image(image)];
    Ok(ChatRequest::new(model, vec![Message::system(instruction), Message::user(parts)])
        .with_temperature(0.0)
        .with_max_tokens(ask.max_tokens)
        .with_response_format(ResponseFormat::json_object()))
}

/// What the answer says.
pub(crate) fn description(completion: ChatCompletion) -> ImageDescription {
    let text = completion.text().trim().to_owned();
    ImageDescription {
        json: find_json(&text),
        text,
        request_id: completion.request_id().map(str::to_owned),
        model: completion.model,
        usage: completion.usage,
    }
}

async fn load(image: ImageSource) -> Result<ImageUrl> {
    let bytes = match image {
        ImageSource::Url(url) => return Ok(ImageUrl::new(url)),
        ImageSource::Bytes(bytes) => bytes,
        ImageSource::Path(path) => {
            let read = move || match std::fs::read(&path) {
                Ok(bytes) => Ok(bytes),
                Err(source) => Err(Error::File { action: "read the image", path, source }),
            };
            blocking::run(read).await?
        }
    };
    Ok(ImageUrl::from_bytes(&bytes)?)
}

/// The first JSON object or array in `text`.
fn find_json(text: &str) -> Option<Value> {
    text.match_indices(['{', '[']).find_map(|(start, _)| {
        serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>().next()?.ok()
    })
}

const DEFAULT_PROMPT: &str = "What's in this image?";
/// Servers that offer JSON answers want the word in the request.
const JSON_INSTRUCTION: &str = "Answer with one JSON object.";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_bare_fenced_and_amid_text() {
        for text in [
            r#"{"a": 1}"#,
            "```json\n{\"a\": 1}\n```",
            r#"Here you are: {"a": 1}. Anything else?"#,
            r#"A brace { and then {"a": 1}"#,
        ] {
            assert_eq!(find_json(text), Some(json!({"a": 1})), "{text}");
        }
        assert_eq!(find_json("A lake."), None);
    }

    #[test]
    fn text_that_begins_like_a_url_is_one() {
        assert!(matches!(ImageSource::from("https://a.example/b.png"), ImageSource::Url(_)));
        assert!(matches!(ImageSource::from("data:image/png;base64,"), ImageSource::Url(_)));
        assert!(matches!(ImageSource::from("photos/https.png"), ImageSource::Path(_)));
    }
}
