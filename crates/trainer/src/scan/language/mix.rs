//! The languages of a set, and what stands out.

use std::collections::BTreeMap;
use std::fmt;

use crate::scan::language::Language;

/// Counts the languages of a set's prompts and answers.
///
/// Takes the memory of the languages that occur, whatever the size of the set.
#[derive(Clone, Debug, Default)]
pub struct Mix {
    answers: BTreeMap<Language, u64>,
    pairs: u64,
    known: u64,
    different: u64,
}

/// The languages of a prompt and its answer, as far as they can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// Of the prompt.
    pub prompt: Option<Language>,
    /// Of the answer.
    pub answer: Option<Language>,
}

/// Something about the languages of a set that people did not mean, perhaps.
///
/// A set of translations is meant to be so: these are remarks, no faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// Answers are in another language than their prompt.
    OtherThanPrompt {
        /// How many answers.
        count: u64,
        /// Of how many whose language is known, as is that of their prompt.
        of: u64,
    },
    /// A few answers are in a language that is rare in the set.
    Rare {
        /// The language.
        language: Language,
        /// How many answers.
        count: u64,
        /// Of how many whose language is known.
        of: u64,
    },
}

impl Mix {
    /// Has counted nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a prompt and its answer, and tells their languages.
    pub fn add(&mut self, prompt: &str, answer: &str) -> Pair {
        let pair = Pair { prompt: Language::of(prompt), answer: Language::of(answer) };
        self.pairs += 1;
        if let Some(answer) = pair.answer {
            *self.answers.entry(answer).or_default() += 1;
            self.known += u64::from(pair.prompt.is_some());
        }
        self.different += u64::from(pair.differs());
        pair
    }

    /// How many pairs were counted.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// The languages of the answers and how many are in each, the most frequent first.
    #[must_use]
    pub fn answers(&self) -> Vec<(Language, u64)> {
        let mut answers: Vec<_> = self.answers.iter().map(|(one, count)| (*one, *count)).collect();
        answers.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        answers
    }

    /// What stands out: first, answers in another language than their prompt, if any; then each
    /// language of less than a twentieth of the answers, the most frequent first.
    ///
    /// A language is not rare where its script alone is known of others: nobody can say then.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        if self.different > 0 {
            remarks.push(Remark::OtherThanPrompt { count: self.different, of: self.known });
        }
        let of = self.answers.values().sum();
        let answers = self.answers();
        let Some((main, _)) = answers.first() else { return remarks };
        let rare = answers
            .iter()
            .filter(|(language, count)| *count * RARE < of && language.differs_from(*main));
        remarks.extend(rare.map(|(language, count)| Remark::Rare {
            language: *language,
            count: *count,
            of,
        }));
        remarks
    }
}

impl Pair {
    /// Whether the answer is in another language than the prompt, for sure.
    #[must_use]
    pub fn differs(&self) -> bool {
        matches!((self.prompt, self.answer), (Some(prompt), Some(answer)) if answer.differs_from(prompt))
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OtherThanPrompt { count, of } => {
                let answers = Share { count, of };
                write!(f, "{answers} in another language than their prompt")
            }
            Self::Rare { language, count, of } => {
                write!(f, "{} in {language}, which is rare in the set", Share { count, of })
            }
        }
    }
}

/// So many answers of so many.
struct Share {
    count: u64,
    of: u64,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, of } = *self;
        let are = if count == 1 { "is" } else { "are" };
        match (count * 200 / of.max(1)).div_ceil(2) {
            _ if count * 100 < of => write!(f, "less than 1 % of the answers"),
            percent => write!(f, "{percent} % of the answers"),
        }?;
        write!(f, " ({count} of {of}) {are}")
    }
}

/// One in so many is rare.
const RARE: u64 = 20;
