//! Assistants, for servers that still have them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::ModelId;

/// An assistant: a model with a name and instructions.
///
/// OpenAI removed assistants from its API on 2026-08-26; compatible servers still have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssistantObject {
    /// Its id, such as `asst_abc123`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The model it asks.
    #[serde(default)]
    pub model: Option<ModelId>,
    /// The instructions it puts above each conversation.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AssistantObject {
    /// An assistant with an id and nothing else known of it.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            description: None,
            model: None,
            instructions: None,
            extra: Map::new(),
        }
    }
}
