//! `/uploads`: files that come in parts.

use std::future::IntoFuture as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::runtime::Handle;

use crate::client::Client;
use crate::client::body::Piece;
use crate::client::call::Call;
use crate::client::form::{Attachment, Form};
use crate::error::{Error, Result};
use crate::file::File;
use crate::upload::{CreateUpload, Upload, UploadPart};

impl Client {
    /// Begins an upload in parts.
    ///
    /// [`upload_file`](Self::upload_file) goes this way by itself with a file that is too large for
    /// any other.
    pub fn create_upload(&self, upload: &CreateUpload) -> Call<Upload> {
        self.call(Method::POST, &["uploads"], UPLOAD).json(upload)
    }

    /// Adds a part, of 64 MB at most, to an upload.
    ///
    /// Parts may go out at once and in any order.
    pub fn add_upload_part(&self, upload: &str, data: impl Into<Bytes>) -> Call<UploadPart> {
        self.add_piece(upload, Piece::Memory(data.into()))
    }

    fn add_piece(&self, upload: &str, piece: Piece) -> Call<UploadPart> {
        let data =
            Attachment { field: "data", name: "part", mime_type: "application/octet-stream" };
        self.call(Method::POST, &["uploads", upload, "parts"], "part of an upload").form(Form::new(
            &[],
            data,
            piece,
        ))
    }

    /// Completes an upload: puts its parts together in this order.
    pub fn complete_upload<S: AsRef<str>>(&self, upload: &str, parts: &[S]) -> Call<Upload> {
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        self.call(Method::POST, &["uploads", upload, "complete"], UPLOAD)
            .json(&json!({"part_ids": parts}))
    }

    /// Cancels an upload; no parts can be added to it any more.
    pub fn cancel_upload(&self, upload: &str) -> Call<Upload> {
        self.call(Method::POST, &["uploads", upload, "cancel"], UPLOAD)
    }

    /// Uploads what lies on disk in parts; `None` if the server has no such uploads.
    pub(super) async fn upload_in_parts(
        &self,
        request: &CreateUpload,
        content: &Piece,
    ) -> Result<Option<File>> {
        let upload = match self.create_upload(request).await {
            Ok(upload) => upload,
            Err(error) if is_unknown_path(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unfinished = Unfinished { client: self.clone(), upload: Some(upload.id.clone()) };
        match self.send_parts(&upload.id, content).await {
            Ok(file) => {
                unfinished.was_completed();
                Ok(Some(file))
            }
            Err(error) => {
                unfinished.cancel().await;
                Err(error)
            }
        }
    }

    async fn send_parts(&self, upload: &str, content: &Piece) -> Result<File> {
        let pieces = content.cut(self.inner.uploads.part);
        let parts = pieces.map(|piece| self.add_piece(upload, piece).into_future());
        let parts = futures_util::stream::iter(parts).buffered(AT_ONCE);
        let ids: Vec<String> = parts.map_ok(|part| part.id).try_collect().await?;
        let upload = self.complete_upload(upload, &ids).await?;
        upload.file.ok_or_else(|| Error::Decode {
            what: UPLOAD,
            source: "it was completed and names no file".into(),
        })
    }
}

/// From which size files are uploaded in parts, and how large these are; in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadSizes {
    pub(super) whole: u64,
    pub(super) part: u64,
}

impl Default for UploadSizes {
    fn default() -> Self {
        Self { whole: 512_000_000, part: 64 * 1024 * 1024 }
    }
}

/// An upload that is cancelled when it is dropped.
struct Unfinished {
    client: Client,
    upload: Option<String>,
}

impl Unfinished {
    fn was_completed(mut self) {
        self.upload = None;
    }

    /// Cancels it; when this is dropped, it is cancelled in the background.
    async fn cancel(mut self) {
        if let Some(upload) = &self.upload {
            // Whether that goes well changes nothing of what went wrong before.
            let _ = cancel(&self.client, upload).await;
        }
        self.upload = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Without a runtime, its parts stay until the server lets go of them.
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) {
            runtime.spawn(cancel(&self.client, &upload).into_future());
        }
    }
}

fn cancel(client: &Client, upload: &str) -> Call<Upload> {
    client.cancel_upload(upload).timeout(LONGEST_CANCEL)
}

fn is_unknown_path(error: &Error) -> bool {
    error.as_api().is_some_and(|error| matches!(error.status, 404 | 405 | 501))
}

const UPLOAD: &str = "upload";
/// How many parts are under way at once.
const AT_ONCE: usize = 2;
const LONGEST_CANCEL: Duration = Duration::from_secs(10);
