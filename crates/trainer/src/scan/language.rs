//! Which language a text is in, as far as a "language mix" needs it.
//!
//! The script is counted by ranges of Unicode. A script of one language (Greek, Hebrew, Hangul,
//! Thai, kana, …) tells the language; Han without kana is taken for Chinese. In Cyrillic, letters
//! that only one of Russian, Ukrainian, Belarusian, Serbian and Macedonian has tell it. For all
//! else (Latin, Arabic, Devanagari, …) the feature `language` asks
//! [`whatlang`](https://docs.rs/whatlang), which tells 70 languages by their trigrams, and counts
//! only where it calls itself reliable: mostly from 40 or 100 letters on. Without the feature such
//! a text has a script and no language. Fenced blocks of code are left out, and a text of a few
//! letters is in no language.
//!
//! # Examples
//!
//! ```
//! use trainer::scan::language::{Language, Mix};
//!
//! assert_eq!(Language::of("Πόσο βαθιά είναι η λίμνη;").unwrap().code(), Some("ell"));
//!
//! let mut mix = Mix::new();
//! for _ in 0..97 {
//!     mix.add("Насколько глубоко озеро Байкал?", "Его глубина 1642 метра.");
//! }
//! for _ in 0..3 {
//!     mix.add("Насколько глубоко озеро Байкал?", "It is 1,642 metres deep.");
//! }
//! let remarks: Vec<String> = mix.remarks().iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     remarks[0],
//!     "3 % of the answers (3 of 100) are in another language than their prompt",
//! );
//! ```

mod mix;
mod script;

use std::fmt;

pub use crate::scan::language::mix::{Mix, Pair, Remark};
pub use crate::scan::language::script::Script;

/// A language, or at least its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language {
    script: Script,
    code: Option<&'static str>,
    name: &'static str,
}

impl Language {
    /// The language of most of a text; none if there are too few letters to tell.
    ///
    /// Looks at the first 16 KiB.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = prose(text);
        let counts = script::count(&text);
        let (script, share) = counts.main()?;
        // Which one it is cannot be told of half and half.
        if share < 0.5 || counts.weight() < LEAST_WEIGHT {
            return None;
        }
        let known = (script.language())
            .or_else(|| by_letters(script, &text))
            .or_else(|| by_trigrams(&text));
        Some(match known {
            Some((code, name)) => Self { script, code: Some(code), name },
            None => Self { script, code: None, name: script.name() },
        })
    }

    /// The script of most of the letters.
    #[must_use]
    pub fn script(self) -> Script {
        self.script
    }

    /// The language's code of ISO 639-3, such as `eng`; none if only the script is known.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        self.code
    }

    /// The language's English name; the script's if only that is known.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether two texts are in different languages for sure.
    ///
    /// Of one script they are if both languages are known, and not so close that they are taken
    /// for each other (Danish and Norwegian; Bosnian, Croatian and Serbian; Czech and Slovak).
    /// Chinese characters are Japanese, too.
    #[must_use]
    pub fn differs_from(self, other: Self) -> bool {
        let are = |group: &[Script]| group.contains(&self.script) && group.contains(&other.script);
        if self.script != other.script {
            return !are(&[Script::Han, Script::Kana]);
        }
        match (self.code, other.code) {
            (Some(one), Some(two)) => {
                one != two
                    && !CLOSE.iter().any(|group| group.contains(&one) && group.contains(&two))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(_) => f.write_str(self.name),
            None => write!(f, "{} script", self.name),
        }
    }
}

/// The start of a text without its fenced blocks of code.
fn prose(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut is_code = false;
    let mut prose = String::new();
    for line in text[..end].split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
        }
    }
    prose
}

/// The language of Cyrillic that has letters of its own in the text, if no other one has.
fn by_letters(script: Script, text: &str) -> Option<(&'static str, &'static str)> {
    if script != Script::Cyrillic {
        return None;
    }
    let mut seen = [0; LETTERS.len()];
    for c in text.chars().filter(|c| !c.is_ascii()).flat_map(char::to_lowercase) {
        match LETTERS.iter().position(|(letters, ..)| letters.contains(c)) {
            Some(language) => seen[language] += 1,
            // Kazakh, Mongolian and others have letters beyond all of these.
            None if ('\u{460}'..='\u{52f}').contains(&c) => return None,
            None => {}
        }
    }
    let [russian, _, belarusian, ..] = &mut seen;
    if *belarusian * 10 > *russian {
        *belarusian += std::mem::take(russian);
    }
    // Names and quotations are in other languages, now and then.
    let most = (0..seen.len()).max_by_key(|language| seen[*language])?;
    let others = seen.iter().sum::<usize>() - seen[most];
    let (_, code, name) = LETTERS[most];
    (seen[most] > others * 10).then_some((code, name))
}

#[cfg(feature = "language")]
fn by_trigrams(text: &str) -> Option<(&'static str, &'static str)> {
    let info = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    Some((info.lang().code(), info.lang().eng_name()))
}

#[cfg(not(feature = "language"))]
fn by_trigrams(_: &str) -> Option<(&'static str, &'static str)> {
    None
}

/// Letters that only one language has of those here; Belarusian has the Russian ones, too.
const LETTERS: [(&str, &str, &str); 5] = [
    ("ыэё", "rus", "Russian"),
    ("їєґ", "ukr", "Ukrainian"),
    ("ў", "bel", "Belarusian"),
    ("љњџђћ", "srp", "Serbian"),
    ("ѓќѕ", "mkd", "Macedonian"),
];

/// Taken for each other in short texts.
const CLOSE: [&[&str]; 3] = [&["dan", "nob"], &["hrv", "srp", "bos"], &["ces", "slk"]];

const LONGEST: usize = 16 * 1024;

/// Twelve letters, or four characters of Chinese.
const LEAST_WEIGHT: usize = 12;

#[cfg(test)]
mod tests;
