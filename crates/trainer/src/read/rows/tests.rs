use std::path::Path;

use expect_test::{Expect, expect};
use openai_api::Role;
use proptest::prelude::*;

use crate::{Dataset, Error, Example, FileType, Label, Origin, Reader, Result};

fn parse(bytes: &[u8], file: Option<&Path>, label: Label) -> Result<Dataset> {
    let reader = Reader::text(bytes, FileType::Csv).with_label(label);
    match file {
        Some(file) => Dataset::from_reader(&reader.named(file)),
        None => Dataset::from_reader(&reader),
    }
}

fn read(text: &str) -> Dataset {
    Dataset::from_csv_text(text, Label::Positive).unwrap()
}

fn messages(example: &Example) -> Vec<(&str, String)> {
    example.messages.iter().map(|message| (message.role.as_str(), message.text())).collect()
}

fn listed(result: Result<Dataset>) -> String {
    match result {
        Ok(set) => format!("{} examples", set.len()),
        Err(Error::InvalidData(problems)) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(other) => other.to_string(),
    }
}

#[track_caller]
fn refuses(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&listed(parse(bytes, Some(Path::new("d.csv")), Label::Positive)));
}

#[test]
fn every_set_of_headings_is_known_in_any_case_and_order() {
    for (text, expected) in [
        ("prompt,completion\nq,a\n", "q"),
        (" Completion , PROMPT \na,q\n", "q"),
        ("\u{feff}Question,Answer\nq,a\n", "q"),
        ("question,answer,context\nq,a,c\n", "c\n\nq"),
        ("question,answer,context\nq,a,\n", "q"),
        ("instruction,input,output\nq,i,a\n", "q\n\ni"),
        ("instruction,input,output\nq,,a\n", "q"),
        ("instruction,output\nq,a\n", "q"),
        ("input,output\nq,a\n", "q"),
        ("instruction,response\nq,a\n", "q"),
        ("id,prompt,completion,note\n7,q,a,\n", "q"),
        ("prompt;completion\nq;a\n", "q"),
        ("prompt\tcompletion\nq\ta\n", "q"),
    ] {
        let set = read(text);
        let expected = [("user", expected.to_owned()), ("assistant", "a".to_owned())];
        assert_eq!(messages(&set.examples[0]), expected, "{text}");
    }
}

#[test]
fn a_system_cell_begins_the_conversation_unless_it_is_empty() {
    let set = read("prompt,completion,system\nq,a,Be brief.\nq,a,\n");
    assert_eq!(set.examples[0].messages[0].role, Role::System);
    assert_eq!(set.examples[0].messages[0].text(), "Be brief.");
    assert_eq!(set.examples[1].messages.len(), 2);
}

#[test]
fn a_label_cell_goes_before_the_label_of_the_call() {
    let words = ["positive", "Negative", "TRUE", "false", "1", "0", ""];
    let rows = words.map(|word| format!("q,a,{word}\n")).concat();
    let set = Dataset::from_csv_text(&format!("prompt,completion,label\n{rows}"), Label::Negative);
    let labels: Vec<_> = set.unwrap().examples.iter().map(|example| example.label).collect();
    use Label::{Negative, Positive};
    assert_eq!(labels, [Positive, Negative, Positive, Negative, Positive, Negative, Negative]);
}

#[test]
fn a_messages_cell_holds_a_whole_conversation() {
    let set = read(
        "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"},\
         {\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"a\"\",\"\"weight\"\":1}]\"\n",
    );
    assert_eq!(messages(&set.examples[0]), [("user", "q".into()), ("assistant", "a".into())]);
    assert_eq!(set.examples[0].messages[1].extra["weight"], 1);
}

#[test]
fn quotes_commas_line_breaks_and_cyrillic_are_taken_as_they_are() {
    let set = read("prompt,completion\r\n\"Что, \"\"это\"\"?\r\nГде?\",  Озеро \r\n");
    assert_eq!(set.examples[0].messages[0].text(), "Что, \"это\"?\r\nГде?");
    assert_eq!(set.examples[0].messages[1].text(), "  Озеро ");
}

#[test]
fn every_example_knows_the_line_it_starts_on() {
    let set = read("\n\nprompt,completion\n\"a\nb\",c\n\n\r\nd,e\r\n\"f\",\"g\n\"\nh,i");
    let lines: Vec<_> = set.examples.iter().map(|example| example.origin.line).collect();
    assert_eq!(lines, [4, 8, 9, 11]);
}

#[test]
fn rows_without_any_text_are_left_out() {
    assert_eq!(read("prompt,completion\nq,a\n,\n , \n\n").len(), 1);
}

