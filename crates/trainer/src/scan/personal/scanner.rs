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
        let bytes = self.context.bytes();
        while let Some(byte) = bytes.get(self.at) {
            work::add(1);
            let trigger = TRIGGERS[usize::from(*byte)];
            // Most of a text is words that begin like nothing.
            let is_plain = match trigger {
                Trigger::None => true,
                Trigger::Word => {
                    !self.search.addresses
                        && !begins_like_a_finding(*byte, self.context.at(self.at + 1))
                }
                _ => false,
            };
            if is_plain {
                self.at += 1;
                if matches!(trigger, Trigger::Word) {
                    self.at = self.context.run(self.at, usize::MAX, is_word);
                }
                continue;
            }
            match self.look(trigger) {
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

/// Whether a word that begins with these two bytes can be a key, or an account's number.
fn begins_like_a_finding(first: u8, second: u8) -> bool {
    keys::begin_with(first, second) || first.is_ascii_uppercase() && second.is_ascii_uppercase()
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
