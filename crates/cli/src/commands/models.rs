//! `attune models`: the models of the backend.

use anyhow::Result;
use serde_json::json;

use crate::Outcome;
use crate::context::Context;
use crate::render::{Columns, or_dash, time};

pub(crate) async fn run(context: &Context) -> Result<Outcome> {
    let connection = context.connect()?;
    let listed = async { Ok(connection.backend.models().await?) };
    let mut models = context.in_time(listed).await?;
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models.dedup_by(|a, b| a.id == b.id);

    let for_programs = || {
        let model = |model: &openai_api::Model| {
            json!({
                "id": model.id,
                "owned_by": model.owned_by,
                "context_window": model.context_window(),
                "created": model.created,
            })
        };
        models.iter().map(model).collect::<Vec<_>>()
    };
    context.output.either(for_programs, || {
        let mut table = Columns::new(&["MODEL", "OWNER", "#CONTEXT", "CREATED"]);
        for model in &models {
            table.row([
                model.id.to_string(),
                or_dash(Some(&model.owned_by).filter(|owner| !owner.is_empty())),
                or_dash(model.context_window()),
                time::show_unix(model.created),
            ]);
        }
        table.to_string()
    })?;
    Ok(Outcome::Done)
}
