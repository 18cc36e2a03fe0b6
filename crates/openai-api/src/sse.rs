//! Decodes Server-Sent Events, for a transport of your own.
//!
//! [`Client`](crate::Client) needs none of this. Who sends requests by other means gives what arrives,
//! in pieces of any size, to a [`Decoder`] and takes [`Event`]s out of it.
//!
//! It follows [Parsing an event stream][parsing] and [Interpreting an event stream][interpreting] in
//! the HTML standard to the letter, and passes the format cases of web-platform-tests. It knows
//! nothing of OpenAI: `[DONE]` is data like any other.
//!
//! # Examples
//!
//! ```
//! use openai_api::sse::Decoder;
//!
//! let mut decoder = Decoder::new();
//! let mut told = Vec::new();
//! for piece in ["event: greeting\r\ndata: hel", "lo\r", "\n\r\n: a comment\ndata: [DONE]\n\n"] {
//!     let mut input = piece.as_bytes();
//!     while let Some(event) = decoder.next(&mut input)? {
//!         told.push(format!("{} {}", String::from_utf8_lossy(event.kind), event.text()));
//!     }
//! }
//! assert_eq!(told, ["greeting hello", " [DONE]"]);
//! # Ok::<(), openai_api::sse::TooLong>(())
//! ```
//!
//! [parsing]: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//! [interpreting]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

mod assembly;
mod decoder;
mod field;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use self::decoder::Decoder;

/// An event of a stream.
///
/// Its fields lie in the input or in the decoder. They are bytes as they came; [`text`](Self::text)
/// reads the data as the standard does. `Debug` shows how long they are and not what they say.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What the server calls it; empty unless it does, which the standard reads as `message`.
    pub kind: &'a [u8],
    /// The lines of data with a line feed between them; empty if there is one empty line.
    pub data: &'a [u8],
    /// The last id that the stream has told, with this event or before it; empty if none.
    pub id: &'a [u8],
    /// How long to wait before connecting again, if the stream has said so by now.
    pub retry: Option<Duration>,
}

/// An event is longer than the decoder's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than the limit of {limit} bytes")]
#[non_exhaustive]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

impl<'a> Event<'a> {
    /// The data as text, with U+FFFD in place of what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.data)
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &format_args!("{} bytes", self.kind.len()))
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("id", &format_args!("{} bytes", self.id.len()))
            .field("retry", &self.retry)
            .finish()
    }
}
