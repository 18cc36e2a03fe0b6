//! Text as it lies in a file.

use std::borrow::Cow;
use std::fmt;

/// A text as it lies in its source, borrowed, and decoded when somebody looks at it.
///
/// [`Debug`] tells how long it is and never what it says.
#[derive(Clone, Copy)]
pub enum Text<'a> {
    /// The text itself.
    Plain(&'a str),
    /// The inside of a quoted CSV cell, in which two quotes stand for one.
    Quoted(&'a str),
}

impl<'a> Text<'a> {
    /// The text itself; a copy only where it has to be decoded.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Quoted(text) => Cow::Owned(text.replace("\"\"", "\"")),
        }
    }

    /// The bytes as they lie in the source.
    #[must_use]
    pub fn raw(self) -> &'a str {
        match self {
            Self::Plain(text) | Self::Quoted(text) => text,
        }
    }

    /// Whether there is nothing but white space.
    #[must_use]
    pub fn is_blank(self) -> bool {
        self.raw().trim_start().is_empty()
    }
}

/// Texts are equal when they say the same.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decode() == other.decode()
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.raw().len())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Plain(text)
    }
}
