//! Decodes Server-Sent Events as the WHATWG specification describes them.

use std::mem;

use memchr::{memchr, memchr2};

/// Takes bytes in pieces of any size and gives events.
///
/// It works through each byte once and holds no more than the event under way.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The event's data so far, a line feed after each line.
    data: Vec<u8>,
    kind: Vec<u8>,
    /// Whether the first line, which may begin with a byte order mark, is over.
    begun: bool,
    /// Whether the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    /// Whether data and kind are those of an event already handed out.
    handed_out: bool,
}

/// An event; its fields lie in the decoder.
#[derive(Debug)]
pub(crate) struct Event<'d> {
    /// Empty unless the server named it.
    pub(crate) kind: &'d [u8],
    pub(crate) data: &'d [u8],
}

impl Decoder {
    /// Takes `input` up to the end of the next event, or as a whole if it holds none.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event<'_>>, TooLong> {
        self.forget_what_was_handed_out();
        while let Some(&first) = input.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                *input = &input[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', input) else {
                self.keep(mem::take(input))?;
                break;
            };
            let rest = mem::take(input);
            *input = &rest[end + 1..];
            self.after_cr = rest[end] == b'\r';
            if self.end_line(&rest[..end])? {
                return Ok(Some(self.hand_out()));
            }
        }
        Ok(None)
    }

    /// Takes what is left at the end of the stream as an event.
    ///
    /// The specification drops it; servers that forget the last blank line are too common for that.
    pub(crate) fn finish(&mut self) -> Result<Option<Event<'_>>, TooLong> {
        self.forget_what_was_handed_out();
        let complete = self.end_line(b"")? || self.end_line(b"")?;
        Ok(if complete { Some(self.hand_out()) } else { None })
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        if self.data.len() + self.line.len() + piece.len() > LONGEST_EVENT {
            return Err(TooLong);
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// Ends a line, and says whether it ended an event too.
    fn end_line(&mut self, rest: &[u8]) -> Result<bool, TooLong> {
        if self.line.is_empty() {
            return self.take_line(rest);
        }
        self.keep(rest)?;
        let mut line = mem::take(&mut self.line);
        let complete = self.take_line(&line);
        line.clear();
        self.line = line;
        complete
    }

    fn take_line(&mut self, mut line: &[u8]) -> Result<bool, TooLong> {
        if !mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            if self.data.is_empty() {
                self.kind.clear();
            }
            return Ok(!self.data.is_empty());
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() >= LONGEST_EVENT {
                    return Err(TooLong);
                }
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => {
                self.kind.clear();
                self.kind.extend_from_slice(value);
            }
            // Comments, `id`, `retry` and what nobody knows: there is nothing to resume here.
            _ => {}
        }
        Ok(false)
    }

    fn hand_out(&mut self) -> Event<'_> {
        self.handed_out = true;
        Event { kind: &self.kind, data: self.data.strip_suffix(b"\n").unwrap_or(&self.data) }
    }

    fn forget_what_was_handed_out(&mut self) {
        if mem::take(&mut self.handed_out) {
            self.data.clear();
            self.kind.clear();
        }
    }
}

/// An event that is longer than any honest one.
#[derive(Debug, thiserror::Error)]
#[error("an event is longer than 16 MiB")]
pub(crate) struct TooLong;

const LONGEST_EVENT: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of a stream that comes in these pieces, as `kind|data`.
    fn decode<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        let show = |event: Event<'_>| {
            let (kind, data) =
                (String::from_utf8_lossy(event.kind), String::from_utf8_lossy(event.data));
            format!("{kind}|{data}")
        };
        for mut piece in pieces {
            while let Some(event) = decoder.next(&mut piece).unwrap() {
                events.push(show(event));
            }
            assert!(piece.is_empty());
        }
        events.extend(decoder.finish().unwrap().map(show));
        events
    }

    #[track_caller]
    fn check(stream: &str, expected: &[&str]) {
        assert_eq!(decode([stream.as_bytes()]), expected, "{stream:?} in one piece");
        assert_eq!(decode(stream.as_bytes().chunks(1)), expected, "{stream:?} byte by byte");
    }

    #[test]
    fn events_are_decoded_as_the_specification_says() {
        check("data: a\n\ndata: b\n\n", &["|a", "|b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["|a", "|b"]);
        check("data: a\r\rdata: b\r\r", &["|a", "|b"]);
        check("data: a\r\n\ndata: b\n\r\n", &["|a", "|b"]);
        check("data: a\ndata: b\ndata\ndata:\n\n", &["|a\nb\n\n"]);
        check("data:a\ndata:  b\n\n", &["|a\n b"]);
        check("\u{feff}data: a\n\n", &["|a"]);
        check("\u{feff}\u{feff}data: a\n\ndata: b\n\n", &["|b"]);
        check("data: a\n\n\u{feff}data: b\n\n", &["|a"]);
        check(": comment\n\n:\ndata: a\n:x\ndata: b\n\n", &["|a\nb"]);
        check("event: ping\n\ndata: a\n\n", &["|a"]);
        check("event: ping\ndata: {}\n\ndata: a\n\n", &["ping|{}", "|a"]);
        check("retry: 5\nid: 7\nfoo: bar\n\n", &[]);
        check("data:\n\n", &["|"]);
        check("DATA: a\n data: b\ndata : c\n\n", &[]);
        check("data: при\n\n", &["|при"]);
        check("", &[]);
        check("\n\n\n", &[]);
    }

    #[test]
    fn a_last_event_without_its_blank_line_is_still_told() {
        check("data: a\n\ndata: b", &["|a", "|b"]);
        check("data: a\n\ndata: b\n", &["|a", "|b"]);
        check("data: a\n\nevent: x", &["|a"]);
    }

    #[test]
    fn an_event_beyond_the_cap_is_refused() {
        let mebibyte = vec![b'x'; 1024 * 1024];
        let push = |start: &[u8], between: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.next(&mut &*start).unwrap();
            (0..17).find_map(|_| {
                decoder.next(&mut &*mebibyte).err().or_else(|| decoder.next(&mut &*between).err())
            })
        };
        assert!(push(b"data: ", b"").is_some(), "one line");
        assert!(push(b"data: ", b"\ndata: ").is_some(), "many lines");
        assert!(push(b"", b"\n").is_none(), "lines that are no data");
    }

    proptest::proptest! {
        #[test]
        fn any_split_of_a_stream_decodes_the_same(
            lines in proptest::collection::vec(
                "(data: ?|event: |: |id|\u{feff}|)[a-zя😀\0: ]{0,6}(\r\n|\r|\n|\n\n|\r\r|\r\n\r\n|)", 0..12
            ),
            cuts in proptest::collection::vec(0..200_usize, 0..12),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
            proptest::prop_assert_eq!(decode(pieces), decode([&stream[..]]));
        }
    }
}
