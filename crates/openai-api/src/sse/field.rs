//! One line of a stream.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Event,
    Id,
    Retry,
    /// No field of the standard: see [`Decoder::with_errors`](crate::sse::Decoder::with_errors).
    Error,
}

/// Splits a line, or the first [`LONGEST_BEGINNING`] bytes of it, into a known field and its value.
pub(super) fn parse(line: &[u8]) -> Option<(Field, &[u8])> {
    let (field, rest) = match line.first()? {
        b'd' => (Field::Data, line.strip_prefix(b"data")?),
        b'e' => match line.strip_prefix(b"event") {
            Some(rest) => (Field::Event, rest),
            None => (Field::Error, line.strip_prefix(b"error")?),
        },
        b'i' => (Field::Id, line.strip_prefix(b"id")?),
        b'r' => (Field::Retry, line.strip_prefix(b"retry")?),
        _ => return None,
    };
    match rest {
        [] | [b':'] => Some((field, b"")),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some((field, value)),
        _ => None,
    }
}

/// After as much of a line it is known which field it has and where its value begins.
pub(super) const LONGEST_BEGINNING: usize = b"event: ".len();
