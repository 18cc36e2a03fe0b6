use proptest::prelude::*;

use super::*;

crate::sentiment_conformance!(lexicon, async { Lexicon }, [negation russian whole_words]);

#[track_caller]
fn check(label: Label, texts: &[&str]) {
    for text in texts {
        let told = Lexicon.score(text);
        assert_eq!(told.label, label, "{text:?}: {told:?}");
    }
}

/// Texts from bad to good: each sounds better than the one before it.
#[track_caller]
fn check_rising(texts: &[&str]) {
    for pair in texts.windows(2) {
        let (low, high) = (Lexicon.score(pair[0]).compound, Lexicon.score(pair[1]).compound);
        assert!(low < high, "{:?} {low:+.3}, {:?} {high:+.3}", pair[0], pair[1]);
    }
}

#[test]
fn good_is_told_from_bad() {
    check(
        Label::Positive,
        &["great", "What a lovely day", "works well and looks beautiful", "отлично", "Я счастлива"],
    );
    check(
        Label::Negative,
        &[
            "awful",
            "This is a waste of money",
            "I am so disappointed",
            "кошмар",
            "Мне грустно и страшно",
        ],
    );
    check(
        Label::Neutral,
        &["Goodbye", "badge", "The meeting is on Monday.", "hello there", "Завтра вторник", "42"],
    );
}

#[test]
fn negation_turns_what_follows_in_its_clause() {
    check(
        Label::Negative,
        &[
            "not good",
            "NOT GOOD",
            "I don’t like it",
            "I dont like it",
            "never happy",
            "nobody loves her",
            "hardly useful",
            "не нравится",
            "ничего хорошего",
            "без удовольствия",
            "вряд ли это интересно",
        ],
    );
    check(
        Label::Positive,
        &[
            "not bad at all",
            "no problem, this is great",
            "not only good but great",
            "can't recommend it enough",
            "не плохо, а отлично",
        ],
    );
    check_rising(&["not good", "good"]);
    check_rising(&["terrible", "not terrible"]);
    check(Label::Positive, &["Not for me, great for you"]);
}

#[test]
fn a_lament_before_praise_takes_half_of_it_back() {
    check(Label::Neutral, &["sadly amazing"]);
    check_rising(&["sadly awful", "sadly amazing", "amazing"]);
}

#[test]
fn degrees_strengthen_and_weaken() {
    check_rising(&["slightly good", "good", "very good"]);
    check_rising(&["extremely bad", "bad", "somewhat bad"]);
    check_rising(&["очень плохо", "плохо", "немного плохо"]);
    check_rising(&["немного хороший", "хороший", "очень хороший"]);
}

#[test]
fn what_follows_but_counts_more() {
    check(Label::Positive, &["The start is bad, but the end is great", "Дорого, но отлично"]);
    check_rising(&["great, but bad", "bad, but great"]);
}

#[test]
fn emphasis_and_pictures_count() {
    check_rising(&["good", "good!", "good!!!"]);
    check_rising(&["it is good", "it is GOOD"]);
    check(Label::Positive, &["❤️", "😍", ":)", "see you :-D", "<3", "ну вот))"]);
    check(Label::Negative, &["😡", "💔", ":(", "ну вот(("]);
    check(Label::Neutral, &["Note: Dog", "(see page 3)", "🚗"]);
}

#[test]
fn typing_does_not_matter() {
    let same = |one: &str, other: &str| {
        assert_eq!(Lexicon.score(one), Lexicon.score(other), "{one:?} {other:?}");
    };
    same("I don't like it", "I don’t like it");
    same("I don't like it", "I don`t like it");
    same("Тёплый приём", "Теплый прием");
    same("спокойный", "спокойныи\u{306}");
    same("goooood", "good");
    same("Great.", "great.");
}

#[test]
fn cost_grows_with_length_alone() {
    // Quadratic work on a megabyte would not end within a test's time.
    for unit in ["😀", "not good, but ", "a'", "!", "((", "very "] {
        let text = unit.repeat(1_000_000 / unit.len());
        assert!((-1.0..=1.0).contains(&Lexicon.score(&text).compound));
    }
}

proptest! {
    #[test]
    fn any_text_is_told_within_range(text in any::<String>()) {
        let it = Lexicon.score(&text);
        prop_assert!((-1.0..=1.0).contains(&it.compound));
        prop_assert!((it.positive + it.neutral + it.negative - 1.0).abs() < 1e-9);
    }

    #[test]
    fn any_words_are_told_alike_whatever_their_quotes(
        words in prop::collection::vec("(not|don't|good|bad|very|but|хорошо|не|:\\)|!|,|“|x)", 0..12),
    ) {
        let text = words.join(" ");
        prop_assert_eq!(Lexicon.score(&text), Lexicon.score(&text.replace('\'', "’")));
    }
}
