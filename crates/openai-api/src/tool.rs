//! Tools a model may call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::serde_util::{is_default, null_as_default};

/// A tool that a request offers to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// `function`; what another kind needs rides in `extra` under its name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function; empty for another kind.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub function: FunctionDefinition,
    /// Fields this version does not know, such as `custom`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
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
        Self { kind: FUNCTION.to_owned(), function, extra: Map::new() }
    }
}

/// What a model is told of a function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// `function`; what another kind needs rides in `extra` under its name.
    #[serde(rename = "type", default = "function_kind")]
    pub kind: String,
    /// The function and its arguments; empty for another kind.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub function: FunctionCall,
    /// Fields this version does not know, such as `custom`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ToolCall {
    /// A call of a function.
    pub fn new(id: impl Into<String>, function: FunctionCall) -> Self {
        Self { id: id.into(), kind: function_kind(), function, extra: Map::new() }
    }
}

/// A function's name and the arguments the model chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionCall {
    /// The function's name; empty in the later pieces of a call that is streamed.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// The arguments as the model wrote them: JSON text that may be invalid.
    #[serde(default, deserialize_with = "null_as_default")]
    pub arguments: String,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn function_kind() -> String {
    FUNCTION.to_owned()
}

const FUNCTION: &str = "function";

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn round_trips<T: Serialize + DeserializeOwned>(value: Value) -> T {
        let read: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), value);
        read
    }

    #[test]
    fn a_function_survives_a_round_trip_with_what_is_unknown() {
        let function = json!({"name": "f", "parameters": {"type": "object"}, "strict": true});
        let tool: Tool = round_trips(json!({"type": "function", "function": function, "x": 1}));
        assert_eq!((tool.function.name.as_str(), tool.extra.len()), ("f", 1));
    }

    #[test]
    fn a_tool_or_call_of_another_kind_survives_a_round_trip() {
        let tool: Tool = round_trips(json!({"type": "custom", "custom": {"name": "c"}}));
        assert_eq!(tool.function, FunctionDefinition::default());
        round_trips::<Tool>(json!({"type": "web_search"}));
        let call = json!({"id": "1", "type": "custom", "custom": {"name": "c", "input": "so"}});
        let call: ToolCall = round_trips(call);
        assert_eq!((call.kind.as_str(), call.function), ("custom", FunctionCall::default()));
    }

    #[test]
    fn a_call_whose_fields_are_null_or_missing_is_read() {
        for call in [json!({}), json!({"id": null, "function": null})] {
            let call: ToolCall = serde_json::from_value(call).unwrap();
            assert_eq!(call, ToolCall::new("", FunctionCall::default()));
        }
    }
}
