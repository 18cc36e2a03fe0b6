//! `/uploads`: files that come in parts.

use std::borrow::Borrow;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::client::Client;
use crate::client::body::Piece;
use crate::client::call::{Call, Sending, send_told};
use crate::client::form::{Form, FormFile};
use crate::client::outgoing::Outgoing;
use crate::client::transport::IDEMPOTENCY_KEY;
use crate::client::unopened::Unopened;
use crate::error::{Error, Result};
use crate::file::File;
use crate::meta::Meta;
use crate::upload::{CreateUpload, Upload, UploadOptions, UploadPart};

impl Client {
    /// Begins an upload in parts.
    ///
    /// [`upload_file`](Self::upload_file) goes this way by itself with a file that is too large for
    /// any other.
    pub fn create_upload(&self, upload: impl Borrow<CreateUpload>) -> Call<Upload> {
        self.call(Method::POST, &["uploads"], UPLOAD).json(upload.borrow())
    }

    /// Adds a part, of 64 MB at most, to an upload.
    ///
    /// Parts may go out at once and in any order.
    pub fn add_upload_part(&self, upload: &str, data: impl Into<Bytes>) -> Call<UploadPart> {
        self.add_piece(upload, Piece::Memory(data.into()))
    }

    fn add_piece(&self, upload: &str, piece: Piece) -> Call<UploadPart> {
        let data = FormFile::of("part", piece);
        let path = ["uploads", upload, "parts"];
        self.call(Method::POST, &path, "part of an upload").form(Form::new().file("data", data))
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

    /// Uploads a file as a whole, or in parts where it is too large for that.
    pub(super) fn upload(&self, file: FormFile, options: UploadOptions) -> Call<File> {
        let call = self.call::<File>(Method::POST, &["files"], "file");
        call.carrying(Unopened::Upload(Box::new((file, options)))).sent_by(send_file)
    }
}

/// The form in which a file goes up as a whole.
pub(super) fn whole(file: FormFile, options: &UploadOptions) -> Form {
    let mut form = Form::new().text("purpose", options.purpose.as_str());
    if let Some(expiry) = &options.expires_after {
        form = form
            .text("expires_after[anchor]", &*expiry.anchor)
            .text("expires_after[seconds]", expiry.seconds.to_string());
    }
    let mime_type = options.mime_type.as_deref().unwrap_or("application/octet-stream");
    form.file("file", file.with_mime_type(mime_type))
}

/// Sends a file by the way that its size needs.
fn send_file(request: Box<Outgoing>, what: &'static str) -> Sending<File> {
    Box::pin(async move {
        let Some(limit) = request.limit else { return send_sized(request, what).await };
        let timed_out = |_| Err(Error::Timeout { what: "answer", limit });
        timeout(limit, send_sized(request, what)).await.unwrap_or_else(timed_out)
    })
}

async fn send_sized(mut request: Box<Outgoing>, what: &'static str) -> Result<(File, Arc<Meta>)> {
    if let Some(error) = request.failure.take() {
        return Err(error);
    }
    if let Some(Unopened::Upload(upload)) = request.unopened.as_deref() {
        let (file, options) = &**upload;
        let content = file.open().await?;
        if content.len() > request.inner.uploads.whole {
            let mut create = CreateUpload::new(file.name(), options.purpose.clone(), content.len());
            if let Some(mime_type) = &options.mime_type {
                create.mime_type.clone_from(mime_type);
            }
            create.expires_after.clone_from(&options.expires_after);
            if let Some(told) = InParts::like(&request).upload(&create, &content).await? {
                return Ok(told);
            }
        }
    }
    send_told(request, what).await
}

/// Uploads in parts, with what a call for the whole was given.
#[derive(Clone)]
struct InParts {
    client: Client,
    headers: HeaderMap,
    query: Option<String>,
    shows_key: bool,
}

impl InParts {
    fn like(whole: &Outgoing) -> Self {
        let mut headers = whole.headers.clone();
        // Each request has one of its own.
        headers.remove(CONTENT_TYPE);
        headers.remove(IDEMPOTENCY_KEY);
        Self {
            client: Client { inner: Arc::clone(&whole.inner) },
            headers,
            query: whole.url.query().map(str::to_owned),
            shows_key: whole.shows_key,
        }
    }

    /// The same call, with what the whole was given.
    fn with_all<T>(&self, mut call: Call<T>) -> Call<T> {
        let request = &mut *call.request;
        for (name, value) in &self.headers {
            request.headers.insert(name, value.clone());
        }
        request.shows_key = self.shows_key;
        request.url.set_query(self.query.as_deref());
        call
    }

    /// Uploads what lies on disk, or in memory; `None` if the server has no such uploads.
    async fn upload(
        self,
        create: &CreateUpload,
        content: &Piece,
    ) -> Result<Option<(File, Arc<Meta>)>> {
        let upload = match self.with_all(self.client.create_upload(create)).await {
            Ok(upload) => upload,
            Err(error) if is_unknown_path(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unfinished = Unfinished { parts: self.clone(), upload: Some(upload.id.clone()) };
        match self.send_parts(&upload.id, content).await {
            Ok(told) => {
                unfinished.was_completed();
                Ok(Some(told))
            }
            Err(error) => {
                unfinished.cancel().await;
                Err(error)
            }
        }
    }

    async fn send_parts(&self, upload: &str, content: &Piece) -> Result<(File, Arc<Meta>)> {
        let pieces = cut(content, self.client.inner.uploads.part);
        let parts =
            pieces.map(|piece| self.with_all(self.client.add_piece(upload, piece)).into_future());
        let parts = futures_util::stream::iter(parts).buffered(AT_ONCE);
        let ids: Vec<String> = parts.map_ok(|part| part.id).try_collect().await?;
        let complete = self.with_all(self.client.complete_upload(upload, &ids));
        let (upload, meta) = complete.with_meta().await?;
        let file = upload.file.ok_or_else(|| Error::Decode {
            what: UPLOAD,
            source: "it was completed and names no file".into(),
        })?;
        Ok((file, meta))
    }

    fn cancel(&self, upload: &str) -> Call<Upload> {
        self.with_all(self.client.cancel_upload(upload)).timeout(LONGEST_CANCEL)
    }
}

/// Cuts it into pieces of `size` bytes, the last of which may be shorter.
fn cut(content: &Piece, size: u64) -> impl Iterator<Item = Piece> {
    let total = content.len();
    (0..total.div_ceil(size)).map(move |place| {
        let start = place * size;
        let length = size.min(total - start);
        match content {
            // What lies in memory has a length that fits.
            Piece::Memory(bytes) => {
                Piece::Memory(bytes.slice(start as usize..(start + length) as usize))
            }
            Piece::Disk(disk) => Piece::Disk(disk.part(start, length)),
        }
    })
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
    parts: InParts,
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
            let _ = self.parts.cancel(upload).await;
        }
        self.upload = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Without a runtime, its parts stay until the server lets go of them.
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) {
            runtime.spawn(self.parts.cancel(&upload).into_future());
        }
    }
}

fn is_unknown_path(error: &Error) -> bool {
    error.as_api().is_some_and(|error| matches!(error.status, 404 | 405 | 501))
}

const UPLOAD: &str = "upload";
/// How many parts are under way at once.
const AT_ONCE: usize = 2;
const LONGEST_CANCEL: Duration = Duration::from_secs(10);
