//! The events of a stream, put together.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::response::{
    OutputText, ReasoningItem, ReasoningText, Refusal, Response, ResponseContent, ResponseDelta,
    ResponseEvent, ResponseFunctionCall, ResponseItem, ResponseMessage, ResponsePart,
    ResponseProgress,
};
use crate::wire::Field as _;

/// Puts the events of a stream together into the whole response.
///
/// The last event tells the whole response by itself, and what it tells is what counts; where a
/// server leaves the output out of it, that is put together from the events before.
///
/// ```
/// use openai_api::{ResponseAccumulator, ResponseEvent};
/// use serde_json::json;
///
/// let mut response = ResponseAccumulator::default();
/// for event in [
///     json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hel"}),
///     json!({"type": "response.output_text.delta", "output_index": 0, "delta": "lo"}),
///     json!({"type": "response.completed", "response": {"id": "r1", "status": "completed"}}),
/// ] {
///     response.push(serde_json::from_value::<ResponseEvent>(event)?);
/// }
/// assert_eq!(response.finish()?.text(), "Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct ResponseAccumulator {
    response: Option<Response>,
    /// The items by their place; a server may leave places out.
    output: BTreeMap<u32, ResponseItem>,
}

impl ResponseAccumulator {
    /// Takes the next event.
    pub fn push(&mut self, event: ResponseEvent) {
        match event {
            ResponseEvent::Completed(ResponseProgress { response, .. })
            | ResponseEvent::Incomplete(ResponseProgress { response, .. })
            | ResponseEvent::Failed(ResponseProgress { response, .. }) => {
                self.response = Some(*response);
            }
            ResponseEvent::OutputItemAdded(event) | ResponseEvent::OutputItemDone(event) => {
                self.output.insert(event.output_index, event.item);
            }
            ResponseEvent::TextDelta(delta) => self.grow_message(delta, output_text, |text| {
                ResponsePart::OutputText(OutputText { text, ..OutputText::blank() })
            }),
            ResponseEvent::RefusalDelta(delta) => self.grow_message(delta, refusal, |refusal| {
                ResponsePart::Refusal(Refusal { refusal, ..Refusal::blank() })
            }),
            ResponseEvent::ArgumentsDelta(delta) => {
                let item = self.output.entry(delta.output_index).or_insert_with(|| {
                    let id = delta.item_id;
                    ResponseItem::FunctionCall(ResponseFunctionCall {
                        id,
                        ..ResponseFunctionCall::blank()
                    })
                });
                if let ResponseItem::FunctionCall(call) = item {
                    call.arguments.push_str(&delta.delta);
                }
            }
            ResponseEvent::ReasoningSummaryDelta(delta) => self.grow_summary(delta),
            _ => {}
        }
    }

    fn grow_message(
        &mut self,
        delta: ResponseDelta,
        text_of: fn(&mut ResponsePart) -> Option<&mut String>,
        part: fn(String) -> ResponsePart,
    ) {
        let item = self.output.entry(delta.output_index).or_insert_with(|| {
            let mut message = ResponseMessage { id: delta.item_id, ..ResponseMessage::blank() };
            message.content = Vec::new().into();
            ResponseItem::Message(message)
        });
        let ResponseItem::Message(message) = item else { return };
        if !matches!(message.content, ResponseContent::Parts(_)) {
            message.content = Vec::new().into();
        }
        let ResponseContent::Parts(parts) = &mut message.content else { return };
        match parts.get_mut(delta.content_index as usize).and_then(text_of) {
            Some(text) => text.push_str(&delta.delta),
            None => parts.push(part(delta.delta)),
        }
    }

    fn grow_summary(&mut self, delta: ResponseDelta) {
        let item = self.output.entry(delta.output_index).or_insert_with(|| {
            ResponseItem::Reasoning(ReasoningItem { id: delta.item_id, ..ReasoningItem::blank() })
        });
        let ResponseItem::Reasoning(reasoning) = item else { return };
        match reasoning.summary.get_mut(delta.summary_index as usize) {
            Some(part) => part.text.push_str(&delta.delta),
            None => reasoning.summary.push(ReasoningText::summary(delta.delta)),
        }
    }

    /// The whole response.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if the events ended before it did.
    pub fn finish(self) -> Result<Response> {
        let mut response = self.response.ok_or(Error::Truncated)?;
        if response.output.is_empty() {
            response.output = self.output.into_values().collect();
        }
        Ok(response)
    }
}

fn output_text(part: &mut ResponsePart) -> Option<&mut String> {
    match part {
        ResponsePart::OutputText(part) => Some(&mut part.text),
        _ => None,
    }
}

fn refusal(part: &mut ResponsePart) -> Option<&mut String> {
    match part {
        ResponsePart::Refusal(part) => Some(&mut part.refusal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn put_together(events: impl IntoIterator<Item = Value>) -> Result<Response> {
        let mut response = ResponseAccumulator::default();
        for event in events {
            response.push(serde_json::from_value(event).unwrap());
        }
        response.finish()
    }

    fn delta(of: &str, index: u32, delta: &str) -> Value {
        let kind = format!("response.{of}.delta");
        json!({"type": kind, "output_index": index, "item_id": "i", "delta": delta})
    }

    fn end() -> Value {
        json!({"type": "response.completed", "response": {"id": "r", "output": []}})
    }

    #[test]
    fn what_the_last_event_leaves_out_is_put_together_from_the_others() {
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""});
        let response = put_together([
            delta("reasoning_summary_text", 0, "Hm"),
            delta("reasoning_summary_text", 0, "m."),
            delta("output_text", 1, "It "),
            delta("output_text", 1, "rains."),
            json!({"type": "response.output_item.added", "output_index": 2, "item": call}),
            delta("function_call_arguments", 2, "{\"a\":"),
            delta("function_call_arguments", 2, "1}"),
            delta("refusal", 7, "No"),
            delta("refusal", 7, "."),
            end(),
        ]);
        let response = response.unwrap();
        assert_eq!((response.text().as_str(), response.refusal()), ("It rains.", Some("No.")));
        let call = response.function_calls().next().unwrap();
        assert_eq!((call.name.as_str(), call.arguments.as_str()), ("f", "{\"a\":1}"));
        let ResponseItem::Reasoning(reasoning) = &response.output[0] else { panic!() };
        assert_eq!(reasoning.summary_text(), "Hmm.");
    }

    #[test]
    fn what_the_last_event_tells_counts() {
        let message = json!({"type": "message", "content": "whole"});
        let last = json!({"type": "response.incomplete", "response": {"output": [message]}});
        let response = put_together([delta("output_text", 0, "part"), last]).unwrap();
        assert_eq!(response.text(), "whole");
    }

    #[test]
    fn without_a_last_event_there_is_no_response() {
        let error = put_together([delta("output_text", 0, "part")]).unwrap_err();
        assert!(matches!(error, Error::Truncated));
    }

    #[test]
    fn events_that_contradict_one_another_are_harmless() {
        let item = json!({"type": "message", "content": "plain", "role": "assistant"});
        let response = put_together([
            delta("function_call_arguments", 0, "{}"),
            delta("output_text", 0, "lost"),
            delta("reasoning_summary_text", 0, "lost"),
            json!({"type": "response.output_item.done", "output_index": 4_000_000_000_u32, "item": item}),
            json!({"type": "response.output_text.delta", "output_index": 4_000_000_000_u32,
                "content_index": 4_000_000_000_u32, "delta": "new"}),
            end(),
        ]);
        assert_eq!(response.unwrap().text(), "new");
    }
}
