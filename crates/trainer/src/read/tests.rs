use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use expect_test::{Expect, expect};

use crate::{Dataset, Error, FileType, Label, Reader, Record};

/// What a reader finds, in a line each: the line it is on, and the first letters or the fault.
fn listed(reader: &Reader<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let each = |place: super::Place<'_>, record: Result<Record<'_>, crate::Problem>| {
        found.push(match record {
            Ok(Record::Pair(pair)) => format!("{} {}", place.line(), pair.completion.decode()),
            Ok(Record::Example(example)) => {
                format!("{} {}", example.origin.line, example.answer().unwrap().text())
            }
            Ok(Record::Preference(pair)) => format!("{} {}", place.line(), pair.preferred.text()),
            Err(problem) => problem.to_string(),
        });
        ControlFlow::Continue(())
    };
    reader.for_each(each).unwrap();
    found
}

#[track_caller]
fn check(text: &str, kind: FileType, expected: Expect) {
    expected.assert_eq(&listed(&Reader::text(text, kind)).join("\n"));
}

/// More rows than a block holds, with quotes and line breaks.
fn many_rows() -> String {
    let mut text = "prompt,completion\n".to_owned();
    for row in 0..12_000 {
        let filler = "слово \"\"and\"\" word, and more than one word of it, for a longer row\n"
            .repeat(row % 7);
        write!(text, "\"{filler}q\",a{row}\r\n").unwrap();
    }
    text
}

#[test]
fn the_lines_of_records_go_on_from_block_to_block() {
    let text = many_rows();
    assert!(text.len() > 3 * (512 << 10));
    let mut expected = Vec::new();
    let mut line = 2;
    for row in 0..12_000 {
        expected.push(format!("{line} a{row}"));
        line += 1 + row % 7;
    }
    assert_eq!(listed(&Reader::text(&text, FileType::Csv)), expected);
}

#[test]
fn many_threads_find_what_one_finds() {
    let text = many_rows();
    let reader = Reader::text(&text, FileType::Csv);
    for threads in [1, 2, 5] {
        let mut found = Vec::new();
        reader
            .map_batches(
                NonZeroUsize::new(threads).unwrap(),
                |batch| {
                    let mut found = Vec::new();
                    let _ = batch.for_each(&mut |place, record| {
                        if let Ok(Record::Pair(pair)) = record {
                            found.push(format!("{} {}", place.line(), pair.completion.decode()));
                        }
                        ControlFlow::Continue(())
                    });
                    found
                },
                |batch| {
                    found.extend(batch);
                    Ok(ControlFlow::Continue(()))
                },
            )
            .unwrap();
        assert_eq!(found, listed(&reader), "{threads}");
    }
}

#[test]
fn what_stands_before_an_open_quote_is_read() {
    let text = many_rows() + "q,\"open\nand so on\n";
    let found = listed(&Reader::text(&text, FileType::Csv));
    assert_eq!(found.len(), 12_001);
    expect!["data, line 47997: a quote opens here and is never closed; close it, or double it if it is meant as text"].assert_eq(found.last().unwrap());
}

#[test]
fn bytes_that_are_no_text_are_found_in_any_block() {
    let mut bytes = many_rows().into_bytes();
    bytes.extend_from_slice(b"q,\xff\n");
    let found = listed(&Reader::text(&bytes, FileType::Csv));
    assert_eq!(found.len(), 12_001);
    expect!["data, line 47997: byte 3 of the line (0xff) is not UTF-8; save the file in UTF-8"]
        .assert_eq(found.last().unwrap());
}

#[test]
fn a_json_array_is_read_value_by_value() {
    let row = r#"  {"question": "q", "answer": "a"}"#;
    let rows = vec![row; 20_000].join(",\n");
    let found = listed(&Reader::text(&format!("[\n{rows}\n]\n"), FileType::Json));
    assert_eq!(found.len(), 20_000);
    assert_eq!((found[0].as_str(), found[19_999].as_str()), ("2 a", "20001 a"));
}

