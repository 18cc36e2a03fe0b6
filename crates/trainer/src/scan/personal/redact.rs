//! Findings are replaced by their kind.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::scan::hash::hash128;
use crate::scan::personal::{Finding, Kind, Search};

/// Replaces what is found in the texts of one example by its kind.
///
/// # Examples
///
/// ```
/// use trainer::scan::personal::{Redactor, Search};
///
/// let mut redactor = Redactor::new(Search::new()).with_numbers();
/// let question = redactor.redact("Is ann@example.org or bob@example.org right?");
/// assert_eq!(question, "Is [EMAIL_1] or [EMAIL_2] right?");
/// assert_eq!(redactor.redact("It is BOB@example.org."), "It is [EMAIL_2].");
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    search: Search,
    is_numbered: bool,
    /// The number of each finding, by a hash of what it says.
    numbers: HashMap<(Kind, u128), usize>,
    counts: HashMap<Kind, usize>,
}

impl Redactor {
    /// Replaces what `search` finds.
    #[must_use]
    pub fn new(search: Search) -> Self {
        Self { search, ..Self::default() }
    }

    /// Numbers the findings of each kind from 1: `[EMAIL_1]`. The same one, whatever its case and
    /// its separators, has the same number in all texts until [`Redactor::start_over`].
    #[must_use]
    pub fn with_numbers(mut self) -> Self {
        self.is_numbered = true;
        self
    }

    /// Forgets the numbers, for the next example.
    pub fn start_over(&mut self) {
        self.numbers.clear();
        self.counts.clear();
    }

    /// How many findings of a kind were replaced since the start; with numbers, how many
    /// different ones.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// The text with what is found in it replaced.
    ///
    /// A text in which nothing is found is not copied. A redacted text stays as it is.
    pub fn redact<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut redacted = Cow::Borrowed(text);
        // What stood beside a finding can be one on its own now. That comes to an end soon.
        for _ in 0..MOST_PASSES {
            match self.pass(&redacted) {
                Some(next) => redacted = Cow::Owned(next),
                None => break,
            }
        }
        redacted
    }

    fn pass(&mut self, text: &str) -> Option<String> {
        let mut redacted = String::new();
        let mut done = 0;
        for finding in self.search.find(text) {
            redacted.push_str(&text[done..finding.range.start]);
            done = finding.range.end;
            let label = finding.kind.label();
            match self.number(text, &finding) {
                Some(number) => redacted.push_str(&format!("[{label}_{number}]")),
                None => redacted.push_str(&format!("[{label}]")),
            }
        }
        (done > 0).then(|| redacted + &text[done..])
    }

    fn number(&mut self, text: &str, finding: &Finding) -> Option<usize> {
        let count = self.counts.entry(finding.kind).or_default();
        if !self.is_numbered {
            *count += 1;
            return None;
        }
        let said = &text[finding.range.clone()];
        let plain = match finding.kind {
            Kind::Email => said.to_lowercase(),
            Kind::Phone | Kind::Card | Kind::Iban | Kind::Ssn | Kind::Snils => {
                said.chars().filter(char::is_ascii_alphanumeric).collect()
            }
            _ => said.to_owned(),
        };
        let key = (finding.kind, hash128(plain.as_bytes(), 0));
        let number = *self.numbers.entry(key).or_insert_with(|| {
            *count += 1;
            *count
        });
        Some(number)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("search", &self.search)
            .field("is_numbered", &self.is_numbered)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

const MOST_PASSES: usize = 8;
