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
use crate::client::form::{Form, on_disk};
use crate::client::list::List;
use crate::error::Result;
use crate::file::{File, FileDeleted, FileId, FilePurpose};

/// A file's content as it comes; dropping it frees the connection.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

impl Client {
    /// Uploads a file from disk.
    ///
    /// It is read while it is sent, anew for each attempt, and never held in memory as a whole; the
    /// server is told its length beforehand.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if it cannot be read, or becomes shorter meanwhile;
    /// [`Error::Api`](crate::Error::Api) if the server refuses it.
    pub async fn upload_file(&self, path: impl AsRef<Path>, purpose: FilePurpose) -> Result<File> {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.upload(&name, on_disk(path).await?, &purpose).await
    }

    /// Uploads a file from memory under a name.
    pub fn upload_bytes(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        purpose: FilePurpose,
    ) -> Call<File> {
        self.upload(name, Piece::Memory(bytes.into()), &purpose)
    }

    pub(super) fn upload(&self, name: &str, content: Piece, purpose: &FilePurpose) -> Call<File> {
        let call = self.call(Method::POST, &["files"], "file");
        call.form(Form::new(&[("purpose", purpose.as_str())], ("file", name), content))
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
        self.call(Method::DELETE, &["files", id.as_str()], "deletion")
    }

    /// Fetches a file's content piece by piece.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not have it. Once the
    /// content has begun, errors come as an item, after which it ends.
    pub async fn file_content(&self, id: &FileId) -> Result<ByteStream> {
        let answer = self.content(id).request.run(|answer: Answer| async { Ok(answer) }).await?;
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
    pub async fn file_bytes(&self, id: &FileId) -> Result<Bytes> {
        self.content(id).bytes().await
    }

    fn content(&self, id: &FileId) -> Call {
        self.call(Method::GET, &["files", id.as_str(), "content"], "file's content").accept("*/*")
    }
}
