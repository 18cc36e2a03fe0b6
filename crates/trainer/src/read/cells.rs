//! The cells of a CSV record, found where they lie: [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).

use memchr::{memchr, memchr3};

use crate::read::text::Text;

/// The records of CSV text that [`last_end`] has looked over, one after the other.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
    found: Vec<Cell>,
}

/// Where a cell lies, without its quotes.
#[derive(Clone, Copy, Debug)]
struct Cell {
    from: usize,
    to: usize,
    has_quotes: bool,
}

impl<'a> Cells<'a> {
    /// The records from the byte `at` on.
    pub(crate) fn new(text: &'a str, at: usize, delimiter: u8) -> Self {
        Self { text, at, delimiter, found: Vec::new() }
    }

    /// Goes to the next record and returns where it starts. Blank lines are no records.
    pub(crate) fn advance(&mut self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        let start = at;
        self.at = at;
        if start >= bytes.len() {
            return None;
        }
        self.found.clear();
        loop {
            if bytes.get(at) == Some(&b'"') {
                let (to, has_quotes) = closing_quote(bytes, at + 1);
                // What is open to the end has been refused before.
                let to = to.unwrap_or(bytes.len());
                self.found.push(Cell { from: at + 1, to, has_quotes });
                at = (to + 1).min(bytes.len());
            } else {
                let end = memchr3(self.delimiter, b'\n', b'\r', &bytes[at..]);
                let to = end.map_or(bytes.len(), |end| at + end);
                self.found.push(Cell { from: at, to, has_quotes: false });
                at = to;
            }
            match bytes.get(at) {
                Some(byte) if *byte == self.delimiter => at += 1,
                Some(_) => {
                    // What is left of the line break is skipped as a blank line.
                    at += 1;
                    break;
                }
                None => break,
            }
        }
        self.at = at;
        Some(start)
    }

    /// How many cells the record has.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// A cell of the record; an empty one beyond the last.
    pub(crate) fn cell(&self, at: usize) -> Text<'a> {
        let Some(cell) = self.found.get(at) else {
            return Text::Plain("");
        };
        let text = self.text.get(cell.from..cell.to).unwrap_or_default();
        if cell.has_quotes { Text::Quoted(text) } else { Text::Plain(text) }
    }

    /// The cells of the record.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Text<'a>> {
        (0..self.len()).map(|at| self.cell(at))
    }
}

/// How far CSV text can be read, and why not further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Where the last whole record ends.
    pub(crate) at: usize,
    /// A quote behind it, with which the rest cannot be trusted.
    pub(crate) fault: Option<QuoteFault>,
}

/// A quote with which the rest of the text cannot be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QuoteFault {
    /// It is open at the end of the text.
    Unclosed {
        /// The byte at which it opens.
        opens: usize,
    },
    /// It closes, and something other than a delimiter or a line break follows.
    TextAfter {
        /// The byte at which it opens.
        opens: usize,
        /// The byte at which it closes.
        closes: usize,
    },
}

/// What to say of a quote that is never closed.
pub(crate) const UNCLOSED: &str =
    "a quote opens here and is never closed; close it, or double it if it is meant as text";

/// What to say of a quote behind whose end text follows.
pub(crate) fn text_after(closed: u64) -> String {
    format!(
        "a quote opens here, closes on line {closed}, and text follows it; \
         close it where the cell ends, and double each quote within the cell"
    )
}

/// Looks for the end of the last whole record of `bytes`, which begin with a record, and which are
/// the last there are if `is_all`.
///
/// A quote opens a cell when it is the cell's first byte; two quotes within stand for one.
pub(crate) fn last_end(bytes: &[u8], delimiter: u8, is_all: bool) -> End {
    let (mut at, mut end) = (0, 0);
    let ends_cell = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let partial = |end| End { at: if is_all { bytes.len() } else { end }, fault: None };
    let refused = |at, fault| End { at, fault: Some(fault) };
    while let Some(found) = memchr3(b'"', b'\n', b'\r', &bytes[at..]) {
        let found = at + found;
        match bytes[found] {
            b'\n' => end = found + 1,
            b'\r' => match bytes.get(found + 1) {
                Some(b'\n') => end = found + 2,
                None if !is_all => return partial(end),
                _ => end = found + 1,
            },
            _ if found == 0 || ends_cell(bytes[found - 1]) => {
                let (Some(closes), _) = closing_quote(bytes, found + 1) else {
                    let fault = QuoteFault::Unclosed { opens: found };
                    return if is_all { refused(end, fault) } else { partial(end) };
                };
                match bytes.get(closes + 1) {
                    // It may be the first of two that stand for one.
                    None => return partial(end),
                    Some(byte) if ends_cell(*byte) => at = closes + 1,
                    Some(_) => {
                        return refused(end, QuoteFault::TextAfter { opens: found, closes });
                    }
                }
                continue;
            }
            _ => {
                at = found + 1;
                continue;
            }
        }
        at = end;
    }
    partial(end)
}

