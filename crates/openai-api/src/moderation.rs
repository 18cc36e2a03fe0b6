//! Moderation: whether a text or an image is harmful, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::ContentPart;
use crate::model::ModelId;
use crate::shown::shows_no_text;
use crate::wire::{Field as _, plain_field, wire};

wire! {
    /// A request to look at texts and images.
    pub struct ModerationRequest {
        /// What to look at.
        pub input: ModerationInput = required,
        /// Which model to ask; the server's newest by default.
        pub model: Option<ModelId>,
    }
}

impl ModerationRequest {
    /// Looks at `input`: a text, several, or parts of text and images.
    pub fn new(input: impl Into<ModerationInput>) -> Self {
        Self { input: input.into(), ..Self::blank() }
    }

    /// Sets which model to ask.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelId>) -> Self {
        self.model = Some(model.into());
        self
    }
}

/// What to look at.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ModerationInput {
    /// One text.
    Text(String),
    /// Several texts, each of which has a result of its own.
    Texts(Vec<String>),
    /// Text and images that belong together and have one result.
    Parts(Vec<ContentPart>),
}

shows_no_text! { ModerationInput }

plain_field! {
    ModerationInput: Self::Text(String::new()) => |_| false,
}

impl From<&str> for ModerationInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ModerationInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for ModerationInput {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<Vec<ContentPart>> for ModerationInput {
    fn from(parts: Vec<ContentPart>) -> Self {
        Self::Parts(parts)
    }
}

wire! {
    /// What a server says of texts and images.
    pub struct Moderation {
        /// The server's id for it.
        pub id: String = stated,
        /// The model that looked.
        pub model: ModelId = stated,
        /// What it found, in the order of the texts.
        pub results: Vec<ModerationResult> = required,
    }
}

impl Moderation {
    /// Whether any of what was looked at is harmful, in whatever way; Mistral says no more than in
    /// which.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        let is_harmful =
            |it: &ModerationResult| it.flagged || it.flagged_categories().next().is_some();
        self.results.iter().any(is_harmful)
    }
}

wire! {
    /// What a server says of a text, or of parts that belong together.
    pub struct ModerationResult {
        /// Whether it is harmful in any way.
        pub flagged: bool = stated,
        /// Whether it is harmful in the way of this name, such as `harassment/threatening`; `None`
        /// where the model does not know that way.
        pub categories: BTreeMap<String, Option<bool>> = stated,
        /// How sure the model is of each, `0.0..=1.0`.
        pub category_scores: BTreeMap<String, Option<f64>> = stated,
        /// Whether that is for a `text` or for an `image`.
        pub category_applied_input_types: Option<Value>,
    }
}

impl ModerationResult {
    /// The ways in which it is harmful.
    pub fn flagged_categories(&self) -> impl Iterator<Item = &str> {
        self.categories
            .iter()
            .filter(|(_, flagged)| **flagged == Some(true))
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_input_survives_a_round_trip() {
        let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
        for input in [json!("a"), json!(["a", "b"]), json!([{"type": "text", "text": "a"}, image])]
        {
            let request = json!({"input": input});
            let read: ModerationRequest = serde_json::from_value(request.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), request);
        }
    }

    #[test]
    fn the_harmful_ways_are_told_by_name() {
        let moderation: Moderation = serde_json::from_value(json!({"results": [
            {"flagged": false},
            {
                "flagged": true,
                "categories": {"hate": false, "illicit": null, "violence": true},
                "category_scores": {"hate": 1e-9, "illicit": null, "violence": 0.9},
            },
        ]}))
        .unwrap();
        assert!(moderation.is_flagged());
        let harmful = &moderation.results[1];
        assert_eq!(harmful.flagged_categories().collect::<Vec<_>>(), ["violence"]);
        assert_eq!(harmful.category_scores["violence"], Some(0.9));
    }
}
