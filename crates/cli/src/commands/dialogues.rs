//! `attune dialogues`: what was asked and answered.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use dialogue_store::{
    Dialogue, DialogueId, DialogueStoreExt as _, DialogueSummary, Feedback, NewDialogue, Query,
    Rating, SINGLE_TURN, Turn,
};
use futures_util::StreamExt as _;
use serde_json::json;

use crate::Outcome;
use crate::args::{self, Dialogues};
use crate::commands::stdin;
use crate::context::Context;
use crate::failure;
use crate::render::{Columns, fields, or_dash, time};

pub(crate) async fn run(context: &Context, command: Dialogues) -> Result<Outcome> {
    match command {
        Dialogues::List(args) => list(context, &args).await,
        Dialogues::Show { id } => show(context, &id).await,
        Dialogues::Rate { id, turn, rating, correction } => {
            rate(context, &id, turn, rating, correction).await
        }
        Dialogues::Export { id, output } => export(context, &id, output.as_deref()).await,
        Dialogues::Import { file, conversation } => import(context, &file, conversation).await,
    }
}

async fn list(context: &Context, args: &args::DialoguesList) -> Result<Outcome> {
    let output = context.output;
    let mut query = Query::new().with_newest_first();
    query.since = args.when.since;
    query.until = args.when.until;
    query.model = context.global.model.clone();
    query.assistant = context.global.assistant.clone();
    query.sentiment = args.sentiment.map(|mood| mood.as_str().to_owned());
    query.rating = args.feedback.map(rating_of);
    query.limit = args.limit.map(std::num::NonZero::get);

    let mut found = context.store()?.list(query);
    let mut summaries: Vec<DialogueSummary> = Vec::new();
    let mut outcome = Outcome::Done;
    while let Some(summary) = found.next().await {
        match summary {
            Ok(summary) => summaries.push(summary),
            // One that is damaged does not hide the others.
            Err(error) => {
                output.note(format_args!("attune: {}", failure::chain(&error.into())));
                outcome = Outcome::Failed;
            }
        }
    }
    output.either(
        || summaries.clone(),
        || {
            let headings =
                ["DIALOGUE", "UPDATED", "#TURNS", "SENTIMENT", "#UP", "#DOWN", "MODEL", "TITLE"];
            let mut table = Columns::new(&headings);
            for summary in &summaries {
                table.row([
                    summary.id.to_string(),
                    time::show(summary.updated_at),
                    summary.turns.to_string(),
                    or_dash(summary.sentiment.as_ref().map(|it| &it.label)),
                    summary.ups.to_string(),
                    summary.downs.to_string(),
                    or_dash(summary.model.as_ref()),
                    or_dash(summary.title.as_ref()),
                ]);
            }
            table.to_string()
        },
    )?;
    Ok(outcome)
}

async fn show(context: &Context, id: &str) -> Result<Outcome> {
    let dialogue = context.store()?.get(&id.parse()?).await?;
    context.output.either(|| dialogue.clone(), || shown(&dialogue))?;
    Ok(Outcome::Done)
}

async fn rate(
    context: &Context,
    id: &str,
    turn: u64,
    rating: args::Rating,
    correction: Option<String>,
) -> Result<Outcome> {
    let id: DialogueId = id.parse()?;
    let mut feedback = Feedback::new(rating_of(rating));
    feedback.correction = correction;
    context.store()?.rate(&id, turn, feedback.clone()).await?;
    context.output.either(
        || json!({"dialogue": id, "turn": turn, "feedback": feedback}),
        || format!("turn {turn} of {id} is rated {}", feedback.rating),
    )?;
    Ok(Outcome::Done)
}

