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
    Upload(Box<(FormFile, UploadOptions)>),
}

impl Unopened {
    /// The model it names.
    pub(super) fn model(&self) -> Option<String> {
        match self {
            Self::Form(form) => form.text_of("model").map(str::to_owned),
            Self::Upload(_) => None,
        }
    }

    /// Its content type and its body; looks how long the files are.
    pub(super) async fn open(self) -> Result<(HeaderValue, Body)> {
        let form = match self {
            Self::Form(form) => form,
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

    pub(super) fn carrying(mut self, unopened: Unopened) -> Self {
        self.request.body = None;
        self.request.unopened = Some(Box::new(unopened));
        self
    }
}
