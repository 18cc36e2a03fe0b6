//! `/v1/files`: what clients upload, for training above all.

mod store;
mod upload;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use openai_api::{File, FileDeleted, FileId, Page};
use tokio::io::AsyncReadExt;

use crate::app::App;
use crate::exchange::RequestId;
use crate::failure::Failure;
pub(crate) use crate::files::store::FileStore;
pub(crate) use crate::files::upload::upload;
use crate::query::{Id, Limit, Query};

/// The files whose records can be read; of the others, whoever runs the server is told.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    query: Query,
) -> Result<Json<Page<File>>, Failure> {
    let (mut files, unreadable) = app.files()?.list().await.map_err(storage_failed)?;
    for error in unreadable {
        app.report(request_id.as_str(), &storage_failed(error));
    }
    if let Some(purpose) = query.get("purpose") {
        files.retain(|file| file.purpose.as_ref().is_some_and(|its| its.as_str() == purpose));
    }
    match query.get("order") {
        None | Some("desc") => {}
        Some("asc") => files.reverse(),
        Some(_) => return Err(Failure::invalid("order", "must be asc or desc")),
    }
    let limit = Limit { default: MAX_PAGE, most: MAX_PAGE };
    query.page(files, limit, |file| file.id.as_str()).map(Json)
}

pub(crate) async fn retrieve(State(app): State<App>, id: Id) -> Result<Json<File>, Failure> {
    let file = app.files()?.get(id.as_str()).await.map_err(storage_failed)?;
    file.map(Json).ok_or_else(not_found)
}

pub(crate) async fn delete(State(app): State<App>, id: Id) -> Result<Json<FileDeleted>, Failure> {
    if !app.files()?.delete(id.as_str()).await.map_err(storage_failed)? {
        return Err(not_found());
    }
    Ok(Json(FileDeleted::new(FileId::new(id.as_str()))))
}

pub(crate) async fn content(State(app): State<App>, id: Id) -> Result<Response, Failure> {
    let opened = app.files()?.open_content(id.as_str()).await.map_err(storage_failed)?;
    let (file, length) = opened.ok_or_else(not_found)?;
    let pieces = stream::try_unfold(file, |mut file| async {
        let mut piece = vec![0; PIECE];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        std::io::Result::Ok((length > 0).then(|| (Bytes::from(piece), file)))
    });
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let length = (CONTENT_LENGTH, HeaderValue::from(length));
    Ok((StatusCode::OK, [kind, length], Body::from_stream(pieces)).into_response())
}

/// The id is not told back: it is whatever a client wrote.
fn not_found() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "no file has this id").with_param("id")
}

pub(crate) fn storage_failed(error: std::io::Error) -> Failure {
    Failure::internal("the files folder could not be read or written", error)
}

const MAX_PAGE: usize = 10_000;
const PIECE: usize = 64 << 10;
