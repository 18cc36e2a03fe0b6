//! Calls of tools, put together from their pieces.

use serde_json::Value;

use crate::chunk::{ToolCallDelta, replace};
use crate::tool::{FunctionCall, ToolCall};

/// Where the calls of one answer began, in their order.
///
/// OpenAI tells calls apart by their index. Ollama and vLLM give each call the index 0, and Gemini
/// gives none; there a call begins with an id of its own, and pieces without one belong to the call
/// that began last.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// The index that each call began with.
    indices: Vec<Option<u32>>,
}

impl Calls {
    /// Puts a piece where it belongs among `calls`.
    pub(super) fn append(&mut self, calls: &mut Vec<ToolCall>, piece: ToolCallDelta) {
        let place = self.place_of(&piece, calls).unwrap_or(calls.len());
        if place == calls.len() {
            calls.push(ToolCall::new("", FunctionCall::default()));
            self.indices.push(piece.index);
        }
        let call = &mut calls[place];
        if call.id.is_empty() {
            call.id = piece.id.unwrap_or_default();
        }
        if let Some(kind) = piece.kind {
            call.kind = kind;
        }
        // Some servers name the function in each piece.
        if call.function.name != piece.function.name {
            call.function.name.push_str(&piece.function.name);
        }
        call.function.arguments.push_str(&piece.function.arguments);
        replace(&mut call.function.extra, piece.function.extra);
        let mut extra = piece.extra;
        // The input of a call of another kind comes in pieces, as arguments do.
        if let Some(Value::Object(custom)) = extra.get_mut("custom")
            && let Some(whole) = call.extra.get_mut("custom")
            && let Some(Value::String(input)) = whole.get_mut("input")
            && let Some(Value::String(more)) = custom.remove("input")
        {
            input.push_str(&more);
        }
        replace(&mut call.extra, extra);
    }

    /// The call that a piece goes on with; none if it begins one.
    fn place_of(&self, piece: &ToolCallDelta, calls: &[ToolCall]) -> Option<usize> {
        let last = match piece.index {
            Some(_) => self.indices.iter().rposition(|index| *index == piece.index),
            None => calls.len().checked_sub(1),
        };
        let last = last.filter(|place| *place < calls.len());
        let is_named = !piece.function.name.is_empty() || piece.extra.contains_key("custom");
        match piece.id.as_deref().unwrap_or_default() {
            "" if piece.index.is_none() && is_named => None,
            "" => last,
            id => calls.iter().position(|call| call.id == id).or_else(|| {
                // A new id without a name is a server's slip, not a new call.
                last.filter(|place| calls[*place].id.is_empty() || !is_named)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: Expect) {
        let (mut places, mut calls) = (Calls::default(), Vec::new());
        for piece in pieces {
            places.append(&mut calls, serde_json::from_str(piece).unwrap());
        }
        let shown = calls.iter().map(|ToolCall { id, function, .. }| {
            format!("{id}:{}({})", function.name, function.arguments)
        });
        expected.assert_eq(&shown.collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn calls_are_told_apart_by_index() {
        check(
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":"2"}}"#,
                r#"{"index":0,"function":{"arguments":"1"}}"#,
                r#"{"index":1,"id":null,"function":{"arguments":"2","name":null}}"#,
            ],
            expect!["a:f(1) b:g(22)"],
        );
    }

    #[test]
    fn an_index_far_past_the_end_leaves_no_gap() {
        check(
            &[
                r#"{"index":7,"id":"a","function":{"name":"f","arguments":"1"}}"#,
                r#"{"index":7,"function":{"arguments":"1"}}"#,
            ],
            expect!["a:f(11)"],
        );
    }

    #[test]
    fn calls_of_one_index_are_told_apart_by_id() {
        check(
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"id":"","function":{"arguments":"1"}}"#,
                r#"{"index":0,"id":"b","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"id":"","function":{"arguments":"2"}}"#,
                r#"{"index":0,"id":"a","function":{"arguments":"3"}}"#,
            ],
            expect!["a:f(13) b:f(2)"],
        );
    }

    #[test]
    fn a_piece_without_index_and_id_goes_on_unless_it_has_a_name() {
        check(
            &[
                r#"{"function":{"name":"f","arguments":"1"}}"#,
                r#"{"function":{"arguments":"1"}}"#,
                r#"{"function":{"name":"g","arguments":"2"}}"#,
            ],
            expect![":f(11) :g(2)"],
        );
    }

    #[test]
    fn an_id_that_changes_without_a_name_is_not_taken_for_a_call() {
        check(
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"id":"b","function":{"arguments":"1"}}"#,
                r#"{"index":0,"id":"c","function":{"arguments":"1"}}"#,
            ],
            expect!["a:f(11)"],
        );
    }
}
