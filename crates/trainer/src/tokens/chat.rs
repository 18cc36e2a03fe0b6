//! The tokens of a conversation.

use std::fmt;

use super::CountTokens;
use crate::error::Result;

/// A message of a conversation, as far as its tokens go.
///
/// Its `Debug` tells how long the text is and not what it says.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatMessage<'a> {
    /// `system`, `user`, `assistant`, ….
    pub role: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The name of who says it, if it has one.
    pub name: Option<&'a str>,
}

impl<'a> ChatMessage<'a> {
    /// A message of somebody without a name.
    #[must_use]
    pub fn new(role: &'a str, text: &'a str) -> Self {
        Self { role, text, name: None }
    }

    /// Sets the name of who says it.
    #[must_use]
    pub fn with_name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }
}

impl fmt::Debug for ChatMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ChatMessage");
        shown.field("role", &self.role).field("text", &format_args!("{} bytes", self.text.len()));
        shown.field("is_named", &self.name.is_some()).finish()
    }
}

/// How many tokens a conversation is, as OpenAI counts them for prompts and for training.
///
/// A message is the tokens of its role, its text and its name, and 3 for its frame; a name is 1
/// more; and 3 prime the answer that follows the last message. So count OpenAI's cookbook, "How to
/// count tokens with tiktoken", for models from `gpt-3.5-turbo-0613` and `gpt-4-0314` on, and "Data
/// preparation and analysis for chat model fine-tuning" for training (both in
/// `openai/openai-cookbook`, read 2026-11-22). Both call this an estimate that may change from model
/// to model.
///
/// Not counted are definitions of functions and tools, which a server writes into the prompt in a
/// way of its own and bills; images; and what a message has beside role, text and name. A call of a
/// tool counts if its caller passes it as text.
///
/// # Examples
///
#[cfg_attr(feature = "tokens", doc = "```")]
#[cfg_attr(not(feature = "tokens"), doc = "```ignore")]
/// use trainer::tokens::{ChatCount, ChatMessage, Encoding, OpenAiCounter};
///
/// let mut counter = OpenAiCounter::new(Encoding::O200kBase);
/// let messages = [
///     ChatMessage::new("user", "How deep is Lake Baikal?"),
///     ChatMessage::new("assistant", "1,642 metres"),
/// ];
/// let count = ChatCount::of(&mut counter, messages)?;
/// assert_eq!((count.total, count.assistant), (22, 4));
/// # Ok::<(), trainer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatCount {
    /// All tokens, those of the frames among them.
    pub total: u64,
    /// The tokens of the texts of assistant messages, which are what a model learns to write.
    pub assistant: u64,
}

/// The frame of a message.
const PER_MESSAGE: u64 = 3;
/// What a name costs beside its own tokens.
const PER_NAME: u64 = 1;
/// The beginning of the answer.
const PRIMING: u64 = 3;

impl ChatCount {
    /// Counts the tokens of a conversation; one without messages has those that prime an answer.
    ///
    /// # Errors
    ///
    /// The counter cannot read a text.
    pub fn of<'a>(
        counter: &mut (impl CountTokens + ?Sized),
        messages: impl IntoIterator<Item = ChatMessage<'a>>,
    ) -> Result<Self> {
        let mut count = Self { total: PRIMING, assistant: 0 };
        for ChatMessage { role, text, name } in messages {
            let tokens = counter.count_tokens(text)?;
            count.total += PER_MESSAGE + counter.count_tokens(role)? + tokens;
            if let Some(name) = name {
                count.total += PER_NAME + counter.count_tokens(name)?;
            }
            if role == "assistant" {
                count.assistant += tokens;
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{ChatCount, ChatMessage};
    use crate::{error::Result, tokens::CountTokens};

    /// A token a word.
    #[derive(Debug)]
    struct Words;

    impl CountTokens for Words {
        fn count_tokens(&mut self, text: &str) -> Result<u64> {
            Ok(text.split_whitespace().count() as u64)
        }
    }

    #[test]
    fn frames_roles_and_names_count_and_the_answers_apart() {
        let count = |messages: &[ChatMessage<'_>]| {
            let count = ChatCount::of(&mut Words, messages.iter().copied()).unwrap();
            (count.total, count.assistant)
        };
        assert_eq!(count(&[]), (3, 0));
        assert_eq!(count(&[ChatMessage::new("user", "one two")]), (9, 0));
        assert_eq!(count(&[ChatMessage::new("user", "one two").with_name("Ada Byron")]), (12, 0));
        let both = [ChatMessage::new("user", "one"), ChatMessage::new("assistant", "two three")];
        assert_eq!(count(&both), (14, 2));
    }

    #[test]
    #[cfg(feature = "tokens")]
    fn a_conversation_is_as_many_tokens_as_the_formula_makes_of_tiktoken() {
        use crate::tokens::{Encoding, OpenAiCounter};

        let messages = [
            ChatMessage::new("system", "Answer in one short sentence, please."),
            ChatMessage::new("user", "Wie tief ist der Baikalsee?").with_name("Jürgen"),
            ChatMessage::new("assistant", "1.642 Meter an der tiefsten Stelle."),
        ];
        for (encoding, total, assistant) in
            [(Encoding::O200kBase, 45, 10), (Encoding::Cl100kBase, 50, 12)]
        {
            let count = ChatCount::of(&mut OpenAiCounter::new(encoding), messages).unwrap();
            assert_eq!((count.total, count.assistant), (total, assistant), "{encoding}");
        }
    }

    #[test]
    fn debug_does_not_tell_what_a_message_says() {
        let shown = format!("{:?}", ChatMessage::new("user", "my secret").with_name("Ada"));
        assert_eq!(shown, "ChatMessage { role: \"user\", text: 9 bytes, is_named: true }");
    }
}
