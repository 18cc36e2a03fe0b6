//! `attune image`: what is in an image.

use anyhow::Result;
use facade::DescribeImage;
use serde_json::json;

use crate::Outcome;
use crate::args;
use crate::context::Context;

pub(crate) async fn run(context: &Context, args: args::Image) -> Result<Outcome> {
    let model = context.model().await?;
    let mut ask = DescribeImage::new(args.image.as_str());
    if let Some(prompt) = args.prompt {
        ask = ask.with_prompt(prompt);
    }
    // The command line goes before the assistant's own instructions.
    let given = context.global.system.clone();
    if let Some(instruction) = given.or_else(|| model.system_instruction()) {
        ask = ask.with_system_instruction(instruction);
    }
    let asked = async || Ok(model.describe_image(ask.clone()).await?);
    let description = context.answer(&model, asked).await?;
    let for_people = match &description.json {
        Some(json) => serde_json::to_string_pretty(json)?,
        None => description.text.clone(),
    };
    let for_programs = || {
        json!({
            "text": description.text,
            "json": description.json,
            "model": description.model,
            "usage": description.usage,
            "request_id": description.request_id,
        })
    };
    context.output.either(for_programs, || for_people)?;
    Ok(Outcome::Done)
}