#[test]
fn a_json_file_may_hold_one_object_or_several() {
    let one = "{\n \"prompt\": \"q\",\n \"completion\": \"a\"\n}\n";
    check(one, FileType::Json, expect!["1 a"]);
    check(&format!("{one}\n{one}"), FileType::Json, expect!["1 a\n6 a"]);
    check(
        " [ ] ",
        FileType::Json,
        expect!["data: there is nothing in the array; add an object for each example"],
    );
    check(
        "[{\"prompt\":\"q\",\"completion\":\"a\"},\n]",
        FileType::Json,
        expect![[r#"
        1 a
        data, line 2: a value is missing here; take a comma out"#]],
    );
    check(
        "[\n{\"prompt\":\n\"q\" \"completion\":\"a\"}]",
        FileType::Json,
        expect![
            "data, line 2: invalid JSON at line 2 of the value, character 5: expected `,` or `}`"
        ],
    );
}

#[test]
fn every_shape_of_the_tools_is_known() {
    for (text, expected) in [
        (r#"{"question":"q","answer":"a","context":"c"}"#, "user: c\n\nq; assistant: a"),
        (r#"{"instruction":"q","input":"","output":"a"}"#, "user: q; assistant: a"),
        (
            r#"{"instruction":"q","input":"i","output":"a","system":"s","history":[["q0","a0"]]}"#,
            "system: s; user: q0; assistant: a0; user: q\n\ni; assistant: a",
        ),
        (r#"{"instruction":"q","response":"a"}"#, "user: q; assistant: a"),
        (r#"{"input":"q","output":"a"}"#, "user: q; assistant: a"),
        (
            r#"{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}"#,
            "system: s; user: q; assistant: a",
        ),
        (
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},{"from":"observation","value":"7"},{"from":"gpt","value":"a"}],"system":"s","tools":"[]"}"#,
            r#"system: s; user: q; assistant: call_1 f {"x":1}; tool: 7 (call_1); assistant: a"#,
        ),
        (r#"{"prompt":"q","chosen":"a","rejected":"b"}"#, "user: q; assistant: a / b"),
        (
            r#"{"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}"#,
            "user: q; assistant: a / b",
        ),
        (
            r#"{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}"#,
            "user: q; assistant: a / b",
        ),
        (
            r#"{"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}"#,
            "user: q; assistant: a / b",
        ),
        (
            r#"{"instruction":"q","input":"i","chosen":"a","rejected":"b"}"#,
            "user: q\n\ni; assistant: a / b",
        ),
    ] {
        let set = Dataset::from_jsonl_text(text).unwrap();
        let told = |message: &openai_api::Message| {
            let calls = message.tool_calls.iter();
            let calls: String = calls
                .map(|c| format!("{} {} {}", c.id, c.function.name, c.function.arguments))
                .collect();
            let of = message.tool_call_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
            format!("{}: {}{calls}{of}", message.role.as_str(), message.text())
        };
        let found = match (&set.examples[..], &set.preferences[..]) {
            ([example], []) => example.messages.iter().map(told).collect::<Vec<_>>().join("; "),
            ([], [pair]) => {
                let prompt: Vec<_> =
                    pair.prompt.iter().chain([&pair.preferred]).map(told).collect();
                format!("{} / {}", prompt.join("; "), pair.rejected.text())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_fault_in_a_shape_is_named_with_its_field() {
    for (text, expected) in [
        (r#"{"conversations":7}"#, expect!["data, line 1, column conversations: must be an array"]),
        (
            r#"{"conversations":[{"from":"boss","value":"secret"}]}"#,
            expect![
                "data, line 1, column conversations[0].from: must be one of human, gpt, system, function_call, observation"
            ],
        ),
        (
            r#"{"conversations":[{"from":"human","value":""}]}"#,
            expect!["data, line 1, column conversations[0].value: is empty"],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"q"}]}"#,
            expect![
                "data, line 1, column conversations[0].role: the last message must be the assistant's answer"
            ],
        ),
        (
            r#"{"conversations":[{"from":"function_call","value":"secret"}]}"#,
            expect![
                "data, line 1, column conversations[0].value: must be a JSON object of name and arguments, or an array of them"
            ],
        ),
        (
            r#"{"chosen":"secret","rejected":"b"}"#,
            expect![
                "data, line 1, column chosen: is a string, and there is no prompt; add the prompt"
            ],
        ),
        (r#"{"prompt":"q","chosen":"a"}"#, expect!["data, line 1, column rejected: is missing"]),
        (
            r#"{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"other"},{"role":"assistant","content":"b"}]}"#,
            expect![
                "data, line 1, column rejected: must begin with the same messages as chosen, and differ in the last alone"
            ],
        ),
        (
            r#"{"instruction":"q","output":"a","history":[["q"]]}"#,
            expect![
                "data, line 1, column history[0]: must be a question and an answer, both strings"
            ],
        ),
        (r#"{"question":" ","answer":"a"}"#, expect!["data, line 1, column question: is empty"]),
    ] {
        check(text, FileType::JsonLines, expected);
    }
}

#[test]
fn csv_holds_preferences_and_classes_too() {
    let set = Dataset::from_csv_text("prompt,chosen,rejected\nq,a,b\n", Label::Positive).unwrap();
    assert_eq!(set.preferences[0].rejected.text(), "b");
    check("text,label\nfine weather,good\n", FileType::Csv, expect!["2 good"]);
    let set = Dataset::from_csv_text("prompt,completion,kto_tag\nq,a,false\n", Label::Positive);
    assert_eq!(set.unwrap().examples[0].label, Label::Negative);
    check(
        "prompt,chosen,rejected\nq,,\n",
        FileType::Csv,
        expect![[r#"
        data, line 2, column chosen: the cell is empty; fill it or take the row out
        data, line 2, column rejected: the cell is empty; fill it or take the row out"#]],
    );
}

#[test]
fn a_csv_file_in_utf_16_is_read() {
    let text = "prompt;completion\r\nГде?;\"Озеро; Байкал\"\r\n";
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    assert_eq!(listed(&Reader::text(&bytes, FileType::Csv)), ["2 Озеро; Байкал"]);
}

#[test]
fn files_and_folders_are_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("b.csv", "prompt,completion\nq,1\n");
    write("a.jsonl", "{\"prompt\":\"q\",\"completion\":\"2\"}\n");
    write("c.json", "[{\"prompt\":\"q\",\"completion\":\"3\"}]");
    write("notes.txt", "not data");
    write("dataset_info.json", "{}");
    let alone = folder.path().join("b.csv");
    let reader = Reader::open(&[alone.as_path(), folder.path()]).unwrap();
    assert_eq!(listed(&reader), ["2 1", "1 2", "2 1", "1 3"]);
}

#[test]
fn a_file_with_a_fault_does_not_keep_the_next_from_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.csv", "");
    write("b.csv", "prompt,completion\nq,1\n");
    let found = listed(&Reader::open(&[folder.path()]).unwrap());
    assert!(found[0].ends_with("a.csv: the file is empty"), "{found:?}");
    assert_eq!(found[1..], ["2 1"]);
}

#[test]
fn what_cannot_be_opened_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.txt");
    std::fs::write(&path, "x").unwrap();
    let error = Reader::open(&[&path]).unwrap_err().to_string();
    assert!(error.ends_with("expected .csv, .tsv, .jsonl, .ndjson or .json"), "{error}");
    let error = Reader::open(&[folder.path()]).unwrap_err().to_string();
    assert!(error.contains("there is no file with an extension that is known"), "{error}");
    assert!(matches!(Reader::open(&["no/such.csv"]), Err(Error::Io { .. })));
}
