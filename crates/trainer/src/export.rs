//! Sets as JSON Lines, in the shapes that OpenAI and TRL take.

use std::io::{self, Write};

use openai_api::Message;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::dataset::{Dataset, Example, Label, Preference, TrainingSet};

impl Dataset {
    /// Writes the whole set as JSON Lines that [`from_jsonl_text`](Self::from_jsonl_text) reads
    /// back: conversations, then preferences in OpenAI's shapes, and negative answers as
    /// `prompt`, `completion` and `"label":false`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_jsonl(&self, mut out: impl Write) -> io::Result<()> {
        for example in &self.examples {
            match example.label {
                Label::Positive => write_line(&mut out, &Chat::from(example))?,
                Label::Negative => write_line(&mut out, &Labelled::from(example))?,
            }
        }
        write_lines(&mut out, self.preferences.iter().map(Pair::from))
    }
}

impl TrainingSet {
    /// Writes the supervised examples as JSON Lines, as OpenAI's supervised fine-tuning takes
    /// them: `{"messages":[…]}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::{Dataset, Example};
    ///
    /// let mut out = Vec::new();
    /// Dataset::new(vec![Example::pair("2+2?", "4")]).curate().write_supervised_jsonl(&mut out)?;
    /// assert_eq!(
    ///     String::from_utf8_lossy(&out),
    ///     "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"},\
    ///      {\"role\":\"assistant\",\"content\":\"4\"}]}\n",
    /// );
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_supervised_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, self.supervised.iter().map(Chat::from))
    }

    /// Writes the preferences as JSON Lines, as OpenAI's preference fine-tuning takes them:
    /// `{"input":{"messages":[…]},"preferred_output":[…],"non_preferred_output":[…]}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_preferences_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, self.preferences.iter().map(Pair::from))
    }

    /// Writes the unpaired negative answers as JSON Lines, as TRL takes unpaired preferences (for
    /// KTO): `{"prompt":[…],"completion":[…],"label":false}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_unpaired_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, self.unpaired.iter().map(Labelled::from))
    }
}

fn write_lines(mut out: impl Write, lines: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for line in lines {
        write_line(&mut out, &line)?;
    }
    Ok(())
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Chat<'a> {
    messages: &'a [Message],
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

impl<'a> From<&'a Example> for Chat<'a> {
    fn from(example: &'a Example) -> Self {
        Self { messages: &example.messages, extra: &example.extra }
    }
}

#[derive(Serialize)]
struct Labelled<'a> {
    prompt: &'a [Message],
    completion: &'a [Message],
    label: bool,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

impl<'a> From<&'a Example> for Labelled<'a> {
    fn from(example: &'a Example) -> Self {
        let (prompt, completion) =
            example.messages.split_at(example.messages.len().saturating_sub(1));
        let label = example.label == Label::Positive;
        Self { prompt, completion, label, extra: &example.extra }
    }
}

#[derive(Serialize)]
struct Pair<'a> {
    input: Chat<'a>,
    preferred_output: [&'a Message; 1],
    non_preferred_output: [&'a Message; 1],
}

impl<'a> From<&'a Preference> for Pair<'a> {
    fn from(pair: &'a Preference) -> Self {
        Self {
            input: Chat { messages: &pair.prompt, extra: &pair.extra },
            preferred_output: [&pair.preferred],
            non_preferred_output: [&pair.rejected],
        }
    }
}
