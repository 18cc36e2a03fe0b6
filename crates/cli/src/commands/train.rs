//! `attune train`: a better model from data.

use anyhow::{Result, bail};
use facade::Train;
use trainer::Label;

use crate::Outcome;
use crate::args;
use crate::commands::training;
use crate::context::Context;

pub(crate) async fn run(context: &Context, args: args::Train) -> Result<Outcome> {
    training::check(context, &args.training)?;
    let (train, from) = match (&args.path, &args.data, &args.dir) {
        (Some(path), _, _) => (Train::data_file(path), path.display().to_string()),
        (_, Some(text), _) => (Train::data(text), "text".to_owned()),
        (_, _, Some(dir)) => (Train::data_dir(dir), dir.display().to_string()),
        _ => (Train::default_dir(), default_folder(context)?),
    };
    let label = if args.negative { Label::Negative } else { Label::Positive };
    let mut train = train.with_label(label).with_options(training::options(&args.training));
    if let Some(path) = &args.negatives {
        train = train.with_negatives(path);
    }
    if let Some(path) = &args.training.validation {
        train = train.with_validation(path);
    }
    let model = context.model().await?;
    let submitted = model.train(train).await?;
    let description = format!("train on {from}");
    training::see_through(context, &model, &submitted, &args.training, &description).await
}

fn default_folder(context: &Context) -> Result<String> {
    let folder = context.home().join("training");
    if !folder.exists() {
        bail!(
            "no data was named, and {} is not there; name a file or a folder, or put CSV files \
             there",
            folder.display()
        );
    }
    Ok(folder.display().to_string())
}
