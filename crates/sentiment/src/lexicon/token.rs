//! From text to words and marks.

use crate::lexicon::words;

/// A part of a text that matters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A word, in lower case and with plain apostrophes.
    Word {
        /// The word.
        text: String,
        /// Whether it was in capitals.
        shouted: bool,
    },
    /// An emoji or emoticon, and its weight.
    Picture(f64),
    /// What ends a clause: a comma, a bracket, a dash between words.
    Clause,
    /// What ends a sentence, with its exclamation and question marks.
    Sentence {
        /// How many exclamation marks.
        exclamations: u32,
        /// How many question marks.
        questions: u32,
    },
}

/// The words and marks of a text, in their order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            let (token, length) = word(rest);
            tokens.push(token);
            length
        } else if let Some((weight, length)) = words::picture(rest) {
            tokens.push(Token::Picture(weight));
            length
        } else {
            mark(first, &mut tokens);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The word that `text` starts with, and its length in bytes.
fn word(text: &str) -> (Token, usize) {
    let mut word = String::new();
    let (mut upper, mut lower) = (0, 0);
    let mut chars = text.char_indices().peekable();
    let mut length = text.len();
    while let Some((at, c)) = chars.next() {
        if is_word(c) {
            upper += u32::from(c.is_uppercase());
            lower += u32::from(c.is_lowercase());
            for c in c.to_lowercase() {
                push(&mut word, c);
            }
        } else if is_apostrophe(c) && chars.peek().is_some_and(|(_, next)| is_word(*next)) {
            word.push('\'');
        } else if is_combining(c) {
            push(&mut word, c);
        } else {
            length = at;
            break;
        }
    }
    (Token::Word { text: word, shouted: upper > 1 && lower == 0 }, length)
}

/// Writes letters in one way, however they were typed.
fn push(word: &mut String, c: char) {
    match c {
        'ё' => word.push('е'),
        // A breve that stands by itself belongs to a й; other marks make no other word.
        '\u{306}' if word.ends_with('и') => {
            word.pop();
            word.push('й');
        }
        c if is_combining(c) => {}
        c => word.push(c),
    }
}

fn mark(c: char, tokens: &mut Vec<Token>) {
    let (exclamation, question) = match c {
        '!' | '¡' | '！' | '‼' => (1, 0),
        '?' | '¿' | '？' | '⁉' => (0, 1),
        '.' | '…' | '\n' | '。' => (0, 0),
        ',' | ';' | ':' | '(' | ')' | '—' | '–' | '"' | '«' | '»' | '“' | '”' => {
            return tokens.push(Token::Clause);
        }
        _ => return,
    };
    if let Some(Token::Sentence { exclamations, questions }) = tokens.last_mut() {
        *exclamations += exclamation;
        *questions += question;
    } else {
        tokens.push(Token::Sentence { exclamations: exclamation, questions: question });
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '′' | '＇')
}

fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}
