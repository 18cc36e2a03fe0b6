//! Models and their ids.

mod date;

use serde_json::Value;

use crate::open_enum::string_id;
use crate::wire::{Field as _, wire};

string_id! {
    /// The name a server knows a model by, such as `gpt-4o-mini` or `ft:attune-tiny:lake:1f3a`.
    ModelId
}

wire! {
    /// A model that a backend offers.
    pub struct Model = "model" {
        /// The id to put into a request.
        pub id: ModelId = required,
        /// When the model was made, in seconds since the Unix epoch; 0 where the server does not say.
        pub created: u64 = stated,
        /// Who owns it, as the server names them.
        pub owned_by: String = stated,
    }
}

impl Model {
    /// A model with an id and nothing else known of it.
    pub fn new(id: impl Into<ModelId>) -> Self {
        Self { id: id.into(), ..Self::blank() }
    }

    /// Sets when the model was made, in seconds since the Unix epoch.
    #[must_use]
    pub fn with_created(mut self, created: u64) -> Self {
        self.created = created;
        self
    }

    /// Sets who owns the model.
    #[must_use]
    pub fn with_owned_by(mut self, owned_by: impl Into<String>) -> Self {
        self.owned_by = owned_by.into();
        self
    }

    /// Sets the context window, in tokens.
    #[must_use]
    pub fn with_context_window(mut self, tokens: u32) -> Self {
        self.extra.insert(CONTEXT_WINDOW_FIELDS[0].to_owned(), tokens.into());
        self
    }

    /// The context window in tokens, where the server tells it.
    ///
    /// OpenAI's own API does not; attune and Groq say `context_window`, vLLM `max_model_len`,
    /// Mistral `max_context_length`, `OpenRouter` and Together `context_length`.
    #[must_use]
    pub fn context_window(&self) -> Option<u32> {
        CONTEXT_WINDOW_FIELDS
            .iter()
            .find_map(|field| self.extra.get(*field)?.as_u64())
            .and_then(|tokens| u32::try_from(tokens).ok())
    }

    /// The day the model is shut down, `YYYY-MM-DD` in UTC, where the server tells it.
    ///
    /// OpenAI says `shutdown_date`, Mistral and `OpenRouter` `deprecation` and `expiration_date` with
    /// or without a time, Azure `deprecation` with seconds since the Unix epoch for `inference`.
    #[must_use]
    pub fn shutdown_date(&self) -> Option<String> {
        SHUTDOWN_FIELDS.iter().find_map(|field| match self.extra.get(*field)? {
            Value::Object(of) => date::of_value(of.get("inference")?),
            told => date::of_value(told),
        })
    }

    /// The last day on which the model can be fine-tuned, as Azure tells it.
    #[must_use]
    pub fn fine_tuning_end(&self) -> Option<String> {
        date::of_value(self.extra.get("deprecation")?.get("fine_tune")?)
    }

    /// What those who use the model should know before it is too late, if anything.
    ///
    /// ```
    /// let model: openai_api::Model = serde_json::from_value(serde_json::json!({
    ///     "id": "codestral-2501",
    ///     "deprecation": "2025-11-30T12:00:00Z",
    ///     "deprecation_replacement_model": "codestral-2508",
    /// })).unwrap();
    /// let expected = "`codestral-2501` is shut down on 2025-11-30; use `codestral-2508` instead";
    /// assert_eq!(model.warning().as_deref(), Some(expected));
    /// ```
    #[must_use]
    #[inline]
    pub fn warning(&self) -> Option<String> {
        let shutdown = self.shutdown_date().map(|date| format!("is shut down on {date}"));
        let training = self.fine_tuning_end().map(|date| format!("can be fine-tuned until {date}"));
        let told: Vec<String> = training.into_iter().chain(shutdown).collect();
        if told.is_empty() {
            return None;
        }
        let instead = self.extra.get("deprecation_replacement_model").and_then(Value::as_str);
        let instead = instead.map(|model| format!("; use `{model}` instead")).unwrap_or_default();
        Some(format!("`{}` {}{instead}", self.id, told.join(" and ")))
    }
}

const SHUTDOWN_FIELDS: [&str; 5] =
    ["shutdown_date", "deprecation", "expiration_date", "deprecation_date", "retirement_date"];
const CONTEXT_WINDOW_FIELDS: [&str; 4] =
    ["context_window", "max_model_len", "max_context_length", "context_length"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_context_window_is_found_under_the_names_that_servers_use() {
        for field in CONTEXT_WINDOW_FIELDS {
            let model: Model = serde_json::from_value(json!({"id": "m", field: 4096})).unwrap();
            assert_eq!(model.context_window(), Some(4096), "{field}");
        }
    }

    #[test]
    fn the_day_of_the_shutdown_is_found_where_servers_tell_it() {
        for (told, expected) in [
            (json!({"shutdown_date": "2027-01-14"}), Some("2027-01-14")),
            (json!({"shutdown_date": null}), None),
            (json!({"deprecation": "2025-11-30T12:00:00Z"}), Some("2025-11-30")),
            (
                json!({"deprecation": {"fine_tune": 1_677_662_127, "inference": 1_709_284_527}}),
                Some("2024-03-01"),
            ),
            (json!({"deprecation": null, "expiration_date": "2026-12-01"}), Some("2026-12-01")),
            (json!({"deprecation": "soon"}), None),
            (json!({}), None),
        ] {
            let mut model = Model::new("m");
            model.extra = told.as_object().cloned().unwrap();
            assert_eq!(model.shutdown_date().as_deref(), expected, "{told}");
        }
    }

    #[test]
    fn azure_tells_training_and_use_apart() {
        let deprecation = json!({"fine_tune": 1_677_662_127, "inference": 1_709_284_527});
        let model = json!({"id": "m", "deprecation": deprecation});
        let model: Model = serde_json::from_value(model).unwrap();
        assert_eq!(
            model.warning().as_deref(),
            Some("`m` can be fine-tuned until 2023-03-01 and is shut down on 2024-03-01"),
        );
        assert_eq!(Model::new("m").warning(), None);
    }

    #[test]
    fn a_bare_id_is_a_model() {
        let model: Model = serde_json::from_str(r#"{"id":"m","created":null}"#).unwrap();
        assert_eq!(model, Model::new("m"));
    }
}
