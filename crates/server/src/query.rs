//! What a request's address says: an id, and which page of a list.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use openai_api::Page;

use crate::failure::Failure;

/// The id in a path; any text, so it must not be used as a path itself.
#[derive(Debug)]
pub(crate) struct Id(String);

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id))
            .map_err(|_| Failure::invalid("id", "the id in the path is not UTF-8"))
    }
}

/// What stands behind the question mark.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// A parameter's value; an empty one counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// Cuts one page out of a list: what comes after the entry `after`, at most `limit` entries.
    ///
    /// Clients ask for the next page by the last entry's id, so entries that are added in front
    /// meanwhile move nothing.
    pub(crate) fn page<T>(
        &self,
        mut entries: Vec<T>,
        limit: Limit,
        id: impl Fn(&T) -> &str,
    ) -> Result<Page<T>, Failure> {
        let most = self.limit(limit)?;
        if let Some(after) = self.get("after") {
            let place = entries.iter().position(|entry| id(entry) == after);
            let place = place.ok_or_else(|| Failure::invalid("after", "no entry has this id"))?;
            entries.drain(..=place);
        }
        let has_more = entries.len() > most;
        entries.truncate(most);
        let first = entries.first().map(|entry| id(entry).to_owned());
        let last = entries.last().map(|entry| id(entry).to_owned());
        let mut page = Page::whole(entries);
        page.has_more = has_more;
        page.extra.insert("first_id".into(), first.into());
        page.extra.insert("last_id".into(), last.into());
        Ok(page)
    }

    fn limit(&self, limit: Limit) -> Result<usize, Failure> {
        let Some(text) = self.get("limit") else { return Ok(limit.default) };
        let wanted = text.parse().ok().filter(|wanted| (1..=limit.most).contains(wanted));
        wanted.ok_or_else(|| {
            Failure::invalid("limit", format!("must be a number from 1 to {}", limit.most))
        })
    }
}

/// How long a page is unless asked, and how long it can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) default: usize,
    pub(crate) most: usize,
}
