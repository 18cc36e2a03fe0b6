//! `/files`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;
use reqwest::{Body, Method};

use crate::client::Client;
use crate::client::transport::{Answer, all_pages, causes};
use crate::client::upload::{Form, ReadFailed};
use crate::error::{Error, Result};
use crate::file::{File, FileDeleted, FileId, FilePurpose};

/// A file's content as it comes; dropping it frees the connection.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

impl Client {
    /// Uploads a file from disk.
    ///
    /// It is read while it is sent and never held in memory as a whole; the server is told its
    /// length beforehand.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, or becomes shorter meanwhile; [`Error::Api`] if the
    /// server refuses it.
    pub async fn upload_file(&self, path: impl AsRef<Path>, purpose: FilePurpose) -> Result<File> {
        let path = path.as_ref();
        self.upload(path, Form::from_disk(path, &purpose).await?).await
    }

    /// Uploads a file from memory under a name.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] if the server refuses it.
    pub async fn upload_bytes(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        purpose: FilePurpose,
    ) -> Result<File> {
        self.upload(Path::new(name), Form::from_memory(name, bytes.into(), &purpose)?).await
    }

    /// Tells one file.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] with status 404 if the server does not have it.
    pub async fn file(&self, id: &FileId) -> Result<File> {
        self.get(&["files", id.as_str()])?.read("file").await
    }

    /// Lists all files, page by page until the last.
    ///
    /// # Errors
    ///
    /// Whatever keeps the server from telling.
    pub async fn files(&self) -> Result<Vec<File>> {
        let call = || self.get(&["files"]);
        all_pages(call, "list of files", |file: &File| file.id.as_str()).await
    }

    /// Deletes a file.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] with status 404 if the server does not have it.
    pub async fn delete_file(&self, id: &FileId) -> Result<FileDeleted> {
        self.call(Method::DELETE, &["files", id.as_str()])?.read("deletion").await
    }

    /// Fetches a file's content piece by piece.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] with status 404 if the server does not have it. Once the content has begun,
    /// errors come as an item, after which it ends.
    pub async fn file_content(&self, id: &FileId) -> Result<ByteStream> {
        let answer = self.content(id).await?;
        let pieces = futures_util::stream::try_unfold(answer, |mut answer| async {
            Ok(answer.chunk(false).await?.map(|piece| (piece, answer)))
        });
        Ok(pieces.boxed())
    }

    /// Fetches a file's content as a whole.
    ///
    /// # Errors
    ///
    /// Those of [`file_content`](Self::file_content).
    pub async fn file_bytes(&self, id: &FileId) -> Result<Vec<u8>> {
        self.content(id).await?.bytes().await
    }

    async fn content(&self, id: &FileId) -> Result<Answer> {
        let path = &["files", id.as_str(), "content"];
        self.get(path)?.header(ACCEPT, "*/*").send().await
    }

    /// Sends a form; `path` names its file where that cannot be read to its end.
    pub(super) async fn upload(&self, path: &Path, form: Form) -> Result<File> {
        let Form { content_type, body } = form;
        let sent = Arc::clone(&body.sent);
        let call = self.post(&["files"])?.body(content_type, Body::wrap(body)).counting(sent);
        call.read("file").await.map_err(|error| {
            let failed = causes(&error).find_map(|cause| cause.downcast_ref::<ReadFailed>());
            match failed.map(|ReadFailed(error)| io::Error::new(error.kind(), error.to_string())) {
                Some(source) => Error::File { path: path.to_owned(), source },
                None => error,
            }
        })
    }
}
