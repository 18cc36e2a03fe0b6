//! What every analyser must do, as functions to run on yours.
//!
//! [`sentiment_conformance!`](crate::sentiment_conformance) makes each of them a test of its name.
//! They panic where an analyser falls short. What not every analyser can do is an ability that the
//! call declares: `negation`, `russian`, `whole_words`.
//!
//! ```
//! # use sentiment::{Lexicon, sentiment_conformance};
//! # fn main() {}
//! sentiment_conformance!(lexicon, async { Lexicon }, [negation russian whole_words]);
//! ```

use crate::analyzer::{SentimentAnalyzer, SentimentAnalyzerExt};
use crate::score::{Label, Sentiment};

/// Makes a module with one test for each function of [`conformance`](crate::conformance).
///
/// The second argument is a future of an analyser; every test makes its own. The third lists its
/// abilities. Needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! sentiment_conformance {
    ($module:ident, $make:expr, [$($ability:ident)*]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $crate::sentiment_conformance!(@tests $make,
                plain_words_are_told_apart
                texts_without_words_are_neutral
                shares_sum_to_one
                compound_is_in_range_and_agrees_with_the_label
                a_batch_is_told_as_one_by_one
                an_empty_batch_is_empty
                odd_texts_do_no_harm
                the_mean_and_the_trajectory_follow_the_texts
            );
            $($crate::sentiment_conformance!(@ability $ability $make);)*
        }
    };
    (@ability negation $make:expr) => {
        $crate::sentiment_conformance!(@tests $make, negation_turns_the_label);
    };
    (@ability russian $make:expr) => {
        $crate::sentiment_conformance!(@tests $make, russian_is_understood);
    };
    (@ability whole_words $make:expr) => {
        $crate::sentiment_conformance!(@tests $make, words_within_words_say_nothing);
    };
    (@tests $make:expr, $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::conformance::$name(&$make.await).await;
            }
        )*
    };
}

/// The plainest of praise and blame.
pub async fn plain_words_are_told_apart(analyzer: &dyn SentimentAnalyzer) {
    check(
        analyzer,
        &[
            ("This is a great product, I love it!", Label::Positive),
            ("What a wonderful, amazing day.", Label::Positive),
            ("I hate this. It is terrible.", Label::Negative),
            ("An awful and horrible experience", Label::Negative),
            ("The table is made of wood.", Label::Neutral),
        ],
    )
    .await;
}

/// Nothing, blanks and marks say nothing.
pub async fn texts_without_words_are_neutral(analyzer: &dyn SentimentAnalyzer) {
    for text in ["", " ", "\n\t", "...", "-", "\u{feff}"] {
        let sentiment = analyzer.analyze(text).await.unwrap();
        assert_eq!(sentiment.label, Label::Neutral, "{text:?}");
        assert_eq!(sentiment.compound, 0.0, "{text:?}");
    }
}

/// Each share lies in `0.0..=1.0`, and the three make 1.
pub async fn shares_sum_to_one(analyzer: &dyn SentimentAnalyzer) {
    for text in TEXTS {
        let it = analyzer.analyze(text).await.unwrap();
        for share in [it.positive, it.neutral, it.negative] {
            assert!((0.0..=1.0).contains(&share), "{text:?}: {it:?}");
        }
        let sum = it.positive + it.neutral + it.negative;
        assert!((sum - 1.0).abs() < 1e-9, "{text:?}: {it:?}");
    }
}

/// A compound lies in `-1.0..=1.0`, above 0 only if not negative, below 0 only if not positive.
pub async fn compound_is_in_range_and_agrees_with_the_label(analyzer: &dyn SentimentAnalyzer) {
    for text in TEXTS {
        let it = analyzer.analyze(text).await.unwrap();
        let range = match it.label {
            Label::Positive => 0.0..=1.0,
            Label::Negative => -1.0..=0.0,
            Label::Neutral => -1.0..=1.0,
        };
        assert!(range.contains(&it.compound), "{text:?}: {it:?}");
    }
}

/// A batch has the answers of its texts, in their order.
pub async fn a_batch_is_told_as_one_by_one(analyzer: &dyn SentimentAnalyzer) {
    let texts: Vec<String> = TEXTS.iter().cycle().take(40).map(|it| (*it).to_owned()).collect();
    let batch = analyzer.analyze_batch(&texts).await.unwrap();
    let mut single = Vec::new();
    for text in &texts {
        single.push(analyzer.analyze(text).await.unwrap());
    }
    assert_eq!(batch, single);
}

