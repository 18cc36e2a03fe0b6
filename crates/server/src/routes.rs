//! Which path leads where.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::exchange::exchange;
use crate::failure::Failure;
use crate::{chat, files, models};

pub(crate) const HEALTH: &str = "/health";

pub(crate) fn router(app: App) -> Router {
    let router = Router::new()
        .route(HEALTH, get(async || "ok"))
        .route("/v1/models", get(models::list))
        // Some ids have slashes in them, such as `meta-llama/Llama-3.2-1B`.
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/files", get(files::list).post(files::upload))
        .route("/v1/files/{id}", get(files::retrieve).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content));
    #[cfg(feature = "fine-tuning")]
    let router = router.merge(fine_tuning());
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // Each handler has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), exchange))
        .with_state(app)
}

#[cfg(feature = "fine-tuning")]
fn fine_tuning() -> Router<App> {
    use crate::fine_tuning::{cancel, checkpoints, create, events, list, pause, resume, retrieve};

    Router::new()
        .route("/v1/fine_tuning/jobs", get(list).post(create))
        .route("/v1/fine_tuning/jobs/{id}", get(retrieve))
        .route("/v1/fine_tuning/jobs/{id}/cancel", post(cancel))
        .route("/v1/fine_tuning/jobs/{id}/pause", post(pause))
        .route("/v1/fine_tuning/jobs/{id}/resume", post(resume))
        .route("/v1/fine_tuning/jobs/{id}/events", get(events))
        .route("/v1/fine_tuning/jobs/{id}/checkpoints", get(checkpoints))
}

async fn unknown_path() -> Failure {
    let message = format!("unknown path; this server knows {}", SERVED.join(", "));
    Failure::new(StatusCode::NOT_FOUND, message).with_code("unknown_url")
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    let message = format!("{} does not take {method}; see the `Allow` header", uri.path());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, message).with_code("method_not_supported")
}

const SERVED: &[&str] = &[
    "/v1/models",
    "/v1/chat/completions",
    "/v1/files",
    #[cfg(feature = "fine-tuning")]
    "/v1/fine_tuning/jobs",
    HEALTH,
];
