//! Forms of texts and files, read from disk while they are sent.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use reqwest::header::HeaderValue;

use crate::client::body::{Body, Disk, Piece};
use crate::error::{Error, Result};
use crate::mime::mime_type;

/// A form of texts and files as browsers send it (`multipart/form-data`), for
/// [`Call::form`](crate::Call::form); needs the feature `files`.
///
/// Its fields are sent in the order they were added in; names may repeat. `Debug` shows the names
/// alone.
///
/// ```
/// use openai_api::testing::{Reply, ScriptedServer};
/// use openai_api::{Client, Form, FormFile};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = ScriptedServer::start([Reply::json(200, json!({"text": "The lake is deep."}))]).await?;
/// let client = Client::builder().base_url(server.url()).build()?;
/// let speech = FormFile::from_bytes("speech.wav", &b"RIFF"[..]);
/// let form = Form::new().text("model", "whisper-1").file("file", speech);
/// let answer = client.post("audio/transcriptions").form(form).await?;
/// assert_eq!(answer["text"], "The lake is deep.");
/// assert!(server.requests()[0].text().contains("content-type: audio/wav"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Form {
    fields: Vec<(String, Field)>,
}

#[derive(Clone)]
enum Field {
    Text(String),
    File(FormFile),
}

impl Form {
    /// A form without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.fields.push((name.into(), Field::Text(text.into())));
        self
    }

    /// Adds a file, from memory or from disk.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, file: FormFile) -> Self {
        self.fields.push((name.into(), Field::File(file)));
        self
    }

    /// The text of the first field with this name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(known, field)| match field {
            Field::Text(text) if known == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// Its content type and its body; looks how long the files are.
    pub(super) async fn open(&self) -> Result<(HeaderValue, Body)> {
        let boundary = format!("attune-{:032x}", fastrand::u128(..));
        let content_type =
            HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                .map_err(|_| Error::invalid("boundary", "is no header"))?;
        let memory = |text: String| Piece::Memory(Bytes::from(text));
        let mut pieces = Vec::new();
        // What lies between the files.
        let mut texts = String::new();
        for (name, field) in &self.fields {
            let name = escape(name);
            texts.push_str(&format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\""
            ));
            match field {
                Field::Text(text) => texts.push_str(&format!("\r\n\r\n{text}")),
                Field::File(file) => {
                    let (name, mime_type) = (escape(&file.name), file.mime_type()?);
                    texts.push_str(&format!(
                        "; filename=\"{name}\"\r\ncontent-type: {mime_type}\r\n\r\n"
                    ));
                    pieces.push(memory(std::mem::take(&mut texts)));
                    pieces.push(file.open().await?);
                }
            }
            texts.push_str("\r\n");
        }
        texts.push_str(&format!("--{boundary}--\r\n"));
        pieces.push(memory(texts));
        Ok((content_type, Body::new(pieces)))
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// A file in a [`Form`]; needs the feature `files`.
///
/// Its MIME type is the one that goes with the ending of its name, unless another is set. One on
/// disk is read while it is sent, anew for each attempt, and never held in memory as a whole; the
/// server is told its length beforehand. If it cannot be read, or becomes shorter meanwhile, the call
/// ends with [`Error::File`].
#[derive(Clone)]
pub struct FormFile {
    name: String,
    mime_type: Option<String>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Open(Piece),
    Path(PathBuf),
}

impl FormFile {
    /// A file from memory, under a name.
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::of(name, Piece::Memory(bytes.into()))
    }

    /// A file from disk, under its own name.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, mime_type: None, content: Content::Path(path) }
    }

    pub(super) fn of(name: impl Into<String>, content: Piece) -> Self {
        Self { name: name.into(), mime_type: None, content: Content::Open(content) }
    }

    /// Sets the name that the server is told.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the MIME type.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn mime_type(&self) -> Result<&str> {
        let mime_type = self.mime_type.as_deref().unwrap_or_else(|| mime_type(&self.name));
        if mime_type.contains(|c: char| c.is_ascii_control()) {
            return Err(Error::invalid("MIME type", "has a line break or the like in it"));
        }
        Ok(mime_type)
    }

    /// Its content type and itself as a body.
    pub(super) async fn open_alone(&self) -> Result<(HeaderValue, Body)> {
        let mime_type = HeaderValue::from_str(self.mime_type()?)
            .map_err(|_| Error::invalid("MIME type", "cannot be carried by HTTP"))?;
        Ok((mime_type, Body::new(vec![self.open().await?])))
    }

    /// What it holds; of a file on disk, as much as there is now.
    pub(super) async fn open(&self) -> Result<Piece> {
        match &self.content {
            Content::Open(piece) => Ok(piece.clone()),
            Content::Path(path) => Disk::whole(path).await.map(Piece::Disk),
        }
    }
}

impl fmt::Debug for FormFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormFile")
            .field("name", &self.name)
            .field("mime_type", &self.mime_type)
            .finish_non_exhaustive()
    }
}

/// Escapes a name as browsers do.
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
