//! Between rows and values.

use rusqlite::types::Type;
use rusqlite::{Row, Statement, named_params};
use serde_json::{Map, Value};

use crate::time::Timestamp;
use crate::turn::{Feedback, Rating, Speaker, Turn, TurnSentiment};

pub(crate) const INSERT_TURN: &str = "
    INSERT INTO turns (
        dialogue, position, speaker, text, at, model, sentiment, sentiment_score,
        rating, correction, rater, reason, rated_at, attributes
    ) VALUES (
        :dialogue, :position, :speaker, :text, :at, :model, :sentiment, :sentiment_score,
        :rating, :correction, :rater, :reason, :rated_at, :attributes
    )";

pub(crate) fn insert_turn(
    statement: &mut Statement<'_>,
    dialogue: i64,
    position: i64,
    turn: &Turn,
) -> rusqlite::Result<()> {
    let feedback = turn.feedback.as_ref();
    statement.execute(named_params! {
        ":dialogue": dialogue,
        ":position": position,
        ":speaker": turn.speaker.as_str(),
        ":text": turn.text,
        ":at": turn.at.as_unix_millis(),
        ":model": turn.model,
        ":sentiment": turn.sentiment.as_ref().map(|it| it.label.as_str()),
        ":sentiment_score": turn.sentiment.as_ref().and_then(|it| it.score),
        ":rating": feedback.map(|it| it.rating.as_str()),
        ":correction": feedback.and_then(|it| it.correction.as_deref()),
        ":rater": feedback.and_then(|it| it.rater.as_deref()),
        ":reason": feedback.and_then(|it| it.reason.as_deref()),
        ":rated_at": feedback.map(|it| it.at.as_unix_millis()),
        ":attributes": write_attributes(&turn.attributes),
    })?;
    Ok(())
}

pub(crate) fn read_turn(row: &Row<'_>) -> rusqlite::Result<Turn> {
    Ok(Turn {
        speaker: Speaker::from(row.get::<_, String>("speaker")?),
        text: row.get("text")?,
        at: read_time(row, "at")?,
        model: row.get("model")?,
        sentiment: read_sentiment(row)?,
        feedback: read_feedback(row)?,
        attributes: read_attributes(row)?,
    })
}

pub(crate) fn read_sentiment(row: &Row<'_>) -> rusqlite::Result<Option<TurnSentiment>> {
    let label: Option<String> = row.get("sentiment")?;
    let score = row.get("sentiment_score")?;
    Ok(label.map(|label| TurnSentiment { label, score }))
}

pub(crate) fn read_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_unix_millis)
}

pub(crate) fn write_attributes(attributes: &Map<String, Value>) -> String {
    // Keys are strings and numbers are finite, so this is what `Value` shows itself as.
    Value::Object(attributes.clone()).to_string()
}

pub(crate) fn read_attributes(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let text: String = row.get("attributes")?;
    serde_json::from_str(&text).map_err(|_| unreadable("attributes are no JSON object"))
}

pub(crate) fn read_strings(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| unreadable("tags are no JSON array"))
}

/// What makes a row unreadable; taken for damage of the file.
pub(crate) fn unreadable(problem: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, problem.into())
}

fn read_feedback(row: &Row<'_>) -> rusqlite::Result<Option<Feedback>> {
    let rating = match row.get::<_, Option<String>>("rating")?.as_deref() {
        None => return Ok(None),
        Some("up") => Rating::Up,
        Some("down") => Rating::Down,
        Some(_) => return Err(unreadable("a rating is neither up nor down")),
    };
    Ok(Some(Feedback {
        rating,
        correction: row.get("correction")?,
        rater: row.get("rater")?,
        reason: row.get("reason")?,
        at: read_time(row, "rated_at")?,
    }))
}
