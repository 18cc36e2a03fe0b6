use std::path::Path;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{Dataset, Error, Example, FileType, Label, Origin, Reader, Result, TrainingSet};

fn parse(bytes: &[u8], file: Option<&Path>, label: Label) -> Result<Dataset> {
    let reader = Reader::text(bytes, FileType::JsonLines).with_label(label);
    match file {
        Some(file) => Dataset::from_reader(&reader.named(file)),
        None => Dataset::from_reader(&reader),
    }
}

#[track_caller]
fn refuses(bytes: &[u8], expected: Expect) {
    let found = match parse(bytes, Some(Path::new("d.jsonl")), Label::Positive) {
        Err(Error::InvalidData(problems)) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => panic!("expected faults, found {other:?}"),
    };
    expected.assert_eq(&found);
}

fn read(text: &str) -> Dataset {
    Dataset::from_jsonl_text(text).unwrap()
}

const CHAT: &str = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}],"tools":[{"type":"function"}]}"#;
const PREFERENCE: &str = r#"{"input":{"messages":[{"role":"user","content":"q"}],"tools":[]},"preferred_output":[{"role":"assistant","content":"good"}],"non_preferred_output":[{"role":"assistant","content":"bad"}]}"#;

#[test]
fn a_conversation_keeps_weights_and_tools() {
    let set = read(CHAT);
    assert_eq!(set.examples[0].messages[2].extra["weight"], 0);
    assert_eq!(set.examples[0].extra["tools"][0]["type"], "function");
    assert_eq!(set.examples[0].origin, Origin::line(1));
}

#[test]
fn a_preference_is_read_as_one() {
    let set = read(PREFERENCE);
    let pair = &set.preferences[0];
    assert_eq!((pair.preferred.text(), pair.rejected.text()), ("good".into(), "bad".into()));
    assert_eq!(pair.prompt[0].text(), "q");
}

#[test]
fn a_prompt_and_a_completion_are_strings_or_messages() {
    let set = read(concat!(
        "\u{feff}{\"prompt\":\"q\",\"completion\":\"a\"}\r\n\n",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],",
        "\"completion\":[{\"role\":\"assistant\",\"content\":\"a\"}],\"label\":false}",
    ));
    assert_eq!(set.examples[0].messages, set.examples[1].messages);
    assert_eq!((set.examples[0].label, set.examples[1].label), (Label::Positive, Label::Negative));
    assert_eq!((set.examples[0].origin.line, set.examples[1].origin.line), (1, 3));
}

