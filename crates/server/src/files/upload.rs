//! Uploads, from the socket to the disk without a stop in memory.

use axum::Json;
use axum::extract::{Request, State};
use openai_api::{File, FilePurpose};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use crate::app::App;
use crate::body::{content_length, cut_short, drain, too_large, unsupported};
use crate::failure::Failure;
use crate::files::storage_failed;
use crate::files::store::FileStore;
use crate::multipart::{Fault, Multipart, Part};

/// Takes a form with `file` and `purpose`, in any order.
///
/// The content is written as it comes, under a name that nobody finds, and gets its own once it is
/// whole and on the disk. A client that goes away leaves nothing behind.
pub(crate) async fn upload(
    State(app): State<App>,
    request: Request,
) -> Result<Json<File>, Failure> {
    let (parts, body) = request.into_parts();
    let files = match app.files() {
        Ok(files) => files,
        Err(failure) => {
            drain(body.into_data_stream()).await;
            return Err(failure);
        }
    };
    if content_length(&parts.headers).is_some_and(|length| length > app.max_upload + FORM) {
        drain(body.into_data_stream()).await;
        return Err(too_large(app.max_upload));
    }
    let mut form = match Multipart::new(&parts.headers, body) {
        Ok(form) => form,
        Err(body) => {
            drain(body.into_data_stream()).await;
            return Err(unsupported("multipart/form-data with a boundary"));
        }
    };
    let received = receive(files, &mut form, app.max_upload).await;
    if received.is_err() {
        drain(form.into_rest()).await;
    }
    let (content, filename, purpose) = received?;
    files.keep(content, filename, purpose).await.map(Json).map_err(storage_failed)
}

type Received = (NamedTempFile, String, FilePurpose);

async fn receive(files: &FileStore, form: &mut Multipart, limit: u64) -> Result<Received, Failure> {
    let (mut content, mut purpose) = (None, None);
    while let Some(part) = form.next_part().await? {
        match part.name.as_str() {
            "file" if content.is_some() => {
                return Err(Failure::invalid("file", "the form has two files; send one"));
            }
            "file" => content = Some((write(files, form, limit).await?, basename(part))),
            "purpose" => purpose = Some(checked(form.text(MAX_FIELD).await?.trim())?),
            // Such as `expires_after[seconds]`: files are kept until they are deleted.
            _ => {}
        }
    }
    let (content, filename) = content.ok_or_else(|| missing("file"))?;
    Ok((content, filename, purpose.ok_or_else(|| missing("purpose"))?))
}

async fn write(
    files: &FileStore,
    form: &mut Multipart,
    limit: u64,
) -> Result<NamedTempFile, Failure> {
    let kept = files.begin().await.map_err(storage_failed)?;
    let file = kept.as_file().try_clone().map_err(storage_failed)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut length = 0;
    while let Some(chunk) = form.chunk().await? {
        length += chunk.len() as u64;
        if length > limit {
            return Err(too_large(limit).with_param("file"));
        }
        file.write_all(&chunk).await.map_err(storage_failed)?;
    }
    file.flush().await.map_err(storage_failed)?;
    Ok(kept)
}

fn checked(purpose: &str) -> Result<FilePurpose, Failure> {
    if PURPOSES.contains(&purpose) {
        return Ok(FilePurpose::from(purpose));
    }
    Err(Failure::invalid("purpose", format!("must be one of {}", PURPOSES.join(", "))))
}

/// The name alone: some clients send the whole path.
fn basename(part: Part) -> String {
    let filename = part.filename.unwrap_or_default();
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    if name.is_empty() { "upload".to_owned() } else { name }
}

fn missing(field: &str) -> Failure {
    Failure::invalid(field, format!("the form has no field `{field}`"))
        .with_code("missing_required_parameter")
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::CutShort => cut_short(),
            malformed => Self::invalid("body", malformed.to_string()),
        }
    }
}

/// What a client may upload; the other purposes are for what a server makes.
const PURPOSES: [&str; 6] = ["fine-tune", "batch", "vision", "assistants", "user_data", "evals"];
/// What a form may need besides the file.
const FORM: u64 = 64 << 10;
const MAX_FIELD: usize = 1 << 10;
const MAX_NAME: usize = 255;