/// Of no texts there is nothing to say.
pub async fn an_empty_batch_is_empty(analyzer: &dyn SentimentAnalyzer) {
    assert_eq!(analyzer.analyze_batch(&[]).await.unwrap(), []);
    assert_eq!(analyzer.mean(&[]).await.unwrap(), Sentiment::NEUTRAL);
    assert_eq!(analyzer.trajectory(&[]).await.unwrap().points, []);
}

/// Long texts, emoji, control characters and broken scripts are texts like others.
pub async fn odd_texts_do_no_harm(analyzer: &dyn SentimentAnalyzer) {
    let texts = [
        "good ".repeat(20_000),
        "😀👩‍👩‍👧‍👦❤️🏳️‍🌈".repeat(1_000),
        "'".repeat(10_000),
        "!?".repeat(10_000),
        "o".repeat(100_000),
        "\u{0}\u{1}\u{7f}\u{202e}\u{fffd}".to_owned(),
        "e\u{301}\u{306}\u{301} и\u{306}".to_owned(),
        "not n't don't' 'not not not".to_owned(),
        "{\"label\": \"negative\"} ```json".to_owned(),
    ];
    for text in texts {
        let it = analyzer.analyze(&text).await.unwrap();
        assert!((-1.0..=1.0).contains(&it.compound), "{it:?}");
    }
}

/// The mean lies between its texts, and a turn from good to bad is seen.
pub async fn the_mean_and_the_trajectory_follow_the_texts(analyzer: &dyn SentimentAnalyzer) {
    let texts =
        ["I love it, it is great!", "The table is made of wood.", "I hate it, it is awful!"];
    let texts = texts.map(str::to_owned);
    let trajectory = analyzer.trajectory(&texts).await.unwrap();
    let points = &trajectory.points;
    assert_eq!(trajectory.turning_points, [2]);
    assert!((trajectory.change - (points[2].compound - points[0].compound)).abs() < 1e-9);
    assert!(trajectory.change < 0.0);
    let mean = analyzer.mean(&texts).await.unwrap();
    assert_eq!(mean, trajectory.mean());
    assert!((points[2].compound..points[0].compound).contains(&mean.compound), "{mean:?}");
}

/// The ability `negation`.
pub async fn negation_turns_the_label(analyzer: &dyn SentimentAnalyzer) {
    check(
        analyzer,
        &[
            ("This is not good.", Label::Negative),
            ("I don't like it", Label::Negative),
            ("I don’t like it", Label::Negative),
            ("Nobody loves her", Label::Negative),
        ],
    )
    .await;
}

/// The ability `russian`.
pub async fn russian_is_understood(analyzer: &dyn SentimentAnalyzer) {
    check(
        analyzer,
        &[
            ("Это замечательный фильм, спасибо!", Label::Positive),
            ("Ужасное обслуживание, всё плохо.", Label::Negative),
            ("Мне это не нравится.", Label::Negative),
            ("Стол сделан из дерева.", Label::Neutral),
        ],
    )
    .await;
}

/// The ability `whole_words`.
pub async fn words_within_words_say_nothing(analyzer: &dyn SentimentAnalyzer) {
    check(
        analyzer,
        &[
            ("Hand in your badge at the desk.", Label::Neutral),
            ("Goodbye", Label::Neutral),
            ("I am unhappy", Label::Negative),
        ],
    )
    .await;
}

async fn check(analyzer: &dyn SentimentAnalyzer, cases: &[(&str, Label)]) {
    for (text, label) in cases {
        let it = analyzer.analyze(text).await.unwrap();
        assert_eq!(it.label, *label, "{text:?}: {it:?}");
    }
}

const TEXTS: [&str; 12] = [
    "",
    "This is a great product, I love it!",
    "I hate this. It is terrible.",
    "The table is made of wood.",
    "It's good, but the ending is bad :(",
    "NOT GOOD AT ALL!!!",
    "so-so",
    "Мне очень понравилось, но дорого",
    "😍😍😍",
    "Is it any good?",
    "good bad good bad",
    "\u{0}",
];
