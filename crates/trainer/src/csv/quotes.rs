//! Quotes that are never closed: the `csv` crate reads on in silence, so they are looked for here.

use crate::text::LineCounter;

/// A quote with which the rest of the text cannot be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QuoteFault {
    /// It is open at the end of the text.
    Unclosed {
        /// The line on which it opens, from 1.
        line: u64,
    },
    /// It closes, and something other than a delimiter or a line break follows.
    TextAfter {
        /// The line on which it opens, from 1.
        line: u64,
        /// The line on which it closes.
        closed: u64,
    },
}

/// Looks for the first quote fault.
///
/// A quote opens a cell when it is the cell's first byte; two quotes within stand for one.
pub(crate) fn check(bytes: &[u8], delimiter: u8) -> Result<(), QuoteFault> {
    let mut lines = LineCounter::default();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            let line = lines.advance_to(bytes, at);
            let Some(close) = closing_quote(bytes, at + 1) else {
                return Err(QuoteFault::Unclosed { line });
            };
            at = close + 1;
            let ends = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
            if bytes.get(at).is_some_and(|byte| !ends(*byte)) {
                let closed = lines.advance_to(bytes, close);
                return Err(QuoteFault::TextAfter { line, closed });
            }
        }
        // To the first byte of the next cell.
        let ends = |byte: &u8| *byte == delimiter || *byte == b'\n' || *byte == b'\r';
        at = bytes[at..].iter().position(ends).map_or(bytes.len(), |end| at + end + 1);
    }
    Ok(())
}

/// Where the cell that begins at `at` has its closing quote.
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_quotes_pass() {
        for text in
            ["", "a,b\n", "\"a\",\"b\"", "\"a\"\"b\",c\r\n", "5\" pipe,x", "\"\",\"\"\"\"\n"]
        {
            assert_eq!(check(text.as_bytes(), b','), Ok(()), "{text}");
        }
    }

    #[test]
    fn an_open_quote_is_found_with_the_line_it_opens_on() {
        let text = b"a,b\n\"x\ny\",1\n2,\"never\nclosed\n";
        assert_eq!(check(text, b','), Err(QuoteFault::Unclosed { line: 4 }));
    }

    #[test]
    fn a_quote_that_swallows_the_next_one_is_found_where_it_opens() {
        let text = b"a,b\n\"x,1\ny,\"2\"\n";
        assert_eq!(check(text, b','), Err(QuoteFault::TextAfter { line: 2, closed: 3 }));
    }
}
