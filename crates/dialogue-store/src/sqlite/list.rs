//! Lists, a page at a time.

use rusqlite::types::ToSql;
use rusqlite::{Connection, Row};

use crate::dialogue::DialogueSummary;
use crate::query::Query;
use crate::sqlite::row;

/// What is left of a list.
#[derive(Debug)]
pub(crate) struct Page {
    query: Query,
    /// The last row that was seen.
    after: Option<Place>,
    /// How many dialogues may still come; those that cannot be read do not count.
    left: usize,
}

impl Page {
    pub(crate) fn first(query: Query) -> Self {
        let left = query.limit.unwrap_or(usize::MAX);
        Self { query, after: None, left }
    }
}

/// Where a row stands in the list, readable or not: when it was created, and the bytes of its id.
type Place = (i64, Vec<u8>);

/// The rows of a page, each of them a dialogue or what keeps it from being one, and the page that
/// follows it.
pub(crate) fn list(
    connection: &mut Connection,
    page: Page,
) -> rusqlite::Result<(Vec<rusqlite::Result<DialogueSummary>>, Option<Page>)> {
    let size = page.left.min(PAGE_SIZE);
    let (sql, values) = select(&page, size);
    let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(values.as_slice())?;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let place = match rows.next() {
            Ok(None) => break,
            Ok(Some(row)) => {
                found.push(read_summary(row));
                read_place(row)
            }
            Err(error) => Err(error),
        };
        match place {
            Ok(place) => after = Some(place),
            // The file itself is damaged, and there is no way round that.
            Err(error) => {
                found.push(Err(error));
                return Ok((found, None));
            }
        }
    }

    let left = page.left - found.iter().filter(|row| row.is_ok()).count();
    let more = found.len() == size && left > 0;
    Ok((found, more.then_some(Page { query: page.query, after, left })))
}

fn read_place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok((row.get("created_at")?, row.get_ref("id")?.as_bytes()?.to_vec()))
}

/// The statement for a page, and the values for its question marks.
fn select(page: &Page, size: usize) -> (String, Vec<Box<dyn ToSql>>) {
    let query = &page.query;
    let (after, order) = if query.newest_first { ("<", "DESC") } else { (">", "ASC") };
    let mut conditions = vec!["1"];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(since) = query.since {
        conditions.push("d.created_at >= ?");
        values.push(Box::new(since.as_unix_millis()));
    }
    if let Some(until) = query.until {
        conditions.push("d.created_at < ?");
        values.push(Box::new(until.as_unix_millis()));
    }
    if let Some(assistant) = &query.assistant {
        conditions.push("d.assistant = ?");
        values.push(Box::new(assistant.clone()));
    }
    if let Some(tag) = &query.tag {
        conditions.push("EXISTS (SELECT 1 FROM tags WHERE dialogue = d.key AND tag = ?)");
        values.push(Box::new(tag.clone()));
    }
    if let Some(model) = &query.model {
        conditions.push(
            "(d.model = ? OR EXISTS (SELECT 1 FROM turns WHERE dialogue = d.key AND model = ?))",
        );
        values.push(Box::new(model.clone()));
        values.push(Box::new(model.clone()));
    }
    if let Some(sentiment) = &query.sentiment {
        conditions.push("EXISTS (SELECT 1 FROM turns WHERE dialogue = d.key AND sentiment = ?)");
        values.push(Box::new(sentiment.clone()));
    }
    if let Some(rating) = query.rating {
        conditions.push("EXISTS (SELECT 1 FROM turns WHERE dialogue = d.key AND rating = ?)");
        values.push(Box::new(rating.as_str()));
    }
    let after = format!("(d.created_at, d.id) {after} (?, CAST(? AS TEXT))");
    if let Some((created_at, id)) = &page.after {
        conditions.push(&after);
        values.push(Box::new(*created_at));
        values.push(Box::new(id.clone()));
    }
    let conditions = conditions.join(" AND ");
    let sql = format!(
        "{SELECT} WHERE {conditions} ORDER BY d.created_at {order}, d.id {order} LIMIT {size}"
    );
    (sql, values)
}

fn read_summary(row: &Row<'_>) -> rusqlite::Result<DialogueSummary> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let id: String = row.get("id")?;
    Ok(DialogueSummary {
        id: id.try_into().map_err(|_| row::unreadable("an id is not valid"))?,
        created_at: row::read_time(row, "created_at")?,
        updated_at: row::read_time(row, "updated_at")?,
        title: row.get("title")?,
        model: row.get("model")?,
        assistant: row.get("assistant")?,
        tags: row::read_strings(row, "tags")?,
        turns: count("turns")?,
        sentiment: row::read_sentiment(row)?,
        ups: count("ups")?,
        downs: count("downs")?,
    })
}

const PAGE_SIZE: usize = 200;
const SELECT: &str = "
    SELECT d.id, d.created_at, d.updated_at, d.title, d.model, d.assistant, d.turns,
        last.sentiment, last.sentiment_score,
        (SELECT json_group_array(tag)
            FROM (SELECT tag FROM tags WHERE dialogue = d.key ORDER BY position)) AS tags,
        (SELECT count(*) FROM turns WHERE dialogue = d.key AND rating = 'up') AS ups,
        (SELECT count(*) FROM turns WHERE dialogue = d.key AND rating = 'down') AS downs
    FROM dialogues AS d
    LEFT JOIN turns AS last ON last.key = (
        SELECT key FROM turns
        WHERE dialogue = d.key AND sentiment IS NOT NULL
        ORDER BY position DESC LIMIT 1
    )";
