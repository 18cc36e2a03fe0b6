//! Models and their ids.

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
}

const CONTEXT_WINDOW_FIELDS: [&str; 4] =
    ["context_window", "max_model_len", "max_context_length", "context_length"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_window_is_found_under_the_names_that_servers_use() {
        for field in CONTEXT_WINDOW_FIELDS {
            let model: Model =
                serde_json::from_value(serde_json::json!({"id": "m", field: 4096})).unwrap();
            assert_eq!(model.context_window(), Some(4096), "{field}");
        }
    }

    #[test]
    fn a_bare_id_is_a_model() {
        let model: Model = serde_json::from_str(r#"{"id":"m","created":null}"#).unwrap();
        assert_eq!(model, Model::new("m"));
    }
}