async fn export(context: &Context, id: &str, to: Option<&Path>) -> Result<Outcome> {
    let output = context.output;
    let mut array = Vec::new();
    context.store()?.export(&id.parse()?, &mut array).await?;
    let Some(path) = to else {
        // The array is the result, in either language.
        output.text(String::from_utf8_lossy(&array))?;
        return Ok(Outcome::Done);
    };
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(&array));
    written.with_context(|| format!("could not write {}", path.display()))?;
    output.either(
        || json!({"dialogue": id, "file": path.display().to_string()}),
        || format!("{id} is written to {}", path.display()),
    )?;
    Ok(Outcome::Done)
}

async fn import(context: &Context, file: &Path, conversation: bool) -> Result<Outcome> {
    let from_stdin = file == Path::new("-");
    let text = if from_stdin {
        stdin::all().await?.into_bytes()
    } else {
        std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?
    };
    let mut new = NewDialogue::new();
    if !conversation {
        new = new.with_tags(vec![SINGLE_TURN.to_owned()]);
    }
    if let Some(name) = file.file_stem().filter(|_| !from_stdin) {
        new = new.with_title(name.to_string_lossy());
    }
    let store = context.store()?;
    let id = store
        .import(new, text.as_slice())
        .await
        .with_context(|| format!("could not import {}", file.display()))?;
    let turns = store.get(&id).await?.turns.len();
    context.output.either(
        || json!({"dialogue": id, "turns": turns}),
        || format!("{turns} turns are stored as {id}"),
    )?;
    Ok(Outcome::Done)
}

fn rating_of(rating: args::Rating) -> Rating {
    match rating {
        args::Rating::Up => Rating::Up,
        args::Rating::Down => Rating::Down,
    }
}

fn shown(dialogue: &Dialogue) -> String {
    let tags = Some(dialogue.tags.join(", ")).filter(|tags| !tags.is_empty());
    let head = fields(&[
        ("dialogue", Some(dialogue.id.to_string())),
        ("title", dialogue.title.clone()),
        ("begun", Some(time::show(dialogue.created_at))),
        ("model", dialogue.model.clone()),
        ("assistant", dialogue.assistant.clone()),
        ("tags", tags),
    ]);
    let turns = dialogue.turns.iter().enumerate().map(|(n, turn)| shown_turn(n, turn));
    std::iter::once(head).chain(turns).collect::<Vec<_>>().join("\n\n")
}

fn shown_turn(n: usize, turn: &Turn) -> String {
    let mut head = format!("[{n}] {}", turn.speaker);
    if let Some(model) = &turn.model {
        head = format!("{head}  {model}");
    }
    if let Some(sentiment) = &turn.sentiment {
        head = format!("{head}  {}", sentiment.label);
    }
    if let Some(feedback) = &turn.feedback {
        head = format!("{head}  rated {}", feedback.rating);
    }
    let mut shown = format!("{head}\n{}", indented(&turn.text));
    if let Some(correction) = turn.feedback.as_ref().and_then(|it| it.correction.as_ref()) {
        shown = format!("{shown}\n  should have been:\n{}", indented(correction));
    }
    shown
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use dialogue_store::{Timestamp, TurnSentiment};
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_dialogue_is_shown_with_numbered_turns_and_ratings() {
        let at = Timestamp::from_unix_millis(0);
        let feedback = Feedback::new(Rating::Down).with_correction("1642 metres.\nAt most.");
        let new = NewDialogue::new()
            .with_id("lake-1".parse().unwrap())
            .with_created_at(at)
            .with_turns(vec![
                Turn::user("How deep is it?"),
                Turn::assistant("Gladly!")
                    .with_model("attune-tiny")
                    .with_sentiment(TurnSentiment::new("positive"))
                    .with_feedback(feedback),
            ]);
        let shown = shown(&Dialogue::begin(new));
        let (head, turns) = shown.split_once("\n\n").unwrap();
        assert!(head.starts_with("dialogue  lake-1\nbegun     19"), "{head}");
        expect![[r#"
            [0] user
              How deep is it?

            [1] assistant  attune-tiny  positive  rated down
              Gladly!
              should have been:
              1642 metres.
              At most."#]]
        .assert_eq(turns);
    }
}