/// Where the quoted cell that begins at `at` closes, and whether there are quotes within.
fn closing_quote(bytes: &[u8], mut at: usize) -> (Option<usize>, bool) {
    let mut has_quotes = false;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'"', rest)) {
        at += found;
        if bytes.get(at + 1) != Some(&b'"') {
            return (Some(at), has_quotes);
        }
        has_quotes = true;
        at += 2;
    }
    (None, has_quotes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(text: &str, is_all: bool) -> End {
        last_end(text.as_bytes(), b',', is_all)
    }

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut cells = Cells::new(text, 0, b',');
        let mut found = Vec::new();
        while cells.advance().is_some() {
            found.push(cells.cells().map(|cell| cell.decode().into_owned()).collect());
        }
        found
    }

    #[test]
    fn well_formed_quotes_pass() {
        for text in
            ["", "a,b\n", "\"a\",\"b\"", "\"a\"\"b\",c\r\n", "5\" pipe,x", "\"\",\"\"\"\"\n"]
        {
            assert_eq!(end(text, true), End { at: text.len(), fault: None }, "{text}");
        }
    }

    #[test]
    fn an_open_quote_is_found_where_it_opens_and_what_stands_before_it_can_be_read() {
        let found = end("a,b\n\"x\ny\",1\n2,\"never\nclosed\n", true);
        assert_eq!(found, End { at: 12, fault: Some(QuoteFault::Unclosed { opens: 14 }) });
    }

    #[test]
    fn a_quote_that_swallows_the_next_one_is_found_where_it_opens() {
        let found = end("a,b\n\"x,1\ny,\"2\"\n", false);
        let fault = QuoteFault::TextAfter { opens: 4, closes: 11 };
        assert_eq!(found, End { at: 4, fault: Some(fault) });
    }

    #[test]
    fn what_may_go_on_is_no_whole_record_yet() {
        for (text, whole) in [
            ("a,b", 0),
            ("a\nb", 2),
            ("a\r", 0),
            ("a\r\n", 3),
            ("a\rb", 2),
            ("a\n\"b\"", 2),
            ("a\n\"b\"\"", 2),
            ("a\n\"b\nc", 2),
        ] {
            assert_eq!(end(text, false), End { at: whole, fault: None }, "{text:?}");
        }
    }

    #[test]
    fn cells_are_found_as_the_standard_has_them() {
        assert_eq!(
            records("a,\"b, \"\"c\"\"\nd\",\r\n\r\n,\re\n,"),
            [vec!["a", "b, \"c\"\nd", ""], vec!["", ""], vec!["e"], vec!["", ""]]
        );
    }

    proptest! {
        #[test]
        fn cells_agree_with_the_csv_crate(text in r#"[ab",;\n\r]{0,40}"#) {
            prop_assume!(end(&text, true).fault.is_none());
            let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .into_records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(records(&text), expected);
        }

        #[test]
        fn text_may_be_cut_at_any_whole_record(
            rows in prop::collection::vec(prop::collection::vec("[ab\",\n\r]{0,4}", 1..4), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(end(&text, true), End { at: text.len(), fault: None });
            let whole = end(&text[..cut.index(text.len() + 1)], false);
            prop_assert_eq!(whole.fault, None);
            let mut parts = records(&text[..whole.at]);
            parts.extend(records(&text[whole.at..]));
            prop_assert_eq!(parts, records(&text));
        }
    }
}
