//! Scripts, by ranges of Unicode.

use std::fmt;

/// A way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Script {
    /// English, Spanish, Vietnamese, Turkish, …
    Latin,
    /// Russian, Ukrainian, Bulgarian, …
    Cyrillic,
    /// Arabic, Persian, Urdu, …
    Arabic,
    /// Hindi, Marathi, Nepali, …
    Devanagari,
    /// Bengali and Assamese.
    Bengali,
    /// Chinese; Japanese without kana.
    Han,
    /// Japanese.
    Kana,
    /// Korean.
    Hangul,
    /// Greek.
    Greek,
    /// Hebrew and Yiddish.
    Hebrew,
    /// Armenian.
    Armenian,
    /// Georgian.
    Georgian,
    /// Thai.
    Thai,
    /// Lao.
    Lao,
    /// Khmer.
    Khmer,
    /// Burmese.
    Myanmar,
    /// Amharic and Tigrinya.
    Ethiopic,
    /// Panjabi.
    Gurmukhi,
    /// Gujarati.
    Gujarati,
    /// Odia.
    Odia,
    /// Tamil.
    Tamil,
    /// Telugu.
    Telugu,
    /// Kannada.
    Kannada,
    /// Malayalam.
    Malayalam,
    /// Sinhala.
    Sinhala,
    /// Any other.
    Other,
}

impl Script {
    /// The script of a letter; none if it is no letter, or of no script of its own.
    #[must_use]
    pub fn of(c: char) -> Option<Self> {
        if c.is_ascii() {
            return c.is_ascii_alphabetic().then_some(Self::Latin);
        }
        // Vowel signs are letters to Unicode; viramas and tone marks are not, and do not count.
        if !c.is_alphabetic() {
            return None;
        }
        Some(match u32::from(c) {
            0xaa | 0xba | 0xc0..=0x24f | 0x250..=0x2af | 0x1e00..=0x1eff => Self::Latin,
            0x2c60..=0x2c7f | 0xa720..=0xa7ff | 0xff21..=0xff5a => Self::Latin,
            0x370..=0x3ff | 0x1f00..=0x1fff => Self::Greek,
            0x400..=0x52f | 0x1c80..=0x1c8f | 0x2de0..=0x2dff | 0xa640..=0xa69f => Self::Cyrillic,
            0x530..=0x58f => Self::Armenian,
            0x590..=0x5ff | 0xfb1d..=0xfb4f => Self::Hebrew,
            0x600..=0x6ff | 0x750..=0x77f | 0x8a0..=0x8ff | 0xfb50..=0xfeff => Self::Arabic,
            0x900..=0x97f | 0xa8e0..=0xa8ff => Self::Devanagari,
            0x980..=0x9ff => Self::Bengali,
            0xa00..=0xa7f => Self::Gurmukhi,
            0xa80..=0xaff => Self::Gujarati,
            0xb00..=0xb7f => Self::Odia,
            0xb80..=0xbff => Self::Tamil,
            0xc00..=0xc7f => Self::Telugu,
            0xc80..=0xcff => Self::Kannada,
            0xd00..=0xd7f => Self::Malayalam,
            0xd80..=0xdff => Self::Sinhala,
            0xe00..=0xe7f => Self::Thai,
            0xe80..=0xeff => Self::Lao,
            0x1000..=0x109f => Self::Myanmar,
            0x10a0..=0x10ff | 0x1c90..=0x1cbf | 0x2d00..=0x2d2f => Self::Georgian,
            0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7ff => Self::Hangul,
            0x1200..=0x139f | 0x2d80..=0x2ddf => Self::Ethiopic,
            0x1780..=0x17ff => Self::Khmer,
            0x3040..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9f => Self::Kana,
            0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3400..=0x4dbf => Self::Han,
            0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff => Self::Han,
            _ => Self::Other,
        })
    }

