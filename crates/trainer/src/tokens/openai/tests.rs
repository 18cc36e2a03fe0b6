//! What is known without tiktoken, and what must hold of any text.

use proptest::prelude::*;

use super::{OpenAiCounter, classes::Classes, merge, merge::Lists, split, vocabulary};
use crate::tokens::{CountTokens as _, Encoding};

#[test]
fn counts_are_those_that_openai_shows() {
    // From OpenAI's cookbook, "How to count tokens with tiktoken".
    check("tiktoken is great!", 6, 6);
    check("antidisestablishmentarianism", 6, 6);
    check("2 + 2 = 4", 7, 7);
    check("お誕生日おめでとう", 8, 9);
}

#[test]
fn nothing_is_no_token_and_control_tokens_are_text() {
    check("", 0, 0);
    check(" ", 1, 1);
    check("<|endoftext|>", 7, 7);
}

#[test]
fn a_long_run_takes_no_longer_for_each_letter() {
    // In quadratic time, this would take minutes.
    check(&"a".repeat(100_000), 12_500, 12_500);
    check(&" ".repeat(128 * 20), 20, 20);
}

#[test]
fn pieces_are_cut_where_the_expressions_cut_them() {
    pieces(
        "It's  a\tTEST's\r\n\n x",
        "It's| | a|\tTEST's|\r\n\n| x",
        "It|'s| | a|\tTEST|'s|\r\n\n| x",
    );
    pieces("12345 ٣٤", "123|45| |٣٤", "123|45| |٣٤");
    pieces("//\n/x  ", "//\n/|x|  ", "//\n|/x|  ");
    pieces("don'T we'VE o'clock", "don'T| we'VE| o|'clock", "don|'T| we|'VE| o|'clock");
    // The long s is an `S` in the other case.
    pieces("it'\u{17F}", "it'\u{17F}", "it|'\u{17F}");
    pieces("HTMLParser iPhone", "HTMLParser| i|Phone", "HTMLParser| iPhone");
    // A mark alone is a word of its own.
    pieces("\u{301}ABC", "\u{301}|ABC", "\u{301}ABC");
    pieces("中文ABCabc", "中文ABCabc", "中文ABCabc");
    pieces("ǅUNGLA", "ǅUNGLA", "ǅUNGLA");
}

proptest! {
    // A counter has two megabytes.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_was_counted_before_changes_no_count(texts in prop::collection::vec("\\PC{0,80}", 1..20)) {
        for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
            let mut counter = OpenAiCounter::new(encoding);
            let once: Vec<_> = texts.iter().map(|text| counter.count(text)).collect();
            let again: Vec<_> = texts.iter().map(|text| counter.count(text)).collect();
            prop_assert_eq!(&once, &again);
            for (text, count) in texts.iter().zip(once) {
                prop_assert!(count <= text.len() as u64);
                prop_assert_eq!(OpenAiCounter::new(encoding).count_tokens(text).unwrap(), count);
            }
        }
    }
}

proptest! {
    #[test]
    fn pieces_are_whole_characters_and_leave_nothing_out(text in any::<String>()) {
        for split in [split::o200k, split::cl100k] {
            let cut = cut(&text, split);
            prop_assert!(cut.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(cut.concat(), text.clone());
        }
    }

    #[test]
    fn a_run_is_counted_alike_in_both_ways_of_merging(length in 60_usize..70, unit in "[a-c]{1,3}") {
        // 64 bytes are the most that are merged in a word of bits.
        let text = unit.repeat(length.div_ceil(unit.len()));
        let piece = &text.as_bytes()[..length.min(64)];
        let vocabulary = vocabulary(Encoding::O200kBase);
        let few = merge::count_few(vocabulary, piece, 0, piece.len());
        prop_assert_eq!(Lists::default().count(vocabulary, piece), few);
    }
}

#[track_caller]
fn check(text: &str, o200k: u64, cl100k: u64) {
    let counts = [Encoding::O200kBase, Encoding::Cl100kBase]
        .map(|encoding| OpenAiCounter::new(encoding).count(text));
    assert_eq!(counts, [o200k, cl100k]);
}

#[track_caller]
fn pieces(text: &str, o200k: &str, cl100k: &str) {
    assert_eq!(cut(text, split::o200k).join("|"), o200k);
    assert_eq!(cut(text, split::cl100k).join("|"), cl100k);
}

fn cut(text: &str, split: fn(&Classes, &[u8], usize) -> usize) -> Vec<&str> {
    let classes = Classes::new();
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = split(&classes, text.as_bytes(), start);
        pieces.push(&text[start..end]);
        start = end;
    }
    pieces
}
