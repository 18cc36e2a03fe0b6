//! A form with a file in it, read from disk while it is sent.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderValue;

use crate::client::body::{Body, Piece};
use crate::error::{Error, Result};

/// A multipart form as browsers send it.
pub(super) struct Form {
    pub(super) content_type: HeaderValue,
    pub(super) body: Body,
}

/// What is said of the file in a form.
pub(super) struct Attachment<'a> {
    /// The name of its field.
    pub(super) field: &'a str,
    /// Its own name.
    pub(super) name: &'a str,
    pub(super) mime_type: &'a str,
}

impl Form {
    /// A form with a few texts and, last, a file.
    pub(super) fn new(
        texts: &[(&str, &str)],
        file: Attachment<'_>,
        content: Piece,
    ) -> Result<Self> {
        let Attachment { field, name, mime_type } = file;
        if mime_type.contains(|c: char| c.is_ascii_control()) {
            return Err(Error::invalid("MIME type", "has a line break or the like in it"));
        }
        let boundary = format!("attune-{:032x}", fastrand::u128(..));
        let content_type =
            HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                .map_err(|_| Error::invalid("boundary", "is no header"))?;
        let mut head = String::new();
        for (name, text) in texts {
            head.push_str(&format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
            ));
        }
        head.push_str(&format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{}\"\r\n\
             content-type: {mime_type}\r\n\r\n",
            escape(name),
        ));
        let tail = format!("\r\n--{boundary}--\r\n");
        let memory = |text: String| Piece::Memory(Bytes::from(text));
        let body = Body::new(vec![memory(head), content, memory(tail)]);
        Ok(Self { content_type, body })
    }
}

/// A file on disk, of the size it has now.
pub(super) async fn on_disk(path: &Path) -> Result<Piece> {
    let fail = |source| Error::File { path: path.to_owned(), source };
    // Opened too, so that one that may not be read is told before anything is sent.
    let file = tokio::fs::File::open(path).await.map_err(fail)?;
    let metadata = file.metadata().await.map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(io::Error::other("it is not a regular file")));
    }
    Ok(Piece::Disk { path: Arc::new(path.to_owned()), offset: 0, length: metadata.len() })
}

/// Escapes a name as browsers do.
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