#[test]
fn a_label_is_a_word_a_truth_value_or_a_number() {
    for (label, expected) in [
        ("true", Label::Positive),
        ("0", Label::Negative),
        ("\"negative\"", Label::Negative),
        ("null", Label::Positive),
    ] {
        let text = format!(r#"{{"prompt":"q","completion":"a","label":{label}}}"#);
        assert_eq!(read(&text).examples[0].label, expected, "{label}");
    }
}

#[test]
fn a_line_that_is_not_json_is_named_with_its_character() {
    refuses(
        b"{\"prompt\":\"q\",\"completion\":\"a\"}\n{\"prompt\": secret}\n",
        expect!["d.jsonl, line 2: invalid JSON at character 12: expected value"],
    );
    refuses(
        b"{\"prompt\":\"secret",
        expect!["d.jsonl, line 1: invalid JSON at character 17: EOF while parsing a string"],
    );
    refuses(
        b"[\n  {\"prompt\":\"q\",\"completion\":\"a\"}\n]\n",
        expect![
            "d.jsonl, line 1: this is a JSON array; JSON Lines has one object on each line, with no array around them"
        ],
    );
    refuses(b"7\n", expect!["d.jsonl, line 1: must be an object, found a number"]);
}

#[test]
fn an_object_of_another_shape_is_refused_with_what_would_do() {
    refuses(
        b"{}\n{\"text\":\"secret\"}\n{\"prompt\":\"q\"}\n",
        expect![[r#"
            d.jsonl, line 1: found no field; expected messages, or prompt and completion, or conversations, or instruction and output, or question and answer, or prompt, chosen and rejected, or input, preferred_output and non_preferred_output
            d.jsonl, line 2: found text; expected messages, or prompt and completion, or conversations, or instruction and output, or question and answer, or prompt, chosen and rejected, or input, preferred_output and non_preferred_output
            d.jsonl, line 3: found prompt; expected messages, or prompt and completion, or conversations, or instruction and output, or question and answer, or prompt, chosen and rejected, or input, preferred_output and non_preferred_output"#]],
    );
}

#[test]
fn a_fault_in_a_conversation_is_named_with_its_field() {
    for (messages, expected) in [
        ("7", expect!["d.jsonl, line 1, column messages: must be an array, found a number"]),
        ("[]", expect!["d.jsonl, line 1, column messages: must hold at least one message"]),
        (
            "[\"secret\"]",
            expect!["d.jsonl, line 1, column messages[0]: must be an object, found a string"],
        ),
        (
            r#"[{"content":"secret"}]"#,
            expect!["d.jsonl, line 1, column messages[0].role: is missing"],
        ),
        (
            r#"[{"role":7}]"#,
            expect!["d.jsonl, line 1, column messages[0].role: must be a string, found a number"],
        ),
        (
            r#"[{"role":"boss","content":"q"},{"role":"assistant","content":"a"}]"#,
            expect![
                "d.jsonl, line 1, column messages[0].role: must be one of system, developer, user, assistant, tool"
            ],
        ),
        (
            r#"[{"role":"user","content":"q"}]"#,
            expect![
                "d.jsonl, line 1, column messages[0].role: the last message must be the assistant's answer"
            ],
        ),
        (
            r#"[{"role":"assistant","content":"a"}]"#,
            expect!["d.jsonl, line 1, column messages: there is no question before the answer"],
        ),
        (
            r#"[{"role":"user","content":7},{"role":"assistant","content":"a"}]"#,
            expect![
                "d.jsonl, line 1, column messages[0].content: must be a string or an array of parts, found a number"
            ],
        ),
        (
            r#"[{"role":"user","content":" "},{"role":"assistant","content":"a"}]"#,
            expect!["d.jsonl, line 1, column messages[0].content: is empty"],
        ),
        (
            r#"[{"role":"user","content":"q"},{"role":"assistant","content":null}]"#,
            expect![
                "d.jsonl, line 1, column messages[1].content: is empty; there is nothing to learn"
            ],
        ),
        (
            r#"[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0.5}]"#,
            expect!["d.jsonl, line 1, column messages[1].weight: must be 0 or 1"],
        ),
        (
            r#"[{"role":"user","content":"q"},{"role":"assistant","content":"a","tool_calls":7}]"#,
            expect![
                "d.jsonl, line 1, column messages[1]: is not a message: look at the types of its fields, such as tool_calls"
            ],
        ),
    ] {
        refuses(format!("{{\"messages\":{messages}}}").as_bytes(), expected);
    }
}

#[test]
fn an_assistant_that_only_calls_tools_is_an_answer() {
    let call = r#"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#;
    let text = format!(
        r#"{{"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","tool_calls":[{call}]}}]}}"#
    );
    assert_eq!(read(&text).examples[0].messages[1].tool_calls.len(), 1);
}

#[test]
fn a_fault_in_a_preference_is_named_with_its_field() {
    refuses(
        br#"{"preferred_output":[],"non_preferred_output":[]}"#,
        expect!["d.jsonl, line 1, column input: is missing"],
    );
    refuses(
        PREFERENCE.replace(r#"[{"role":"assistant","content":"bad"}]"#, "[]").as_bytes(),
        expect!["d.jsonl, line 1, column non_preferred_output: must hold at least one message"],
    );
    refuses(
        PREFERENCE.replace(r#""role":"assistant","content":"good""#, r#""role":"user""#).as_bytes(),
        expect!["d.jsonl, line 1, column preferred_output[0].role: must be assistant"],
    );
}

#[test]
fn a_fault_in_a_prompt_or_completion_is_named_with_its_field() {
    refuses(
        b"{\"prompt\":\"\",\"completion\":\"a\"}\n{\"prompt\":\"q\",\"completion\":\" \"}\n\
          {\"prompt\":7,\"completion\":\"a\"}\n{\"prompt\":\"q\",\"completion\":7}\n\
          {\"prompt\":\"q\",\"completion\":\"a\",\"label\":\"secret\"}\n",
        expect![[r#"
            d.jsonl, line 1, column prompt: is empty
            d.jsonl, line 2, column completion: is empty
            d.jsonl, line 3, column prompt: must be an array, found a number
            d.jsonl, line 4, column completion: must be an array, found a number
            d.jsonl, line 5, column label: must be positive or negative, true or false, 1 or 0, or be left out"#]],
    );
}

#[test]
fn an_empty_file_and_bytes_that_are_no_text_are_refused() {
    refuses(b"\n \n", expect!["d.jsonl: the file is empty"]);
    refuses(
        b"{}\n{\"a\":\"\xff\"}",
        expect![[r#"
            d.jsonl, line 1: found no field; expected messages, or prompt and completion, or conversations, or instruction and output, or question and answer, or prompt, chosen and rejected, or input, preferred_output and non_preferred_output
            d.jsonl, line 2: byte 7 of the line (0xff) is not UTF-8; save the file in UTF-8"#]],
    );
    refuses(
        b"PAR1\x15\x04",
        expect!["d.jsonl: this is a Parquet file, not JSON Lines; export it as CSV or JSONL"],
    );
}

fn written(write: impl Fn(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn mixed() -> Dataset {
    let negative = r#"{"prompt":"only bad","completion":"no","label":false}"#;
    read(&[CHAT, PREFERENCE, negative].join("\n"))
}

#[test]
fn the_exports_have_the_shapes_that_trainers_take() {
    let set: TrainingSet = mixed().curate();
    assert_eq!(written(|out| set.write_supervised_jsonl(out)).trim_end(), CHAT);
    assert_eq!(written(|out| set.write_preferences_jsonl(out)).trim_end(), PREFERENCE);
    expect![[r#"{"prompt":[{"role":"user","content":"only bad"}],"completion":[{"role":"assistant","content":"no"}],"label":false}"#]].assert_eq(written(|out| set.write_unpaired_jsonl(out)).trim_end());
}

/// Without the lines, which differ by design.
fn content(mut set: Dataset) -> Dataset {
    set.examples.iter_mut().for_each(|example| example.origin = Origin::default());
    set.preferences.iter_mut().for_each(|pair| pair.origin = Origin::default());
    set
}

#[test]
fn what_is_written_reads_back_the_same() {
    let set = mixed();
    let text = written(|out| set.write_jsonl(out));
    assert_eq!(content(read(&text)), content(set));
}

proptest! {
    #[test]
    fn any_text_survives_a_round_trip(
        texts in prop::collection::vec(("(?s).{0,30}x", "(?s).{0,30}x", any::<bool>()), 1..6),
    ) {
        let examples = texts.iter().map(|(prompt, completion, good)| {
            let label = if *good { Label::Positive } else { Label::Negative };
            Example::pair(prompt, completion).with_label(label)
        });
        let set = Dataset::new(examples.collect());
        let text = written(|out| set.write_jsonl(out));
        prop_assert_eq!(content(read(&text)), set);
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in r#"[{}\[\]":,\\a0-9\n ]{0,120}"#,
        label in "\\PC{0,8}",
    ) {
        let _ = parse(&bytes, None, Label::Positive);
        let _ = parse(text.as_bytes(), None, Label::Positive);
        let _ = parse(CHAT.replace("system", &label).as_bytes(), None, Label::Positive);
        let _ = parse(CHAT.replace("\"s\"", &text).as_bytes(), None, Label::Positive);
    }
}
