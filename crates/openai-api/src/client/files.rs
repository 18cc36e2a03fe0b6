//! `/files`.

use std::path::Path;

use bytes::Bytes;
use reqwest::Method;

use crate::client::Client;
use crate::client::call::Call;
use crate::client::events::ByteStream;
use crate::client::form::FormFile;
use crate::client::list::List;
use crate::file::{File, FileDeleted, FileId};
use crate::upload::UploadOptions;

impl Client {
    /// Uploads a file from disk, for a purpose or with more [options](UploadOptions).
    ///
    /// It is read while it is sent, anew for each attempt, and never held in memory as a whole; the
    /// server is told its length beforehand.
    ///
    /// A file of more than 512 MB, which is OpenAI's limit, goes up in parts of 64 MB, each of which
    /// is tried again by itself, two at a time; [`ClientBuilder`](crate::ClientBuilder) has settings
    /// for both sizes. To a server that has no `/uploads` it goes as any other. Headers and query of
    /// the call go with each part, its time limit is for all of them together, and status and headers
    /// are those of the last answer. An upload in parts that fails is cancelled; when its future is
    /// dropped, or its time is up, that is done in the background.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if it cannot be read, or becomes shorter meanwhile;
    /// [`Error::Api`](crate::Error::Api) if the server refuses it.
    pub fn upload_file(
        &self,
        path: impl AsRef<Path>,
        options: impl Into<UploadOptions>,
    ) -> Call<File> {
        let (file, options) = (FormFile::from_path(path.as_ref()), options.into());
        let file = match &options.name {
            Some(name) => file.with_name(name),
            None => file,
        };
        self.upload(file, options)
    }

    /// Uploads a file from memory under a name, which goes before one in the
    /// [options](UploadOptions); one that is too large otherwise goes up in parts, as it does
    /// [from disk](Self::upload_file).
    pub fn upload_bytes(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        options: impl Into<UploadOptions>,
    ) -> Call<File> {
        self.upload(FormFile::from_bytes(name, bytes), options.into())
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
    /// content has begun, errors come as an item, after which it ends:
    /// [`Error::Truncated`](crate::Error::Truncated) if the connection breaks before its end.
    pub fn file_content(&self, id: &FileId) -> Call<ByteStream> {
        self.content(id).byte_stream()
    }

    /// Fetches a file's content as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not have it.
    pub fn file_bytes(&self, id: &FileId) -> Call<Bytes> {
        self.content(id).bytes()
    }

    fn content(&self, id: &FileId) -> Call {
        self.call(Method::GET, &["files", id.as_str(), "content"], "file's content")
    }
}
