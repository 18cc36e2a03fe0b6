//! Tools a model may call.

use serde_json::Value;

use crate::open_enum::open_enum;
use crate::wire::{Field as _, wire};

open_enum! {
    /// What kind of tool it is.
    pub enum ToolKind default Function {
        /// A function of the caller's.
        Function = "function",
        /// A tool of the caller's that takes any text.
        Custom = "custom",
    }
}

wire! {
    /// A tool that a request offers to the model.
    pub struct Tool {
        /// `function`; what another kind needs rides in `extra` under its name.
        pub kind as "type": ToolKind = stated,
        /// The function; empty for another kind.
        pub function: FunctionDefinition,
    }
}

impl Tool {
    /// A tool that the server has itself, such as `code_interpreter` or `file_search`.
    #[must_use]
    pub fn built_in(kind: &str) -> Self {
        Self { kind: ToolKind::from(kind), ..Self::blank() }
    }

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
            ..FunctionDefinition::blank()
        };
        Self { kind: ToolKind::Function, function, ..Self::blank() }
    }
}

wire! {
    /// What a model is told of a function.
    #[derive(Default)]
    pub struct FunctionDefinition {
        /// The name to call it by.
        pub name: String = required,
        /// What it does, for the model to read.
        pub description: Option<String>,
        /// The JSON schema of its arguments.
        pub parameters: Option<Value>,
    }
}

wire! {
    /// A call that the model asks for.
    pub struct ToolCall {
        /// What the tool's answer refers to.
        pub id: String = stated,
        /// `function`; what another kind needs rides in `extra` under its name.
        pub kind as "type": ToolKind = stated,
        /// The function and its arguments; empty for another kind.
        pub function: FunctionCall,
    }
}

impl ToolCall {
    /// A call of a function.
    pub fn new(id: impl Into<String>, function: FunctionCall) -> Self {
        Self { id: id.into(), kind: ToolKind::Function, function, ..Self::blank() }
    }
}

wire! {
    /// A function's name and the arguments the model chose.
    #[derive(Default, Eq)]
    pub struct FunctionCall {
        /// The function's name; empty in the later pieces of a call that is streamed.
        pub name: String,
        /// The arguments as the model wrote them: JSON text that may be invalid.
        ///
        /// Servers that send an object have it written out.
        pub arguments by JsonText: String = stated,
    }
}

impl FunctionCall {
    /// A call of the function of this name, with arguments as JSON text.
    pub fn new(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into(), ..Self::blank() }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
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
    fn a_call_is_answered_by_a_message_that_names_it() {
        let call = ToolCall::new("c1", FunctionCall::new("depth_of", "{}"));
        let mut asked = crate::Message::assistant("");
        asked.tool_calls = vec![call];
        let conversation =
            [crate::Message::developer("Be brief."), asked, crate::Message::tool("c1", "1642 m")];
        let call = json!({"name": "depth_of", "arguments": "{}"});
        assert_eq!(
            serde_json::to_value(conversation).unwrap(),
            json!([
                {"role": "developer", "content": "Be brief."},
                {"role": "assistant", "content": "",
                 "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
                {"role": "tool", "content": "1642 m", "tool_call_id": "c1"},
            ])
        );
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
