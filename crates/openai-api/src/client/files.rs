//! `/files`.

use std::path::Path;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use reqwest::Method;

use crate::client::Client;
use crate::client::answer::Answer;
use crate::client::body::Piece;
use crate::client::call::Call;
use crate::client::form::{Attachment, Form, on_disk};
use crate::client::list::List;
use crate::error::Result;
use crate::file::{File, FileDeleted, FileId};
use crate::upload::{CreateUpload, UploadOptions};

/// A file's content as it comes; dropping it frees the connection.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

impl Client {
    /// Uploads a file from disk, for a purpose or with more [options](UploadOptions).
    ///
    /// It is read while it is sent, anew for each attempt, and never held in memory as a whole; the
    /// server is told its length beforehand.
    ///
    /// A file of more than 512 MB, which is OpenAI's limit, goes up in parts of 64 MB, each of which
    /// is tried again by itself, two at a time; [`ClientBuilder`](crate::ClientBuilder) has settings
    /// for both sizes. To a server that has no `/uploads` it goes as any other. An upload in parts
    /// that fails is cancelled; when this future is dropped, that is done in the background.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if it cannot be read, or becomes shorter meanwhile;
    /// [`Error::Api`](crate::Error::Api) if the server refuses it.
    pub async fn upload_file(
        &self,
        path: impl AsRef<Path>,
        options: impl Into<UploadOptions>,
    ) -> Result<File> {
        let (path, options) = (path.as_ref(), options.into());
        let content = on_disk(path).await?;
        let of_disk = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = options.name.clone().unwrap_or_else(of_disk);
        if content.len() > self.inner.uploads.whole {
            let mut request = CreateUpload::new(&*name, options.purpose.clone(), content.len());
            if let Some(mime_type) = &options.mime_type {
                request.mime_type.clone_from(mime_type);
            }
            request.expires_after.clone_from(&options.expires_after);
            if let Some(file) = self.upload_in_parts(&request, &content).await? {
                return Ok(file);
            }
        }
        self.upload(&name, content, &options).await
    }

    /// Uploads a file from memory under a name, which goes before one in the
    /// [options](UploadOptions).
    pub fn upload_bytes(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        options: impl Into<UploadOptions>,
    ) -> Call<File> {
        self.upload(name, Piece::Memory(bytes.into()), &options.into())
    }

    pub(super) fn upload(&self, name: &str, content: Piece, options: &UploadOptions) -> Call<File> {
        let call = self.call(Method::POST, &["files"], "file");
        let mut texts = vec![("purpose", options.purpose.as_str())];
        let seconds = options.expires_after.as_ref().map(|expiry| expiry.seconds.to_string());
        if let (Some(expiry), Some(seconds)) = (&options.expires_after, &seconds) {
            texts.push(("expires_after[anchor]", &expiry.anchor));
            texts.push(("expires_after[seconds]", seconds));
        }
        let mime_type = options.mime_type.as_deref().unwrap_or("application/octet-stream");
        let file = Attachment { field: "file", name, mime_type };
        call.form(Form::new(&texts, file, content))
    }

    /// Tells one file.
    pub fn file(&self, id: &FileId) -> Call<File> {
        self.call(Method::GET, &["files", id.as_str()], "file")
    }

    /// Lists the files.
    pub fn files(&self) -> List<File> {
        self.list(&["files"], "list of files")
    }

    /// Deletes a file.
    pub fn delete_file(&self, id: &FileId) -> Call<FileDeleted> {
        self.call(Method::DELETE, &["files", id.as_str()], "deletion").or_silence()
    }

    /// Fetches a file's content piece by piece.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not have it. Once the
    /// content has begun, errors come as an item, after which it ends.
    pub async fn file_content(&self, id: &FileId) -> Result<ByteStream> {
        let answer = self.content(id).request.run(|answer: Answer| async { Ok(answer) }).await?;
        let pieces =
            futures_util::stream::try_unfold((answer, true), |(mut answer, first)| async move {
                let piece =
                    answer.chunk(first).await.inspect_err(|error| answer.trace.failed(error))?;
                Ok(piece.map(|piece| (piece, (answer, false))))
            });
        Ok(pieces.boxed())
    }

    /// Fetches a file's content as a whole.
    ///
    /// # Errors
    ///
    /// Those of [`file_content`](Self::file_content).
    pub async fn file_bytes(&self, id: &FileId) -> Result<Bytes> {
        self.content(id).bytes().await
    }

    fn content(&self, id: &FileId) -> Call {
        self.call(Method::GET, &["files", id.as_str(), "content"], "file's content").accept("*/*")
    }
}
