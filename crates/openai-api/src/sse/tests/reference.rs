//! A decoder that is slow and follows the HTML standard word for word, to compare ours with.

use std::time::Duration;

/// What comes out of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Told>,
    /// Whether an event is beyond the limit; the events are those before it.
    pub(crate) too_long: bool,
    pub(crate) last_id: Vec<u8>,
    pub(crate) retry: Option<Duration>,
}

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) retry: Option<Duration>,
}

/// Decodes a stream that has come as a whole, with the event that it breaks off in or without.
pub(crate) fn decode(stream: &[u8], limit: usize, with_broken_off: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let (lines, rest) = lines_of(stream);

    let mut size = 0;
    let mut kind = Vec::new();
    let mut data = Vec::new();
    let mut id = Vec::new();

    for line in lines {
        if line.is_empty() {
            outcome.last_id.clone_from(&id);
            if !data.is_empty() {
                data.pop();
                outcome.events.push(Told {
                    kind: kind.clone(),
                    data: data.clone(),
                    id: id.clone(),
                    retry: outcome.retry,
                });
            }
            size = 0;
            kind.clear();
            data.clear();
            continue;
        }
        let (field, value) = field_of(&line);
        size += size_of(&field, &value, &data);
        if size > limit {
            outcome.too_long = true;
            return outcome;
        }
        match field.as_slice() {
            b"event" => kind = value,
            b"data" => {
                data.extend(value);
                data.push(b'\n');
            }
            b"id" if !value.contains(&0) => id = value,
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let digits = String::from_utf8(value).unwrap();
                outcome.retry = Some(Duration::from_millis(digits.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    if with_broken_off {
        let (field, value) = field_of(&rest);
        if size + size_of(&field, &value, &data) > limit {
            outcome.too_long = true;
            return outcome;
        }
        match field.as_slice() {
            b"event" => kind = value,
            b"data" => {
                data.extend(value);
                data.push(b'\n');
            }
            _ => {}
        }
        if !data.is_empty() {
            data.pop();
            outcome.events.push(Told { kind, data, id, retry: outcome.retry });
        }
    }
    outcome
}

/// The lines of a stream, and what comes after the end of the last one.
fn lines_of(stream: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut bytes = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream).iter().peekable();
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&&b'\n');
                lines.push(std::mem::take(&mut line));
            }
            b'\n' => lines.push(std::mem::take(&mut line)),
            _ => line.push(byte),
        }
    }
    (lines, line)
}

/// The field of a line and its value; a comment is a field without a name.
fn field_of(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match line.iter().position(|&byte| byte == b':') {
        None => (line.to_vec(), Vec::new()),
        Some(colon) => {
            let value = &line[colon + 1..];
            (line[..colon].to_vec(), value.strip_prefix(b" ").unwrap_or(value).to_vec())
        }
    }
}

/// What a line counts towards the limit.
fn size_of(field: &[u8], value: &[u8], data: &[u8]) -> usize {
    match field {
        b"data" => value.len() + usize::from(!data.is_empty()),
        b"event" | b"id" | b"retry" => value.len(),
        _ => 0,
    }
}
