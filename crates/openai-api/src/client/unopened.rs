//! Bodies that are made when a request is sent, since files have to be looked at.

use reqwest::header::HeaderValue;

use crate::client::body::Body;
use crate::client::call::Call;
use crate::client::form::{Form, FormFile};
use crate::client::uploads::whole;
use crate::error::Result;
use crate::upload::UploadOptions;

/// What becomes a body.
#[derive(Clone)]
pub(super) enum Unopened {
    Form(Form),
    File(FormFile),
    Upload(Box<(FormFile, UploadOptions)>),
}

impl Unopened {
    /// The model it names.
    pub(super) fn model(&self) -> Option<String> {
        match self {
            Self::Form(form) => form.text_of("model").map(str::to_owned),
            Self::File(_) | Self::Upload(_) => None,
        }
    }

    /// Its content type and its body; looks how long the files are.
    pub(super) async fn open(self) -> Result<(HeaderValue, Body)> {
        let form = match self {
            Self::Form(form) => form,
            Self::File(file) => return file.open_alone().await,
            Self::Upload(upload) => whole(upload.0, &upload.1),
        };
        form.open().await
    }
}

impl<T> Call<T> {
    /// Sets the body to a [form](Form) of texts and files, in place of one that was set before; needs
    /// the feature `files`.
    ///
    /// Its content type names what stands between its fields, so no other goes before it.
    pub fn form(self, form: Form) -> Self {
        self.carrying(Unopened::Form(form))
    }

    /// Sets the body to a file as it is, in place of one that was set before; needs the feature
    /// `files`.
    ///
    /// Its content type is the file's own, and no other goes before it. One on disk is read while it
    /// is sent.
    ///
    /// ```
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use openai_api::{Client, FormFile};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let server = ScriptedServer::start([Reply::json(200, serde_json::json!({}))]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// client.post("blobs/1").file(FormFile::from_bytes("a.txt", &b"deep"[..])).await?;
    /// let sent = &server.requests()[0];
    /// assert_eq!((&*sent.text(), sent.header("content-type")), ("deep", Some("text/plain")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn file(self, file: FormFile) -> Self {
        self.carrying(Unopened::File(file))
    }

    pub(super) fn carrying(mut self, unopened: Unopened) -> Self {
        self.request.body = None;
        self.request.unopened = Some(Box::new(unopened));
        self
    }
}
