use expect_test::{Expect, expect};

use super::*;
use crate::FileType;

#[track_caller]
fn check(text: &str, expected: Expect) {
    let report = Check::new(Reader::text(text, FileType::Csv)).run().unwrap();
    let faults = report.faults.iter().map(ToString::to_string);
    let told: Vec<String> = faults.chain(report.remarks.iter().map(ToString::to_string)).collect();
    expected.assert_eq(&told.join("\n"));
}

/// Rows that nothing can be said against, to put others among.
const FINE: &str = "prompt,completion\n\
    How deep is Lake Baikal?,It is 1642 metres deep.\n\
    Where does it lie?,In the south of Siberia.\n\
    How old is it?,About 25 million years.\n\
    Which river leaves it?,The Angara does.\n\
    What lives there?,\"Seals, and a fish named omul.\"\n\
    Does it freeze?,\"Yes, from January to May.\"\n\
    Who studies it?,A limnological institute in Irkutsk.\n\
    How clear is it?,One sees forty metres down.\n\
    Is it salty?,\"No, it holds fresh water.\"\n\
    How long is it?,636 kilometres.\n";

#[test]
fn nothing_is_said_against_fine_data() {
    check(FINE, expect![[r#""#]]);
}

#[test]
fn what_was_said_before_is_told_with_its_line() {
    check(
        &format!(
            "{FINE}Is it salty?,\"No, it holds fresh water.\"\n\
             Which river leaves it?,The Selenga does.\n\
             Who studies it here?,A limnological institute in Irkutsk.\n"
        ),
        expect![[r#"
            data, line 12: duplicate: the same as line 10; take one out
            data, line 13: contradiction: another answer than line 5 to the same prompt; keep the better one, or make a preference of them"#]],
    );
}

#[test]
fn personal_data_and_special_tokens_are_told_and_not_quoted() {
    check(
        &format!("{FINE}Who knows more?,Write to jo@example.org.\nWhat next?,Bye<|im_end|>\n"),
        expect![[r#"
            data, line 12: personal-data: what looks like personal data or a secret (e-mail address); take it out, or put a word in its place
            data, line 13: special-token: a special token of OpenAI, Qwen, Phi, Kimi; take it out"#]],
    );
}

#[test]
fn answers_in_another_language_are_counted() {
    check(
        &format!(
            "{FINE}Какая у него глубина и где он находится?,It lies in the south of Siberia and is very deep.\n"
        ),
        expect![
            "data, line 12: other-language: the answer is in another language than its prompt; leave it if that is meant"
        ],
    );
}

#[test]
fn answers_to_avoid_are_paired_by_their_prompt() {
    let text = "prompt,completion,label\nq,good,1\nq,bad,0\nq,worse,0\nalone,bad,0\n";
    let report = Check::new(Reader::text(text, FileType::Csv)).run().unwrap();
    assert_eq!((report.positive, report.negative), (1, 3));
    assert_eq!((report.paired, report.unpaired), (2, 1));
}

#[test]
fn one_answer_to_everything_and_few_examples_are_told_of_the_set() {
    check(
        "text,label\nfine weather today,good\nsuch a lovely lake,good\n",
        expect![[r#"
        data: one-answer: every answer is the same; a model learns to say nothing else
        data: too-few: 2 examples; OpenAI takes no fewer than 10, and a model learns little from them"#]],
    );
}

#[test]
fn faults_and_remarks_are_counted_beyond_those_that_are_kept() {
    let faults = "q,\n".repeat(200);
    let same = "a question,an answer\n".repeat(50);
    let text = format!("prompt,completion\n{faults}{same}");
    let report = Check::new(Reader::text(&text, FileType::Csv)).run().unwrap();
    assert_eq!((report.faults.len(), report.faults_in_all), (100, 200));
    assert_eq!((report.remarks.len(), report.counts[&Code::Duplicate]), (20, 49));
    assert!(!report.is_usable());
}

#[test]
fn the_earlier_file_is_named_where_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(folder.path().join(name), FINE).unwrap();
    write("a.csv");
    write("b.csv");
    let report = Check::new(Reader::open(&[folder.path()]).unwrap()).run().unwrap();
    let first = &report.remarks[0];
    assert!(first.origin.file.as_ref().unwrap().ends_with("b.csv"));
    assert!(first.message.contains("a.csv, line 2"), "{first}");
    assert_eq!(report.counts[&Code::Duplicate], 10);
}

#[test]
fn near_duplicates_are_told_unless_they_are_not_looked_for() {
    let long = "The lake lies in a rift valley, which grows by two centimetres a year, and holds a \
                fifth of all fresh water that is not ice";
    let text =
        format!("{FINE}\"Tell me more, please.\",\"{long}.\"\nTell me more please.,\"{long}!\"\n");
    let codes = |similarity| {
        let check = Check::new(Reader::text(&text, FileType::Csv)).with_similarity(similarity);
        let remarks = check.run().unwrap().remarks;
        remarks.into_iter().map(|remark| (remark.code, remark.origin.line)).collect::<Vec<_>>()
    };
    assert_eq!(codes(Some(0.8)), [(Code::NearDuplicate, 13)]);
    assert_eq!(codes(None), []);
}

#[test]
fn a_good_answer_and_a_bad_one_that_is_almost_the_same_are_no_duplicates() {
    let prompt = "Does the water of the lake, which is clear to a depth of forty metres, freeze?";
    let text =
        format!("prompt,completion,label\n\"{prompt}\",Yes.,1\n\"{prompt}\",No.,0\n{prompt}");
    let text = text.trim_end_matches(prompt);
    let report = Check::new(Reader::text(text, FileType::Csv)).run().unwrap();
    assert!(!report.counts.contains_key(&Code::NearDuplicate), "{:?}", report.remarks);
    assert_eq!(report.paired, 1);
}

#[test]
fn answers_that_only_call_tools_are_told_apart_and_looked_through() {
    let line = |arguments: &str| {
        let call = serde_json::json!({
            "id": "c", "type": "function", "function": { "name": "f", "arguments": arguments },
        });
        serde_json::json!({ "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "tool_calls": [call] },
        ] })
    };
    let text = format!("{}\n{}\n", line("{}"), line("{\"to\":\"jo@example.org\"}"));
    let report = Check::new(Reader::text(&text, FileType::JsonLines)).run().unwrap();
    let codes: Vec<_> = report.remarks.iter().map(|remark| remark.code).collect();
    assert_eq!(codes, [Code::Contradiction, Code::PersonalData, Code::TooFew]);
}
