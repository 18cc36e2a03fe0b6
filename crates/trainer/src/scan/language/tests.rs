use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: Expect) {
    let language = Language::of(text);
    let shown = language.map_or("none".to_owned(), |language| {
        format!("{language} {}", language.code().unwrap_or("-"))
    });
    expected.assert_eq(&shown);
}

#[test]
fn a_script_of_one_language_tells_it() {
    check("Πόσο βαθιά είναι η λίμνη;", expect!["Greek ell"]);
    check("바이칼 호수는 얼마나 깊나요?", expect!["Korean kor"]);
    check("バイカル湖の深さはどれくらいですか。", expect!["Japanese jpn"]);
    check("贝加尔湖有多深？", expect!["Chinese zho"]);
    check("ทะเลสาบลึกแค่ไหน", expect!["Thai tha"]);
    check("რამდენად ღრმაა ტბა?", expect!["Georgian kat"]);
    check("ஏரி எவ்வளவு ஆழமானது?", expect!["Tamil tam"]);
}

#[test]
fn letters_of_its_own_tell_a_language_in_cyrillic() {
    check("Где находится это озеро, и почему оно такое глубокое?", expect!["Russian rus"]);
    check(
        "Де знаходиться це озеро, і чому воно таке глибоке? Її вода чиста.",
        expect!["Ukrainian ukr"],
    );
    check("Дзе знаходзіцца гэтае возера? Ваду ў ім можна піць.", expect!["Belarusian bel"]);
    check("Где се налази језеро? Њихова вода је чиста.", expect!["Serbian srp"]);
    check("Көл қайда орналасқан және неге терең, ыстық?", expect!["Cyrillic script -"]);
}

#[test]
fn too_few_letters_tell_nothing() {
    for text in ["", "42", "ok", "да", "好", "1 + 1 = 2", "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"]
    {
        check(text, expect!["none"]);
    }
}

#[test]
fn a_text_is_in_the_script_of_most_of_it() {
    check("用 Python 写一个 hello world 程序，谢谢你", expect!["Chinese zho"]);
    let language = Language::of("Функция println! печатает строку на экран").unwrap();
    assert_eq!(language.script(), Script::Cyrillic);
}

#[test]
fn code_in_a_fence_does_not_count() {
    let text =
        "请看这个例子：\n```rust\nfn main() { println!(\"Hello, world, how are you?\"); }\n```\n";
    check(text, expect!["Chinese zho"]);
}

#[cfg(not(feature = "language"))]
#[test]
fn a_script_of_many_languages_is_all_that_is_known() {
    check("How deep is the deepest lake of all?", expect!["Latin script -"]);
    check("Насколько глубоко самое глубокое озеро?", expect!["Cyrillic script -"]);
}

#[cfg(feature = "language")]
#[test]
fn languages_of_one_script_are_told_apart() {
    check("How deep is the deepest lake of all, and where on earth is it?", expect!["English eng"]);
    check(
        "Wie tief ist der tiefste aller Seen, und wo liegt er eigentlich?",
        expect!["German deu"],
    );
    check("Quelle est la profondeur du lac le plus profond du monde ?", expect!["French fra"]);
    check("¿Cuál es la profundidad del lago más profundo del mundo?", expect!["Spanish spa"]);
    check("ما مدى عمق أعمق بحيرة في العالم وأين تقع بالضبط؟", expect!["Arabic ara"]);
}

#[test]
fn languages_differ_only_for_sure() {
    let of = |text| Language::of(text).unwrap();
    let english = of("How deep is the deepest lake of all, and where on earth is it?");
    let russian = of("Насколько глубоко самое глубокое озеро и где оно находится?");
    let (chinese, japanese) = (of("贝加尔湖有多深？"), of("バイカル湖の深さはどれくらいですか。"));
    assert!(english.differs_from(russian) && russian.differs_from(chinese));
    assert!(!chinese.differs_from(japanese), "both write Han");
    assert!(!english.differs_from(of("ok ok ok ok ok ok")), "of one script, and not known");
}

#[test]
fn a_mix_says_what_stands_out() {
    let russian = "Самое глубокое озеро в мире находится в Сибири.";
    let mut mix = Mix::new();
    assert!(mix.remarks().is_empty());
    for _ in 0..96 {
        assert!(!mix.add(russian, russian).differs());
    }
    assert!(mix.remarks().is_empty());
    assert!(mix.add(russian, "贝加尔湖非常非常深。").differs());
    mix.add(russian, "42");
    mix.add("Πόσο βαθιά είναι η λίμνη;", "Είναι πολύ βαθιά.");
    mix.add("Πόσο βαθιά είναι η λίμνη;", "Είναι πολύ βαθιά.");
    assert_eq!((mix.pairs(), mix.answers().len()), (100, 3));
    let remarks: Vec<_> = mix.remarks().iter().map(ToString::to_string).collect();
    expect![[r#"
        1 % of the answers (1 of 99) is in another language than their prompt
        2 % of the answers (2 of 99) are in Greek, which is rare in the set
        1 % of the answers (1 of 99) is in Chinese, which is rare in the set"#]]
    .assert_eq(&remarks.join("\n"));
}

#[test]
fn shares_are_rounded_but_never_to_nothing() {
    for (count, of, expected) in [
        (1, 1000, "less than 1 % of the answers (1 of 1000) is"),
        (3, 100, "3 % of the answers (3 of 100) are"),
        (25, 1000, "3 % of the answers (25 of 1000) are"),
        (24, 1000, "2 % of the answers (24 of 1000) are"),
        (7, 7, "100 % of the answers (7 of 7) are"),
    ] {
        let remark = Remark::OtherThanPrompt { count, of }.to_string();
        assert!(remark.starts_with(expected), "{remark}");
    }
}

proptest! {
    #[test]
    fn any_text_can_be_looked_at(text in "(\\PC|```|\n){0,80}") {
        if let Some(language) = Language::of(&text) {
            prop_assert!(!language.differs_from(language));
            prop_assert!(!language.name().is_empty());
        }
    }
}
