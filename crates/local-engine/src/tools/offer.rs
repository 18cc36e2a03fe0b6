//! The tools of a request, and the calls in its conversation.

use std::collections::HashSet;

use openai_api::{ApiError, ChatRequest, Message, Role, ToolKind};
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, Result};

/// The tools that a request offers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    /// As the chat API describes them, which is how templates know them.
    pub(crate) tools: Vec<Json>,
    pub(crate) which: Which,
    /// Whether an answer may call several.
    pub(crate) parallel: bool,
}

/// Which of the tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that the model wants to call, if any.
    Free,
    /// One of them at least.
    Some,
    /// The one of this name.
    One(String),
}

impl Offer {
    /// Reads what a request offers; `None` if no tool may be called.
    ///
    /// # Errors
    ///
    /// [`ApiError::invalid_request`] that names what is no function or no choice.
    pub(crate) fn read(request: &ChatRequest) -> Result<Option<Self>> {
        let mut tools = Vec::with_capacity(request.tools.len());
        let mut names = HashSet::new();
        for (i, tool) in request.tools.iter().enumerate() {
            if tool.kind != ToolKind::Function {
                let problem = format!("is {}, and local models call functions only", tool.kind);
                return refuse(format!("tools[{i}].type"), problem);
            }
            let param = || format!("tools[{i}].function.name");
            if tool.function.name.is_empty() {
                return refuse(param(), "must not be empty");
            }
            if !names.insert(&*tool.function.name) {
                let problem = format!("{} is the name of another tool too", tool.function.name);
                return refuse(param(), problem);
            }
            tools.push(
                serde_json::to_value(tool)
                    .map_err(|source| Error::Json { file: format!("tools[{i}]"), source })?,
            );
        }
        let which = match request.tool_choice.as_ref() {
            None | Some(Json::Null) => Which::Free,
            Some(Json::String(word)) if word == "auto" => Which::Free,
            Some(Json::String(word)) if word == "none" => return Ok(None),
            Some(Json::String(word)) if word == "required" => Which::Some,
            Some(choice) if choice["type"] == "function" => {
                match choice["function"]["name"].as_str() {
                    Some(name) if names.contains(name) => Which::One(name.to_owned()),
                    Some(name) => {
                        return refuse(
                            "tool_choice",
                            format!("names {name}, which is none of the tools"),
                        );
                    }
                    None => return refuse("tool_choice", "names no function"),
                }
            }
            Some(_) => {
                return refuse(
                    "tool_choice",
                    "must be none, auto, required or an object that names a function",
                );
            }
        };
        if tools.is_empty() {
            return match which {
                Which::Free => Ok(None),
                _ => refuse("tool_choice", "asks for a call, and there are no tools"),
            };
        }
        Ok(Some(Self { tools, which, parallel: request.parallel_tool_calls.unwrap_or(true) }))
    }

    /// The names of the tools, with the schemas of their arguments.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, Option<&Json>)> {
        self.tools.iter().filter_map(|tool| {
            let function = &tool["function"];
            Some((function["name"].as_str()?, function.get("parameters")))
        })
    }
}

/// What templates are told of each message besides its role and its text: the calls in it, or which
/// call it answers.
///
/// The arguments of a call go as the object that their text stands for, as in `transformers`; the
/// answer to a call goes with the name of its tool, which some templates write.
pub(crate) fn turns_more(messages: &[Message]) -> Vec<Map<String, Json>> {
    let calls = || messages.iter().flat_map(|message| &message.tool_calls);
    let more = |message: &Message| {
        let mut more = Map::new();
        if !message.tool_calls.is_empty() {
            let calls = message.tool_calls.iter().map(|call| {
                let arguments = serde_json::from_str::<Json>(&call.function.arguments);
                let arguments = arguments.ok().filter(Json::is_object);
                let arguments = arguments.unwrap_or_else(|| (*call.function.arguments).into());
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": arguments},
                })
            });
            more.insert("tool_calls".to_owned(), calls.collect());
        }
        if let (Role::Tool, Some(id)) = (&message.role, &message.tool_call_id) {
            let call = calls().find(|call| call.id == *id);
            let name = message.name.as_ref().or(call.map(|call| &call.function.name));
            more.insert("tool_call_id".to_owned(), (&**id).into());
            more.extend(name.map(|name| ("name".to_owned(), (&**name).into())));
        }
        more
    };
    messages.iter().map(more).collect()
}

fn refuse<T>(param: impl Into<String>, problem: impl Into<String>) -> Result<T> {
    Err(ApiError::invalid_request(param, problem).into())
}

#[cfg(test)]
mod tests {
    use openai_api::{FunctionCall, Tool, ToolCall};

    use super::*;

    fn request(choice: Json) -> ChatRequest {
        let tools = vec![
            Tool::function("depth", "tells the depth", json!({"type": "object"})),
            Tool::function("now", "tells the time", json!({})),
        ];
        ChatRequest::new("m", vec![Message::user("hi")]).with_tools(tools).with_tool_choice(choice)
    }

    #[track_caller]
    fn check(choice: Json, expected: Option<Which>) {
        let read = Offer::read(&request(choice)).unwrap();
        assert_eq!(read.map(|offer| offer.which), expected);
    }

    #[track_caller]
    fn refused(request: &ChatRequest) -> String {
        let error: openai_api::Error = Offer::read(request).unwrap_err().into();
        let api = error.as_api().unwrap();
        format!("{}: {}", api.param.clone().unwrap(), api.message)
    }

    #[test]
    fn every_form_of_choice_is_read() {
        check(Json::Null, Some(Which::Free));
        check(json!("auto"), Some(Which::Free));
        check(json!("none"), None);
        check(json!("required"), Some(Which::Some));
        let named = json!({"type": "function", "function": {"name": "now"}});
        check(named, Some(Which::One("now".to_owned())));
    }

    #[test]
    fn what_is_no_choice_or_no_function_is_refused_by_name() {
        let named = json!({"type": "function", "function": {"name": "then"}});
        assert_eq!(refused(&request(named)), "tool_choice: names then, which is none of the tools");
        assert!(refused(&request(json!("all"))).starts_with("tool_choice: must be none, auto"));
        let none = ChatRequest::new("m", Vec::new()).with_tool_choice("required");
        assert_eq!(refused(&none), "tool_choice: asks for a call, and there are no tools");
        let tools = |tools| ChatRequest::new("m", Vec::new()).with_tools(tools);
        assert!(refused(&tools(vec![Tool::built_in("custom")])).starts_with("tools[0].type: is"));
        let tool = || Tool::function("f", "", json!({}));
        let twice = tools(vec![tool(), tool()]);
        assert!(refused(&twice).starts_with("tools[1].function.name: f is the name of another"));
    }

    #[test]
    fn templates_see_arguments_as_objects_and_the_name_of_the_tool_that_answered() {
        let mut asked = Message::assistant("");
        let call = |arguments: &str| ToolCall::new("a1", FunctionCall::new("depth", arguments));
        asked.tool_calls = vec![call(r#"{"of": "Baikal"}"#), call("not JSON")];
        let more = turns_more(&[Message::user("hi"), asked, Message::tool("a1", "1642 m")]);
        let function = |arguments: Json| {
            json!({
                "id": "a1", "type": "function",
                "function": {"name": "depth", "arguments": arguments},
            })
        };
        let expected = json!([
            {},
            {"tool_calls": [function(json!({"of": "Baikal"})), function(json!("not JSON"))]},
            {"tool_call_id": "a1", "name": "depth"},
        ]);
        assert_eq!(json!(more), expected);
    }
}
