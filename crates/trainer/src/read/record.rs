//! What a reader finds.

use openai_api::Message;

use crate::dataset::{Example, Label, Preference};
use crate::read::text::Text;

/// What a reader finds, borrowed from the file where its form allows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record<'a> {
    /// One question and its answer, as they lie in the file.
    Pair(Pair<'a>),
    /// A conversation.
    Example(Example),
    /// A prompt with a better and a worse answer.
    Preference(Box<Preference>),
}

/// One question and its answer, as they lie in a row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair<'a> {
    /// Instructions to begin with.
    pub system: Option<Text<'a>>,
    /// The parts of the question, which a blank line parts; the second is always there.
    pub(crate) prompt: [Option<Text<'a>>; 3],
    /// The answer.
    pub completion: Text<'a>,
    /// Whether the answer is one to learn.
    pub label: Label,
}

impl<'a> Pair<'a> {
    /// A question and its answer, one to learn.
    #[must_use]
    pub fn new(prompt: Text<'a>, completion: Text<'a>) -> Self {
        let prompt = [None, Some(prompt), None];
        Self { system: None, prompt, completion, label: Label::Positive }
    }

    /// The parts of the question, with a blank line between each two.
    pub fn prompt(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        self.prompt.into_iter().flatten()
    }

    /// The same, decoded, with a message for each.
    #[must_use]
    pub fn to_example(&self) -> Example {
        let prompt: Vec<_> = self.prompt().map(Text::decode).collect();
        let system = self.system.map(|text| Message::system(text.decode().into_owned()));
        let mut messages: Vec<Message> = system.into_iter().collect();
        messages.push(Message::user(prompt.join("\n\n")));
        messages.push(Message::assistant(self.completion.decode().into_owned()));
        Example::new(messages).with_label(self.label)
    }
}