#[test]
fn a_missing_column_is_named_with_what_was_found_and_what_would_do() {
    refuses(
        b"Prompt,Reply\nsecret,word\n",
        expect![
            "d.csv, line 1: there is no column completion beside prompt; found prompt, reply; expected prompt and completion, or question and answer, or instruction and output, or instruction and response, or input and output, or prompt and chosen and rejected, or text and label, or messages"
        ],
    );
    refuses(
        b"name,age\nx,1\n",
        expect![
            "d.csv, line 1: the first line holds no known headings; found name, age; expected prompt and completion, or question and answer, or instruction and output, or instruction and response, or input and output, or prompt and chosen and rejected, or text and label, or messages"
        ],
    );
    refuses(
        b"What is a \"very\" private question?,Its answer!\nq,a\n",
        expect![
            "d.csv, line 1: the first line holds no known headings; found (text), (text); expected prompt and completion, or question and answer, or instruction and output, or instruction and response, or input and output, or prompt and chosen and rejected, or text and label, or messages"
        ],
    );
    refuses(
        b"prompt,completion,Prompt\nq,a,q\n",
        expect!["d.csv, line 1: the heading prompt is there twice; rename one of the two columns"],
    );
}

#[test]
fn an_unclosed_quote_is_named_with_the_line_it_opens_on() {
    refuses(
        b"prompt,completion\nq,a\nq,\"secret\nq,a\n",
        expect![
            "d.csv, line 3: a quote opens here and is never closed; close it, or double it if it is meant as text"
        ],
    );
    refuses(
        b"prompt,completion\nq,\"secret\nq,\"a\"\n",
        expect![
            "d.csv, line 2: a quote opens here, closes on line 3, and text follows it; close it where the cell ends, and double each quote within the cell"
        ],
    );
    refuses(
        b"prompt,completion\nq,\"a \"secret\" word\"\n",
        expect![
            "d.csv, line 2: a quote opens here, closes on line 2, and text follows it; close it where the cell ends, and double each quote within the cell"
        ],
    );
}

#[test]
fn an_open_quote_in_the_headings_is_told_as_one() {
    refuses(
        b"\"prompt,completion\nq,a\n",
        expect![
            "d.csv, line 1: a quote opens here and is never closed; close it, or double it if it is meant as text"
        ],
    );
    refuses(
        b"prompt,\"completion\"x\nq,a\n",
        expect![
            "d.csv, line 1: a quote opens here, closes on line 1, and text follows it; close it where the cell ends, and double each quote within the cell"
        ],
    );
    refuses(
        b"\"name\";\"age\"\nq;a\n",
        expect![
            "d.csv, line 1: the first line holds no known headings; found name, age; expected prompt and completion, or question and answer, or instruction and output, or instruction and response, or input and output, or prompt and chosen and rejected, or text and label, or messages"
        ],
    );
}

