//! `attune learn`: a better model from the stored dialogues.

use anyhow::Result;
use dialogue_store::Query;
use facade::Learn;

use crate::Outcome;
use crate::args;
use crate::commands::training;
use crate::context::Context;

pub(crate) async fn run(context: &Context, args: args::Learn) -> Result<Outcome> {
    training::check(context, &args.training)?;
    let mut query = Query::new();
    query.since = args.when.since;
    query.until = args.when.until;
    query.model.clone_from(&args.model_filter);
    query.sentiment = args.sentiment.map(|mood| mood.as_str().to_owned());
    let unrated = match args.unrated {
        args::Unrated::Positive => facade::Unrated::Positive,
        args::Unrated::NotNegative => facade::Unrated::NotNegative,
        args::Unrated::Skip => facade::Unrated::Skip,
    };
    let mut learn = Learn::default()
        .with_query(query)
        .with_unrated(unrated)
        .with_options(training::options(&args.training));
    if let Some(path) = &args.training.validation {
        learn = learn.with_validation(path);
    }
    let model = context.model().await?;
    let submitted = model.dynamic_train(learn).await?;
    let description = "learn from the stored dialogues";
    training::see_through(context, &model, &submitted, &args.training, description).await
}
