use proptest::prelude::*;

use super::*;

/// A text of words with these numbers.
fn text(words: impl IntoIterator<Item = u64>) -> String {
    let words: Vec<String> =
        words.into_iter().map(|word| format!("{:x}", avalanche(word) >> 36)).collect();
    words.join(" ")
}

#[test]
fn near_duplicates_are_found_in_any_language() {
    for (one, other) in [
        (
            "Write a short poem about the first snow in the mountains, please.",
            "write a short poem about the first snow  in the mountains please",
        ),
        (
            "Какова наибольшая глубина озера Байкал и где находится это место?",
            "Какова наибольшая глубина озера Байкал, и где находится это место",
        ),
        (
            "请告诉我贝加尔湖最深的地方有多深，以及它在哪里，谢谢你的帮助",
            "请告诉我贝加尔湖最深的地方有多深，以及它在哪里，谢谢你的帮助！",
        ),
    ] {
        let mut texts = Similar::new(0.8);
        assert_eq!(texts.insert("Something else entirely, to begin with."), None);
        assert_eq!(texts.insert(one), None);
        let found = texts.insert(other).unwrap();
        assert_eq!(found.index, 1, "{one}");
        assert!((found.similarity - jaccard(one, other)).abs() < 0.12, "{one}");
    }
}

#[test]
fn different_texts_are_not_found() {
    let mut texts = Similar::new(0.8);
    for number in 0..3000 {
        assert_eq!(texts.insert(&text(number * 20..number * 20 + 20)), None);
    }
    assert_eq!(texts.len(), 3000);
}

#[test]
fn short_and_empty_texts_are_equal_to_themselves_alone() {
    let mut texts = Similar::new(0.5);
    for (index, text) in ["", "a", "b", "ok", "no", "да", "好"].into_iter().enumerate() {
        assert_eq!(texts.insert(text), None, "{text:?}");
        assert_eq!(texts.insert(&format!(" {text}\n")).unwrap().index, index * 2);
    }
}

#[test]
fn the_most_similar_text_is_told_and_of_equal_ones_the_first() {
    let mut texts = Similar::new(0.6);
    texts.insert(&text(0..50));
    texts.insert(&text(4..54));
    texts.insert(&text(4..54));
    assert_eq!(texts.find(&text(5..55)).unwrap().index, 1);
    assert_eq!(texts.insert(&text(0..50)), Some(Match { index: 0, similarity: 1.0 }));
    assert_eq!(texts.len(), 4);
}

#[test]
fn estimates_are_unbiased() {
    // Sketches of few and of many shingles, over the whole range of similarities.
    for words in [4, 40, 400] {
        for shared in [0, 1, 2, 3] {
            let (mut sum, mut exact) = (0.0, 0.0);
            for sample in 0..100_u64 {
                let start = sample * 1_000_000;
                let one = text(start..start + words);
                let kept = words * shared / 4;
                let other =
                    text((start..start + kept).chain(start + words..start + 2 * words - kept));
                let cut = Cut::for_similarity(0.8, NUMBERS);
                let mut sketcher = Sketcher::new();
                let [one_sketch, other_sketch] =
                    [&one, &other].map(|text| Sketch::of(&mut sketcher, cut, text));
                let raw = agreed(&one_sketch.short, &other_sketch.short) as f64 / NUMBERS as f64;
                sum += (raw - 1.0 / 256.0) / (1.0 - 1.0 / 256.0);
                exact += jaccard(&one, &other);
            }
            let off = (sum - exact).abs() / 100.0;
            assert!(off < 0.02, "{words} words, {shared} quarters: {off}");
        }
    }
}

#[test]
fn texts_are_found_as_often_as_the_curve_says() {
    let cut = Cut::for_similarity(0.8, NUMBERS);
    let mut sketcher = Sketcher::new();
    let (mut found, mut expected) = (0.0, 0.0);
    for sample in 0..400_u64 {
        let start = sample * 1000;
        let (one, other) = (text(start..start + 100), text(start + 14..start + 114));
        let [first, second] = [&one, &other].map(|text| Sketch::of(&mut sketcher, cut, text));
        found += f64::from(first.bands.iter().zip(&second.bands).any(|(one, other)| one == other));
        expected += cut.found(jaccard(&one, &other));
    }
    // About three standard errors.
    assert!((found - expected).abs() / 400.0 < 0.075, "{found} {expected}");
}

#[test]
fn memory_stays_within_what_the_documentation_says() {
    let mut texts = Similar::new(0.8);
    for number in 0..20_000 {
        texts.insert(&text(number * 10..number * 10 + 10));
        if number > 1000 {
            assert!(texts.memory() <= 750 * texts.len(), "{number}: {}", texts.memory());
        }
    }
    let before = texts.memory();
    for number in 0..20_000 {
        texts.insert(&text(number * 10..number * 10 + 10));
    }
    assert_eq!(texts.memory(), before, "equal texts take nothing");
}

#[test]
fn texts_of_one_template_are_compared_with_a_few_others() {
    // Each shares three quarters with each, which is below the threshold but agrees in bands.
    let mut texts = Similar::new(0.9);
    for number in 0..300 {
        let template = (0..60).chain(1000 + number * 20..1020 + number * 20);
        texts.insert(&text(template));
    }
    let sketch = Sketch::of(&mut Sketcher::new(), texts.cut, &text((0..60).chain(1..20)));
    let candidates = sketch.bands.iter().flat_map(|band| texts.table.texts(*band)).count();
    assert!(candidates <= 8 * texts.cut.bands, "{candidates}");
}

#[test]
fn thresholds_outside_the_range_count_as_the_nearer_end() {
    for (given, taken) in [(0.0, 0.5), (f64::NAN, 0.5), (0.8, 0.8), (7.0, 1.0)] {
        assert_eq!(Similar::new(given).threshold(), taken);
    }
    let mut texts = Similar::new(1.0);
    texts.insert("the same");
    assert_eq!(texts.insert("The same").unwrap().similarity, 1.0);
    assert_eq!(format!("{texts:?}"), "Similar { threshold: 1.0, len: 2, .. }");
}

proptest! {
    #[test]
    fn an_equal_text_is_always_found(texts in prop::collection::vec("\\PC{0,30}", 1..30)) {
        let mut all = Similar::new(0.8);
        for text in &texts {
            let found = all.find(text);
            prop_assert_eq!(all.insert(text), found);
        }
        for text in &texts {
            let found = all.find(&format!("  {text}\t")).unwrap();
            prop_assert_eq!(found.similarity, 1.0);
            prop_assert!(found.index < texts.len());
        }
    }

    #[test]
    fn jaccard_is_symmetric_and_within_bounds(one in "[ab c]{0,40}", other in "[ab c]{0,40}") {
        let similarity = jaccard(&one, &other);
        prop_assert!((0.0..=1.0).contains(&similarity));
        prop_assert_eq!(similarity, jaccard(&other, &one));
        prop_assert_eq!(jaccard(&one, &one), 1.0);
    }
}