    /// The script's English name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latin => "Latin",
            Self::Cyrillic => "Cyrillic",
            Self::Arabic => "Arabic",
            Self::Devanagari => "Devanagari",
            Self::Bengali => "Bengali",
            Self::Han => "Han",
            Self::Kana => "kana",
            Self::Hangul => "Hangul",
            Self::Greek => "Greek",
            Self::Hebrew => "Hebrew",
            Self::Armenian => "Armenian",
            Self::Georgian => "Georgian",
            Self::Thai => "Thai",
            Self::Lao => "Lao",
            Self::Khmer => "Khmer",
            Self::Myanmar => "Myanmar",
            Self::Ethiopic => "Ethiopic",
            Self::Gurmukhi => "Gurmukhi",
            Self::Gujarati => "Gujarati",
            Self::Odia => "Odia",
            Self::Tamil => "Tamil",
            Self::Telugu => "Telugu",
            Self::Kannada => "Kannada",
            Self::Malayalam => "Malayalam",
            Self::Sinhala => "Sinhala",
            Self::Other => "another",
        }
    }

    /// The language, by its code of ISO 639-3 and its name, that almost alone uses this script.
    pub(super) fn language(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Han => ("zho", "Chinese"),
            Self::Kana => ("jpn", "Japanese"),
            Self::Hangul => ("kor", "Korean"),
            Self::Greek => ("ell", "Greek"),
            Self::Armenian => ("hye", "Armenian"),
            Self::Georgian => ("kat", "Georgian"),
            Self::Thai => ("tha", "Thai"),
            Self::Lao => ("lao", "Lao"),
            Self::Khmer => ("khm", "Khmer"),
            Self::Myanmar => ("mya", "Burmese"),
            Self::Gurmukhi => ("pan", "Punjabi"),
            Self::Gujarati => ("guj", "Gujarati"),
            Self::Odia => ("ori", "Oriya"),
            Self::Tamil => ("tam", "Tamil"),
            Self::Telugu => ("tel", "Telugu"),
            Self::Kannada => ("kan", "Kannada"),
            Self::Malayalam => ("mal", "Malayalam"),
            Self::Sinhala => ("sin", "Sinhala"),
            _ => return None,
        })
    }

    /// How many letters of an alphabet a character is worth.
    fn weight(self) -> usize {
        match self {
            Self::Han | Self::Hangul => 3,
            Self::Kana => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much of a text is in each script.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts([usize; Script::Other as usize + 1]);

/// Counts the letters of a text, each by its weight.
pub(super) fn count(text: &str) -> Counts {
    let mut counts = Counts::default();
    for script in text.chars().filter_map(Script::of) {
        counts.0[script as usize] += script.weight();
    }
    counts
}

impl Counts {
    pub(super) fn weight(&self) -> usize {
        self.0.iter().sum()
    }

    /// The script that most of the text is in, and its share.
    ///
    /// Japanese is in kana and Han; a tenth of kana tells it from Chinese.
    pub(super) fn main(&self) -> Option<(Script, f64)> {
        let weight = |script: Script| self.0[script as usize];
        let japanese = weight(Script::Kana) + weight(Script::Han);
        let is_japanese = weight(Script::Kana) * 10 >= japanese;
        let of = |script: Script| match script {
            Script::Kana if is_japanese => japanese,
            Script::Han if is_japanese => 0,
            Script::Han => japanese,
            Script::Kana => 0,
            script => weight(script),
        };
        // The first of several.
        let main = SCRIPTS.into_iter().rev().max_by_key(|script| of(*script))?;
        let all = self.weight();
        (all > 0).then(|| (main, of(main) as f64 / all as f64))
    }
}

const SCRIPTS: [Script; Script::Other as usize + 1] = [
    Script::Latin,
    Script::Cyrillic,
    Script::Arabic,
    Script::Devanagari,
    Script::Bengali,
    Script::Han,
    Script::Kana,
    Script::Hangul,
    Script::Greek,
    Script::Hebrew,
    Script::Armenian,
    Script::Georgian,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
    Script::Ethiopic,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Odia,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Other,
];
