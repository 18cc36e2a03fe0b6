//! The words, emoji and emoticons, with their weights.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The weight of a word, −4 to 4; `None` if it has none.
pub(crate) fn weight(word: &str) -> Option<f64> {
    let lexicon = &*LEXICON;
    let found = lexicon.find(word);
    if found.is_some() || !elongated(word) {
        return found;
    }
    // "soooo goood": at most two of a kind, then one.
    lexicon.find(&squeezed(word, 2)).or_else(|| lexicon.find(&squeezed(word, 1)))
}

/// The weight of the emoji or emoticon that `text` starts with, and its length in bytes.
pub(crate) fn picture(text: &str) -> Option<(f64, usize)> {
    let first = text.chars().next()?;
    if !first.is_ascii() {
        return EMOJI.get(&first).map(|weight| (*weight, first.len_utf8()));
    }
    if !EMOTICON_STARTS.contains(first) {
        return None;
    }
    let (emoticon, weight) = EMOTICONS.iter().find(|(emoticon, _)| {
        text.strip_prefix(emoticon)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })?;
    Some((*weight, emoticon.len()))
}

/// Words, and stems that stand for all words that begin with them.
struct Table {
    words: HashMap<&'static str, f64>,
    stems: HashMap<&'static str, f64>,
    longest_stem: usize,
}

impl Table {
    fn new() -> Self {
        let mut table = Self { words: HashMap::new(), stems: HashMap::new(), longest_stem: 0 };
        for (entry, weight) in SOURCES.iter().flat_map(|source| entries(source)) {
            if let Some(stem) = entry.strip_suffix('*') {
                table.longest_stem = table.longest_stem.max(stem.chars().count());
                table.stems.insert(stem, weight);
            } else {
                table.words.insert(entry, weight);
            }
        }
        table
    }

    /// The word itself, else its longest stem.
    fn find(&self, word: &str) -> Option<f64> {
        if let Some(weight) = self.words.get(word) {
            return Some(*weight);
        }
        let ends = word.char_indices().map(|(at, c)| at + c.len_utf8()).take(self.longest_stem);
        let mut found = None;
        for end in ends.skip(SHORTEST_STEM - 1) {
            found = self.stems.get(&word[..end]).copied().or(found);
        }
        found
    }
}

/// The entries of a file: a word, a tab and a weight on each line.
fn entries(source: &'static str) -> impl Iterator<Item = (&'static str, f64)> {
    source.lines().filter_map(|line| {
        let (word, weight) = line.split_once('\t')?;
        Some((word, weight.parse().ok()?))
    })
}

fn elongated(word: &str) -> bool {
    let mut chars = word.chars();
    let (mut one, mut two) = (chars.next(), chars.next());
    chars.any(|three| {
        let run = one == two && two == Some(three);
        (one, two) = (two, Some(three));
        run
    })
}

/// The word with runs of three or more cut to `most`.
fn squeezed(word: &str, most: usize) -> String {
    let chars: Vec<char> = word.chars().collect();
    let runs = chars.chunk_by(|a, b| a == b);
    runs.flat_map(|run| &run[..if run.len() > 2 { most } else { run.len() }]).collect()
}

static LEXICON: LazyLock<Table> = LazyLock::new(Table::new);
static EMOJI: LazyLock<HashMap<char, f64>> = LazyLock::new(|| {
    let single = |(emoji, weight): (&'static str, f64)| Some((emoji.chars().next()?, weight));
    entries(EMOJI_SOURCE).filter_map(single).collect()
});

const SOURCES: [&str; 2] =
    [include_str!("../../data/lexicon_en.tsv"), include_str!("../../data/lexicon_ru.tsv")];
const EMOJI_SOURCE: &str = include_str!("../../data/emoji.tsv");
const SHORTEST_STEM: usize = 2;

const EMOTICON_STARTS: &str = ":;=<8xX)(>";
/// A longer one before a shorter one that it starts with.
const EMOTICONS: [(&str, f64); 42] = [
    (":-)", 2.0),
    (":-D", 2.4),
    (":-P", 1.2),
    (":-*", 2.2),
    (":-(", -2.0),
    (":-/", -1.2),
    (":-|", -0.6),
    (":'-(", -2.2),
    (":'(", -2.2),
    (":')", 2.0),
    (":))", 2.4),
    (":((", -2.4),
    (":)", 2.0),
    (":D", 2.4),
    (":d", 2.0),
    (":P", 1.2),
    (":p", 1.2),
    (":*", 2.2),
    (":3", 1.6),
    (":]", 1.6),
    (":}", 1.6),
    (":(", -2.0),
    (":[", -1.6),
    (":/", -1.2),
    (":\\", -1.2),
    (":|", -0.6),
    (":O", 0.4),
    (";-)", 1.4),
    (";-(", -1.8),
    (";)", 1.4),
    (";(", -1.8),
    ("=)", 2.0),
    ("=D", 2.4),
    ("=(", -2.0),
    ("=/", -1.2),
    ("<333", 2.6),
    ("<33", 2.6),
    ("<3", 2.4),
    ("</3", -2.4),
    ("XD", 2.2),
    ("))", 1.4),
    ("((", -1.4),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_data_is_an_entry_in_range() {
        for source in SOURCES.into_iter().chain([EMOJI_SOURCE]) {
            assert_eq!(entries(source).count(), source.lines().count());
            for (entry, weight) in entries(source) {
                assert!((-4.0..=4.0).contains(&weight) && weight != 0.0, "{entry}");
                assert_eq!(entry, entry.to_lowercase(), "{entry}");
                assert!(entry.trim_end_matches('*').chars().count() >= 1, "{entry}");
            }
            let mut sorted: Vec<&str> = source.lines().collect();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), source.lines().count(), "an entry stands there twice");
        }
        assert!(SOURCES[0].lines().count() > 700 && SOURCES[1].lines().count() > 300);
    }

    #[test]
    fn a_word_goes_before_a_stem_and_a_longer_stem_before_a_shorter() {
        let table = Table {
            words: HashMap::from([("goods", 0.5)]),
            stems: HashMap::from([("go", 1.0), ("good", 2.0)]),
            longest_stem: 4,
        };
        assert_eq!(table.find("goods"), Some(0.5));
        assert_eq!(table.find("goodness"), Some(2.0));
        assert_eq!(table.find("goal"), Some(1.0));
        assert_eq!(table.find("g"), None);
    }

    #[test]
    fn drawn_out_words_are_known() {
        assert_eq!(weight("gooood"), weight("good"));
        assert_eq!(weight("loooove"), weight("love"));
        assert_eq!(weight("aaaaaaa"), None);
    }

    #[test]
    fn an_emoticon_ends_where_a_word_would_not_go_on() {
        assert_eq!(picture(":D yes"), Some((2.4, 2)));
        assert_eq!(picture(":Dog"), None);
        assert_eq!(picture("❤\u{fe0f}").map(|(_, length)| length), Some(3));
    }
}
