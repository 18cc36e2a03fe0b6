//! `/v1/models`: what the backend offers.

use axum::Json;
use axum::extract::State;
use openai_api::{ApiError, Error, Model, Page};

use crate::app::App;
use crate::failure::Failure;
use crate::query::Id;

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Page<Model>>, Failure> {
    let mut models = app.backend.models().await?;
    models.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(Page::whole(models.into_iter().map(told).collect())))
}

pub(crate) async fn retrieve(State(app): State<App>, id: Id) -> Result<Json<Model>, Failure> {
    let models = app.backend.models().await?;
    let found = models.into_iter().find(|model| model.id == *id.as_str());
    let model = found.ok_or_else(|| Error::from(ApiError::model_not_found(id.as_str())))?;
    Ok(Json(told(model)))
}

/// As OpenAI tells a model.
fn told(mut model: Model) -> Model {
    model.extra.entry("object").or_insert_with(|| "model".into());
    if model.owned_by.is_empty() {
        "system".clone_into(&mut model.owned_by);
    }
    model
}
