//! Which dialogues to list.

use crate::dialogue::{Dialogue, DialogueSummary};
use crate::time::Timestamp;
use crate::turn::Rating;

/// Which dialogues to list, and in which order.
///
/// A dialogue is listed if it fits everything that is set. The order is that of creation, dialogues
/// of the same millisecond by id.
///
/// ```
/// use dialogue_store::{Query, Rating};
///
/// let praised = Query::new().with_rating(Rating::Up).with_newest_first().with_limit(10);
/// assert_eq!(praised.limit, Some(10));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Begun at this moment or later.
    pub since: Option<Timestamp>,
    /// Begun before this moment.
    pub until: Option<Timestamp>,
    /// Begun with this model, or with a turn of it.
    pub model: Option<String>,
    /// With a turn that has this sentiment: `positive`, `negative` or `neutral`.
    pub sentiment: Option<String>,
    /// With a turn that is rated so.
    pub rating: Option<Rating>,
    /// With this assistant.
    pub assistant: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// The newest first, rather than the oldest.
    pub newest_first: bool,
}

impl Query {
    /// All dialogues, the oldest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those begun at this moment or later.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Only those begun before this moment.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Only those begun with this model, or with a turn of it.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Only those with a turn that has this sentiment.
    #[must_use]
    pub fn with_sentiment(mut self, label: impl Into<String>) -> Self {
        self.sentiment = Some(label.into());
        self
    }

    /// Only those with a turn that is rated so.
    #[must_use]
    pub fn with_rating(mut self, rating: Rating) -> Self {
        self.rating = Some(rating);
        self
    }

    /// Only those with this assistant.
    #[must_use]
    pub fn with_assistant(mut self, assistant: impl Into<String>) -> Self {
        self.assistant = Some(assistant.into());
        self
    }

    /// Only those with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// At most so many.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The newest first.
    #[must_use]
    pub fn with_newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// Whether a dialogue fits everything that is set; limit and order aside.
    #[must_use]
    pub fn matches(&self, dialogue: &Dialogue) -> bool {
        fn fits<T: ?Sized>(wanted: Option<&T>, test: impl FnOnce(&T) -> bool) -> bool {
            wanted.is_none_or(test)
        }
        let turns = &dialogue.turns;
        fits(self.since.as_ref(), |since| dialogue.created_at >= *since)
            && fits(self.until.as_ref(), |until| dialogue.created_at < *until)
            && fits(self.assistant.as_deref(), |it| dialogue.assistant.as_deref() == Some(it))
            && fits(self.tag.as_ref(), |tag| dialogue.tags.contains(tag))
            && fits(self.model.as_deref(), |model| {
                dialogue.model.as_deref() == Some(model)
                    || turns.iter().any(|turn| turn.model.as_deref() == Some(model))
            })
            && fits(self.sentiment.as_deref(), |label| {
                turns.iter().filter_map(|turn| turn.sentiment.as_ref()).any(|it| it.label == label)
            })
            && fits(self.rating.as_ref(), |rating| {
                turns
                    .iter()
                    .filter_map(|turn| turn.feedback.as_ref())
                    .any(|it| it.rating == *rating)
            })
    }

    /// Puts what was found into the order asked for, and cuts it at the limit.
    pub(crate) fn arrange(&self, found: &mut Vec<DialogueSummary>) {
        found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        if self.newest_first {
            found.reverse();
        }
        found.truncate(self.limit.unwrap_or(usize::MAX));
    }
}
