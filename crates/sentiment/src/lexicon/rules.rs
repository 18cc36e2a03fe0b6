//! How the weights of words add up.

use crate::lexicon::token::Token;
use crate::lexicon::{context, words};

/// What a text comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// The sum of all weights.
    pub sum: f64,
    /// What speaks well.
    pub positive: f64,
    /// What speaks ill, as a positive number.
    pub negative: f64,
    /// How many words do neither.
    pub neutral: f64,
}

impl Tally {
    /// The sum, brought between −1 and 1.
    pub(crate) fn compound(&self) -> f64 {
        self.sum / (self.sum * self.sum + SOFTNESS).sqrt()
    }
}

/// Adds up a text, sentence by sentence.
pub(crate) fn tally(tokens: &[Token]) -> Tally {
    // Capitals mean something only where not all is in capitals.
    let shouting = |want| {
        tokens.iter().any(
            |it| matches!(it, Token::Word { shouted, text } if *shouted == want && text.len() > 1),
        )
    };
    let shout = if shouting(true) && shouting(false) { SHOUT } else { 1.0 };

    let mut tally = Tally::default();
    let mut sentence = Sentence::default();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Word { text, shouted } => {
                let before = at.checked_sub(1).and_then(|at| word(&tokens[at]));
                let after = tokens.get(at + 1).and_then(word);
                sentence.word(before, text, after, if *shouted { shout } else { 1.0 });
            }
            Token::Picture(weight) => sentence.add(*weight),
            Token::Clause => sentence.end_clause(),
            Token::Sentence { exclamations, questions } => {
                sentence.end(*exclamations, *questions, &mut tally);
            }
        }
    }
    sentence.end(0, 0, &mut tally);
    tally
}

/// A sentence, as far as it was read.
#[derive(Debug, Default)]
struct Sentence {
    /// What speaks well and ill before the last contrast, if there was one, and after it.
    before: (f64, f64),
    after: (f64, f64),
    contrast: bool,
    regret: bool,
    neutral: f64,
    /// For how many more words a negation reaches.
    negated: u32,
    /// Whether it has met nothing to turn yet.
    idle_negation: bool,
    /// By how much the next word is strengthened, and for how many more words.
    degree: f64,
    degree_left: u32,
}

impl Sentence {
    fn word(&mut self, before: Option<&str>, word: &str, after: Option<&str>, shout: f64) {
        if context::contrasts(word) {
            self.before = (self.before.0 + self.after.0, self.before.1 + self.after.1);
            self.after = (0.0, 0.0);
            self.contrast = true;
            self.end_clause();
        }
        self.regret |= context::regrets(word);

        let weight = words::weight(word).filter(|_| !context::idle(before, word, after));
        let negates = context::negates(word) && !context::undone(word, after);
        // "Terribly good": as a degree, a word has no weight of its own.
        let degree = context::degree(word);
        let leads = degree.is_some() && after.is_some_and(|it| words::weight(it).is_some());
        match weight.filter(|_| !leads) {
            Some(weight) => {
                let degree = if self.degree_left > 0 { self.degree } else { 1.0 };
                let mut weight = weight * degree * shout;
                if self.negated > 0 {
                    self.idle_negation = false;
                    weight *= if weight > 0.0 { NEGATED_GOOD } else { NEGATED_BAD };
                } else if self.regret && weight > 0.0 {
                    weight *= REGRETTED;
                }
                self.add(weight);
            }
            None => self.neutral += 1.0,
        }

        if self.negated == 1 {
            self.end_negation();
        }
        self.negated = self.negated.saturating_sub(1);
        self.degree_left = self.degree_left.saturating_sub(1);
        if negates {
            // A second negation takes back the first.
            self.idle_negation = self.negated == 0;
            self.negated = if self.negated > 0 { 0 } else { REACH };
        }
        if let Some(degree) = degree {
            self.degree = if self.degree_left > 0 { self.degree * degree } else { degree };
            self.degree = self.degree.clamp(0.5, 1.7);
            self.degree_left = 2;
        }
    }

    fn add(&mut self, weight: f64) {
        if weight > 0.0 {
            self.after.0 += weight;
        } else {
            self.after.1 -= weight;
        }
    }

    fn end_negation(&mut self) {
        if std::mem::take(&mut self.idle_negation) {
            self.add(IDLE_NEGATION);
        }
    }

    fn end_clause(&mut self) {
        self.end_negation();
        self.negated = 0;
        self.degree_left = 0;
    }

    fn end(&mut self, exclamations: u32, questions: u32, tally: &mut Tally) {
        self.end_clause();
        let mut emphasis = 1.0 + EXCLAMATION * f64::from(exclamations.min(3));
        if questions > 0 {
            emphasis *= QUESTION;
        }
        let (first, last) = if self.contrast { (BEFORE_BUT, AFTER_BUT) } else { (1.0, 1.0) };
        let positive = emphasis * (self.before.0 * first + self.after.0 * last);
        let negative = emphasis * (self.before.1 * first + self.after.1 * last);
        tally.sum += positive - negative;
        tally.positive += positive;
        tally.negative += negative;
        tally.neutral += self.neutral;
        *self = Self::default();
    }
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word { text, .. } => Some(text),
        _ => None,
    }
}

const SOFTNESS: f64 = 15.0;
const SHOUT: f64 = 1.25;
const NEGATED_GOOD: f64 = -0.7;
const NEGATED_BAD: f64 = -0.5;
const REGRETTED: f64 = 0.5;
/// "It does not work": what is denied is seldom bad.
const IDLE_NEGATION: f64 = -0.5;
/// How many words a negation reaches, within its clause.
const REACH: u32 = 4;
const EXCLAMATION: f64 = 0.12;
const QUESTION: f64 = 0.75;
const BEFORE_BUT: f64 = 0.6;
const AFTER_BUT: f64 = 1.3;
