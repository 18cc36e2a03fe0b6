//! Tools a model may call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::serde_util::null_as_default;

/// A tool that a request offers to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// `function`, the one kind that chat completions know.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function.
    pub function: FunctionDefinition,
}

impl Tool {
    /// A function with the JSON schema of its arguments.
    pub fn function(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Value,
    ) -> Self {
        let function = FunctionDefinition {
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(parameters),
            extra: Map::new(),
        };
        Self { kind: FUNCTION.to_owned(), function }
    }
}

/// What a model is told of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionDefinition {
    /// The name to call it by.
    pub name: String,
    /// What it does, for the model to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// Fields this version does not know, such as `strict`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A call that the model asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// What the tool's answer refers to.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// `function`, the one kind that chat completions know.
    #[serde(rename = "type", default = "function_kind")]
    pub kind: String,
    /// The function and its arguments.
    pub function: FunctionCall,
}

impl ToolCall {
    /// A call of a function.
    pub fn new(id: impl Into<String>, function: FunctionCall) -> Self {
        Self { id: id.into(), kind: function_kind(), function }
    }
}

/// A function's name and the arguments the model chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionCall {
    /// The function's name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The arguments as the model wrote them: JSON text that may be invalid.
    #[serde(default, deserialize_with = "null_as_default")]
    pub arguments: String,
}

fn function_kind() -> String {
    FUNCTION.to_owned()
}

const FUNCTION: &str = "function";
