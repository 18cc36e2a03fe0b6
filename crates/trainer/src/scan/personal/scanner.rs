//! The one pass over a text.

use std::fmt;

use crate::scan::personal::context::{Context, is_word, work};
use crate::scan::personal::{Finding, Search, assigned, email, iban, ip, keys, numbers};

/// The findings in a text, in order.
#[derive(Clone)]
pub struct Findings<'a> {
    search: Search,
    context: Context<'a>,
    at: usize,
    /// From here on no PEM block ends.
    no_pem_from: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(search: Search, text: &'a str) -> Self {
        Self { search, context: Context { text, from: 0 }, at: 0, no_pem_from: usize::MAX }
    }

    /// A finding that begins here or, for an address, ends behind here; or where to go on.
    fn look(&mut self, trigger: Trigger) -> Result<Finding, usize> {
        let (context, at) = (&self.context, self.at);
        match trigger {
            Trigger::None => Err(at + 1),
            Trigger::Word => {
                if is_word(context.before(at)) {
                    return Err(context.run(at, usize::MAX, is_word));
                }
                (self.address())
                    .or_else(|| keys::at(context, at))
                    .or_else(|| iban::at(context, at))
                    .ok_or_else(|| context.run(at, usize::MAX, is_word))
            }
            Trigger::Number => {
                if let Some(finding) = self.address() {
                    return Ok(finding);
                }
                numbers::at(context, at)
            }
            Trigger::At => email::at(context, at).ok_or(at + 1),
            Trigger::Assign => {
                let address = || if context.at(at) == b':' { self.address() } else { None };
                assigned::at(context, at).or_else(address).ok_or(at + 1)
            }
            Trigger::Hyphen => keys::pem(context, at, &mut self.no_pem_from).ok_or(at + 1),
        }
    }

    fn address(&self) -> Option<Finding> {
        if self.search.addresses { ip::at(&self.context, self.at) } else { None }
    }
}

impl Iterator for Findings<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        while let Some(byte) = self.context.bytes().get(self.at) {
            work::add(1);
            match self.look(TRIGGERS[usize::from(*byte)]) {
                Ok(finding) => {
                    self.at = finding.range.end;
                    self.context.from = finding.range.end;
                    return Some(finding);
                }
                Err(next) => self.at = next,
            }
        }
        None
    }
}

impl fmt::Debug for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings")
            .field("search", &self.search)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// What a byte may be the start of.
#[derive(Clone, Copy)]
enum Trigger {
    None,
    Word,
    Number,
    At,
    Assign,
    Hyphen,
}

const TRIGGERS: [Trigger; 256] = {
    let mut triggers = [Trigger::None; 256];
    let mut byte = 0;
    while byte < 256 {
        triggers[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Trigger::Word,
            b'0'..=b'9' | b'+' | b'(' => Trigger::Number,
            b'@' => Trigger::At,
            b'=' | b':' => Trigger::Assign,
            b'-' => Trigger::Hyphen,
            _ => Trigger::None,
        };
        byte += 1;
    }
    triggers
};
