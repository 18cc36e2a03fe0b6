//! `attune sentiment`: how texts sound.

use std::sync::Arc;

use anyhow::Result;
use sentiment::{Keywords, Lexicon, Sentiment, SentimentAnalyzer};
use serde_json::json;

use crate::Outcome;
use crate::args::{self, Analyzer};
use crate::commands::stdin;
use crate::context::Context;
use crate::failure::Usage;
use crate::render::Columns;

pub(crate) async fn run(context: &Context, args: args::Sentiment) -> Result<Outcome> {
    let analyzer: Arc<dyn SentimentAnalyzer> = match args.analyzer {
        Analyzer::Lexicon => Arc::new(Lexicon),
        Analyzer::Keywords => Arc::new(Keywords),
    };
    if args.texts.is_empty() && stdin::is_terminal() {
        return Err(Usage("there is no text; write it after `sentiment`".to_owned()).into());
    }
    let output = context.output;
    if args.texts.is_empty() && output.is_json() {
        // A line is answered as it comes, so that a pipe may stay open.
        while let Some(line) = stdin::line().await? {
            let sentiment = analyzer.analyze(&line).await?;
            output.json(&for_programs(&line, &sentiment))?;
        }
        return Ok(Outcome::Done);
    }
    let texts = match args.texts {
        texts if texts.is_empty() => stdin::all().await?.lines().map(str::to_owned).collect(),
        texts => texts,
    };
    let sentiments = analyzer.analyze_batch(&texts).await?;
    if output.is_json() {
        for (text, sentiment) in texts.iter().zip(&sentiments) {
            output.json(&for_programs(text, sentiment))?;
        }
        return Ok(Outcome::Done);
    }
    let mut table = Columns::new(&["SENTIMENT", "#COMPOUND", "TEXT"]);
    for (text, sentiment) in texts.iter().zip(&sentiments) {
        let compound = format!("{:+.2}", sentiment.compound);
        table.row([sentiment.label.to_string(), compound, text.clone()]);
    }
    output.line(table)?;
    Ok(Outcome::Done)
}

fn for_programs(text: &str, sentiment: &Sentiment) -> serde_json::Value {
    json!({
        "text": text,
        "label": sentiment.label,
        "compound": sentiment.compound,
        "positive": sentiment.positive,
        "neutral": sentiment.neutral,
        "negative": sentiment.negative,
    })
}
