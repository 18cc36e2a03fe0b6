//! A list that comes in pages.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::client::call::Call;
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::page::Page;

/// A request for a list; awaited, it gives one page.
///
/// [`all`](Self::all) and [`stream`](Self::stream) go on to the last page.
#[must_use = "a list is asked for when it is awaited"]
pub struct List<T> {
    call: Call<Page<T>>,
    after: Option<String>,
    limit: Option<u32>,
}

/// An entry of a list, by whose id the next page is asked for.
pub trait Entry: DeserializeOwned + Send + 'static {
    /// The entry's id.
    fn id(&self) -> &str;
}

impl Client {
    pub(super) fn list<T: Entry>(&self, path: &[&str], what: &'static str) -> List<T> {
        List { call: self.call(Method::GET, path, what), after: None, limit: None }
    }
}

impl<T: Entry> List<T> {
    /// Begins after the entry with this id.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }

    /// Asks for at most so many entries a page; mostly 20 by default and at most 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Appends a pair to the query, such as `order` and `asc`.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.call = self.call.query(name, value);
        self
    }

    /// Adds a header, or replaces one of the client's.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.call = self.call.header(name, value);
        self
    }

    /// Limits how long each page may take, all attempts and the waits between them together.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.call = self.call.timeout(limit);
        self
    }

    /// Asks for one page; gives it with its status and headers.
    ///
    /// # Errors
    ///
    /// Those of [`Call::with_meta`].
    pub async fn with_meta(self) -> Result<(Page<T>, Arc<Meta>)> {
        self.into_call().with_meta().await
    }

    /// The call for the page.
    fn into_call(self) -> Call<Page<T>> {
        self.call.maybe_query("limit", self.limit).maybe_query("after", self.after)
    }

    /// Asks for all entries, page by page until the last.
    ///
    /// The last is also one that tells no id to ask for the next by, whatever it says of more.
    ///
    /// # Errors
    ///
    /// Whatever keeps the server from telling; what had come until then is lost.
    pub async fn all(self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut entries = self.stream();
        while let Some(entry) = entries.next().await {
            all.push(entry?);
        }
        Ok(all)
    }

    /// Asks for all entries, the next page when the last has been taken; ends where
    /// [`all`](Self::all) does.
    ///
    /// After an error the stream ends.
    #[must_use]
    pub fn stream(self) -> BoxStream<'static, Result<T>> {
        let limit = self.limit.unwrap_or(PAGE);
        let (call, after) = (self.call, self.after);
        let pages =
            futures_util::stream::try_unfold(Some(after), move |after: Option<Option<String>>| {
                let call = call.again();
                async move {
                    let Some(after) = after else { return Ok::<_, Error>(None) };
                    let page = call.query("limit", limit).maybe_query("after", after.as_deref());
                    let mut page = page.await?;
                    let last = last_id(&page);
                    // A server that knows no `after` gives the same page again, without end.
                    let repeats = last.is_some() && last == after;
                    if repeats {
                        page.data.clear();
                    }
                    // Without an id to go on from, the next page would be the first one again.
                    let next = last.filter(|_| page.has_more && !repeats).map(Some);
                    let entries = futures_util::stream::iter(page.data.into_iter().map(Ok));
                    Ok(Some((entries, next)))
                }
            });
        futures_util::TryStreamExt::try_flatten(pages).boxed()
    }
}

/// The id by which to ask for the page that follows, if there is one.
///
/// A page may be empty and yet not the last, where a server leaves entries out after it has made its
/// pages; then only `last_id` says how far it was.
fn last_id<T: Entry>(page: &Page<T>) -> Option<String> {
    let told = page.extra.get("last_id").and_then(Value::as_str);
    let ids = [told, page.data.last().map(Entry::id)];
    ids.into_iter().flatten().find(|id| !id.is_empty()).map(str::to_owned)
}

impl<T: Entry> IntoFuture for List<T> {
    type Output = Result<Page<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Page<T>>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.into_call().into_future()
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

macro_rules! entries {
    ($( $(#[$meta:meta])* $type:ty ),+ $(,)?) => { $(
        $(#[$meta])*
        impl Entry for $type {
            fn id(&self) -> &str {
                AsRef::<str>::as_ref(&self.id)
            }
        }
    )+ };
}

#[cfg(feature = "responses")]
impl Entry for crate::response::ResponseItem {
    fn id(&self) -> &str {
        self.id()
    }
}

entries! {
    #[cfg(feature = "assistants")]
    crate::assistant::AssistantObject,
    #[cfg(feature = "batches")]
    crate::batch::Batch,
    #[cfg(feature = "files")]
    crate::file::File,
    #[cfg(feature = "fine-tuning")]
    crate::fine_tuning::CheckpointPermission,
    #[cfg(feature = "fine-tuning")]
    crate::fine_tuning::FineTuningCheckpoint,
    #[cfg(feature = "fine-tuning")]
    crate::fine_tuning::FineTuningEvent,
    #[cfg(feature = "fine-tuning")]
    crate::fine_tuning::FineTuningJob,
    crate::model::Model,
    #[cfg(feature = "assistants")]
    crate::run::Run,
    #[cfg(feature = "assistants")]
    crate::run::RunStep,
    #[cfg(feature = "assistants")]
    crate::thread::ThreadMessage,
}

/// How many entries to ask for at once; the most that assistants allow.
const PAGE: u32 = 100;