#[test]
fn a_row_of_another_length_is_named_with_both_lengths() {
    refuses(
        b"prompt,completion\nq,a,secret\nq\nq,a\n",
        expect![[r#"
            d.csv, line 2: expected 2 fields, as in the heading, found 3; put a cell that holds a delimiter in quotes
            d.csv, line 3: expected 2 fields, as in the heading, found 1; add what is missing, or put a cell with a line break in quotes"#]],
    );
}

#[test]
fn an_empty_file_and_a_lone_heading_are_refused() {
    refuses(b"", expect!["d.csv: the file is empty"]);
    refuses(b"\xef\xbb\xbf \r\n", expect!["d.csv: the file is empty"]);
    refuses(
        b"prompt,completion\n",
        expect![
            "d.csv, line 1: there is a heading and no row below it; add a row for each example"
        ],
    );
    refuses(
        b"prompt,completion\n,\n",
        expect![
            "d.csv, line 1: there is a heading and no row below it; add a row for each example"
        ],
    );
}

#[test]
fn an_empty_cell_is_named_with_line_and_column() {
    refuses(
        b"Question,Answer\nq, \n,a\n",
        expect![[r#"
        d.csv, line 2, column answer: the cell is empty; fill it or take the row out
        d.csv, line 3, column question: the cell is empty; fill it or take the row out"#]],
    );
}

#[test]
fn a_label_that_is_none_is_named_with_line_and_column() {
    refuses(
        b"prompt,completion,label\nq,a,secret\n",
        expect![
            "d.csv, line 2, column label: must be positive or negative, true or false, 1 or 0, or be left out"
        ],
    );
}

#[test]
fn a_messages_cell_with_a_fault_is_named_with_its_field() {
    refuses(
        b"messages\n[{]\nsecret\n{}\n[]\n[1]\n",
        expect![[r#"
        d.csv, line 2, column messages: invalid JSON at character 3: key must be a string
        d.csv, line 3, column messages: invalid JSON at character 1: expected value
        d.csv, line 4, column messages: messages: must be an array, found an object
        d.csv, line 5, column messages: messages: must hold at least one message
        d.csv, line 6, column messages: messages[0]: must be an object, found a number"#]],
    );
    refuses(
        b"messages\n\"[{\"\"role\"\":\"\"boss\"\",\"\"content\"\":\"\"secret\"\"},\
          {\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"a\"\"}]\"\n",
        expect![
            "d.csv, line 2, column messages: messages[0].role: must be one of system, developer, user, assistant, tool"
        ],
    );
}

#[test]
fn text_that_is_not_utf_8_is_named_with_line_and_byte() {
    refuses(
        b"prompt,completion\nq,a\nq,\xcf\xf0\xe8\n",
        expect!["d.csv, line 3: byte 3 of the line (0xcf) is not UTF-8; save the file in UTF-8"],
    );
}

#[test]
fn a_file_that_is_not_csv_is_refused_by_what_it_is() {
    refuses(
        b"PK\x03\x04\x14\0\x06",
        expect![
            "d.csv: this is a ZIP archive or an Excel workbook, not CSV; export it as CSV in UTF-8"
        ],
    );
    refuses(
        b"prompt,completion\n\0\x01,x\n",
        expect![
            "d.csv, line 2: this is not CSV: byte 1 of the line is a NUL; save the data as text in UTF-8"
        ],
    );
}

#[test]
fn no_more_than_twenty_faults_are_listed() {
    let text = format!("prompt,completion\n{}", "q,\n".repeat(50));
    let Err(Error::InvalidData(problems)) = Dataset::from_csv_text(&text, Label::Positive) else {
        panic!("the cells are empty");
    };
    assert_eq!(problems.len(), 20);
}

#[test]
fn a_folder_is_read_file_by_file_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("b.csv", "prompt,completion\nq2,a\n");
    write("a.CSV", "question,answer\nq1,a\n");
    write("notes.txt", "not CSV");
    let set = Dataset::from_csv_dir(folder.path(), Label::Negative).unwrap();
    let prompts: Vec<_> = set.examples.iter().map(|e| e.messages[0].text()).collect();
    assert_eq!(prompts, ["q1", "q2"]);
    assert_eq!(set.examples[1].origin, Origin::file_line(folder.path().join("b.csv"), 2));
    assert_eq!(set.examples[1].label, Label::Negative);
}

#[test]
fn a_folder_with_no_csv_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = Dataset::from_csv_dir(folder.path(), Label::Positive).unwrap_err().to_string();
    let name = folder.path().display();
    assert_eq!(
        error,
        format!("{name}: there is no CSV file in this folder; add one, or name another folder")
    );
}

#[test]
fn the_faults_of_all_files_of_a_folder_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "").unwrap();
    std::fs::write(folder.path().join("b.csv"), "prompt,completion\nq,\n").unwrap();
    let listed = listed(Dataset::from_csv_dir(folder.path(), Label::Positive));
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].ends_with("a.csv: the file is empty"), "{listed}");
    assert!(lines[1].contains("b.csv, line 2, column completion"), "{listed}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_of_input_and_output() {
    let error = Dataset::from_csv_file("no/such.csv", Label::Positive).unwrap_err();
    assert_eq!(error.to_string(), "could not read no/such.csv");
    assert!(std::error::Error::source(&error).is_some());
}

proptest! {
    #[test]
    fn any_table_of_cells_reads_back_the_same(
        rows in prop::collection::vec(("(?s).{0,20}x", "y(?s).{0,20}"), 1..8),
        always in any::<bool>(),
    ) {
        // A NUL is taken for a binary file.
        let rows: Vec<_> =
            rows.iter().map(|(p, c)| (p.replace('\0', ""), c.replace('\0', ""))).collect();
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        writer.write_record(["prompt", "completion"]).unwrap();
        for (prompt, completion) in &rows {
            writer.write_record([prompt, completion]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let set = parse(&bytes, None, Label::Positive).unwrap();
        let found: Vec<_> =
            set.examples.iter().map(|e| (e.messages[0].text(), e.messages[1].text())).collect();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn the_line_of_an_example_is_where_its_text_stands(breaks in prop::collection::vec(0..4usize, 1..8)) {
        let mut text = String::from("prompt,completion\n");
        let mut expected = Vec::new();
        for count in &breaks {
            expected.push(text.matches('\n').count() as u64 + 1);
            text += &format!("\"q{}\",a\n", "\n".repeat(*count));
        }
        let lines: Vec<_> = read(&text).examples.iter().map(|e| e.origin.line).collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(
        head in prop::sample::select(vec!["", "prompt,completion\n", "messages\n", "prompt;completion\n"]),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\",\n\r;[]{}".to_vec())], 0..200),
    ) {
        let _ = parse(&[head.as_bytes(), &bytes].concat(), None, Label::Positive);
    }
}
