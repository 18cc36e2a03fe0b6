//! Records without the personal data and the secrets that stand in them.

use openai_api::{Content, ContentPart, KnownPart, Message};
use serde_json::{Map, Value};

use crate::read::{Record, Text};
use crate::scan::personal::{Redactor, find};

/// The record with a word in the place of each finding, and whether there was one.
///
/// Looked at is all that says something: contents, refusals, thoughts, names, the arguments of
/// calls, and what rides beside the messages.
pub(super) fn redacted<'a>(record: Record<'a>, redactor: &mut Redactor) -> (Record<'a>, bool) {
    redactor.start_over();
    match record {
        Record::Pair(pair) => {
            let texts = pair.system.into_iter().chain(pair.prompt()).chain([pair.completion]);
            let mut texts = texts.map(Text::decode);
            if !texts.any(|text| find(&text).next().is_some()) {
                return (record, false);
            }
            redacted(Record::Example(pair.to_example()), redactor)
        }
        Record::Example(mut example) => {
            let mut change = Change::new(redactor);
            example.messages.iter_mut().for_each(|it| change.message(it));
            change.values(&mut example.extra);
            let is_changed = change.is_made;
            (Record::Example(example), is_changed)
        }
        Record::Preference(mut pair) => {
            let mut change = Change::new(redactor);
            pair.prompt.iter_mut().for_each(|it| change.message(it));
            change.message(&mut pair.preferred);
            change.message(&mut pair.rejected);
            change.values(&mut pair.extra);
            let is_changed = change.is_made;
            (Record::Preference(pair), is_changed)
        }
    }
}

struct Change<'r> {
    redactor: &'r mut Redactor,
    is_made: bool,
}

impl<'r> Change<'r> {
    fn new(redactor: &'r mut Redactor) -> Self {
        Self { redactor, is_made: false }
    }

    fn message(&mut self, message: &mut Message) {
        match &mut message.content {
            Some(Content::Text(text)) => self.text(text),
            Some(Content::Parts(parts)) => parts.iter_mut().for_each(|part| self.part(part)),
            _ => {}
        }
        let said = [&mut message.refusal, &mut message.reasoning_content, &mut message.name];
        said.into_iter().flatten().for_each(|text| self.text(text));
        message.tool_calls.iter_mut().for_each(|call| self.text(&mut call.function.arguments));
        message.annotations.iter_mut().for_each(|value| self.value(value));
        self.values(&mut message.extra);
    }

    fn part(&mut self, part: &mut ContentPart) {
        match part {
            ContentPart::Known(KnownPart::Text { text, extra, .. }) => {
                self.text(text);
                self.values(extra);
            }
            ContentPart::Other(value) => self.value(value),
            // An image is no text, though its bytes may look like some.
            ContentPart::Known(_) => {}
            _ => {}
        }
    }

    fn values(&mut self, values: &mut Map<String, Value>) {
        values.values_mut().for_each(|value| self.value(value));
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(values) => self.values(values),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        if let std::borrow::Cow::Owned(other) = self.redactor.redact(text) {
            *text = other;
            self.is_made = true;
        }
    }
}
