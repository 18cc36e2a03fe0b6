use std::sync::Arc;

use sentiment::{Keywords, Label, SentimentAnalyzer};

use crate::support::embedded;

/// The original's three lists, in the original's order.
const POSITIVE: [&str; 8] =
    ["good", "great", "excellent", "happy", "love", "wonderful", "amazing", "positive"];
const NEGATIVE: [&str; 8] =
    ["bad", "terrible", "hate", "sad", "angry", "horrible", "negative", "awful"];
const NEUTRAL: [&str; 7] =
    ["okay", "fine", "neutral", "average", "moderate", "acceptable", "sufficient"];

#[tokio::test]
async fn keywords_are_the_originals_lists_in_the_originals_order() {
    let keywords = Keywords;
    for (words, label) in [
        (&POSITIVE[..], Label::Positive),
        (&NEGATIVE[..], Label::Negative),
        (&NEUTRAL[..], Label::Neutral),
    ] {
        for word in words {
            let text = format!("It is {}, they say", word.to_uppercase());
            assert_eq!(keywords.analyze(&text).await.unwrap().label, label, "{word}");
        }
    }
    // Substrings count, positive goes first, and nothing found is neutral.
    for (text, label) in [
        ("a badge", Label::Negative),
        ("goodbye", Label::Positive),
        ("sadly amazing", Label::Positive),
        ("not good", Label::Positive),
        ("fine but bad", Label::Negative),
        ("плохо", Label::Neutral),
    ] {
        assert_eq!(keywords.analyze(text).await.unwrap().label, label, "{text}");
    }
}

#[tokio::test]
async fn the_default_knows_what_the_original_got_wrong() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    for (text, label) in [
        ("This is not good.", Label::Negative),
        ("She wears a badge.", Label::Neutral),
        ("Goodbye!", Label::Neutral),
        ("I am unhappy.", Label::Negative),
        ("I don’t like it.", Label::Negative),
        ("Это прекрасно!", Label::Positive),
        ("Это ужасно.", Label::Negative),
    ] {
        assert_eq!(model.determine_sentiment(text).await.unwrap().label, label, "{text}");
    }
}

#[tokio::test]
async fn another_analyser_can_take_its_place() {
    let (_home, builder) = embedded();
    let model = builder.analyzer(Arc::new(Keywords)).build().unwrap();
    let sentiment = model.determine_sentiment("not good").await.unwrap();
    assert_eq!(sentiment.label, Label::Positive, "the original's rule");
}
