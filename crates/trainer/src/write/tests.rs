use expect_test::{Expect, expect};

use super::*;
use crate::{Dataset, Preference};

/// The line that comes of a JSON line, or what keeps it from being written.
fn line(format: Format, kind: Kind, text: &str) -> String {
    let set = Dataset::from_jsonl_text(text).unwrap();
    let record = match (&set.examples[..], &set.preferences[..]) {
        ([example], []) => Record::Example(example.clone()),
        ([], [pair]) => Record::Preference(Box::new(pair.clone())),
        _ => panic!("one record"),
    };
    let mut out = Vec::new();
    match format.write(kind, &record, &mut out) {
        Ok(()) => String::from_utf8(out).unwrap().trim_end().to_owned(),
        Err(fault) => {
            assert!(out.is_empty());
            fault.to_string()
        }
    }
}

#[track_caller]
fn check(kind: Kind, text: &str, expected: Expect) {
    let lines: Vec<String> = Format::ALL
        .into_iter()
        .filter(|format| *format != Format::LlamaFactory)
        .map(|format| format!("{format}: {}", line(format, kind, text)))
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

const CHAT: &str = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]}"#;
const CALL: &str = r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"7"},{"role":"assistant","content":"a"}],"tools":[{"function":{"name":"f"},"type":"function"}]}"#;
const PAIR: &str = r#"{"prompt":"q","chosen":"good","rejected":"bad"}"#;

#[test]
fn a_conversation_has_the_shape_of_each_format() {
    check(
        Kind::Supervised,
        CHAT,
        expect![[r#"
        openai: {"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]}
        trl: {"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a","weight":0}]}
        sharegpt: {"conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a","weight":0}]}
        axolotl: {"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]}"#]],
    );
    check(
        Kind::Supervised,
        CALL,
        expect![[r#"
            openai: {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"7","tool_call_id":"c"},{"role":"assistant","content":"a"}],"tools":[{"function":{"name":"f"},"type":"function"}]}
            trl: {"prompt":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"7","tool_call_id":"c"}],"completion":[{"role":"assistant","content":"a"}],"tools":[{"function":{"name":"f"},"type":"function"}]}
            sharegpt: {"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},{"from":"observation","value":"7"},{"from":"gpt","value":"a"}],"tools":"[{\"name\":\"f\"}]"}
            axolotl: {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"7","tool_call_id":"c"},{"role":"assistant","content":"a"}],"tools":[{"function":{"name":"f"},"type":"function"}]}"#]],
    );
}

#[test]
fn a_preference_has_the_shape_of_each_format() {
    check(
        Kind::Preference,
        PAIR,
        expect![[r#"
            openai: {"input":{"messages":[{"role":"user","content":"q"}]},"preferred_output":[{"role":"assistant","content":"good"}],"non_preferred_output":[{"role":"assistant","content":"bad"}]}
            trl: {"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"good"}],"rejected":[{"role":"assistant","content":"bad"}]}
            sharegpt: {"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"good"},"rejected":{"from":"gpt","value":"bad"}}
            axolotl: {"messages":[{"role":"user","content":"q"}],"chosen":{"role":"assistant","content":"good"},"rejected":{"role":"assistant","content":"bad"}}"#]],
    );
}

#[test]
fn an_unpaired_answer_says_whether_it_is_good() {
    let text = r#"{"prompt":"q","completion":"a","label":false}"#;
    expect![[r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}],"label":false}"#]].assert_eq(&line(Format::Trl, Kind::Unpaired, text));
    expect![[r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"kto_tag":false}"#]].assert_eq(&line(Format::LlamaFactory, Kind::Unpaired, text));
}

#[test]
fn a_pair_is_written_as_the_conversation_that_it_is() {
    let texts = [None, Some("say \"s\"\n")];
    for (format, system, kind) in Format::ALL.into_iter().flat_map(|format| {
        let kinds =
            [Kind::Supervised, Kind::Unpaired].into_iter().filter(move |k| format.offers(*k));
        kinds.flat_map(move |kind| texts.map(|system| (format, system, kind)))
    }) {
        let mut pair = Pair::new("q \\ 1".into(), "a\u{1}é".into());
        pair.system = system.map(Into::into);
        pair.prompt[0] = Some("before".into());
        let mut quick = Vec::new();
        format.write(kind, &Record::Pair(pair), &mut quick).unwrap();
        let mut slow = Vec::new();
        format.write(kind, &Record::Example(pair.to_example()), &mut slow).unwrap();
        assert_eq!(String::from_utf8(quick).unwrap(), String::from_utf8(slow).unwrap());
    }
}

#[test]
fn what_a_kind_cannot_hold_is_refused_with_the_way_out() {
    let bad = r#"{"prompt":"q","completion":"a","label":false}"#;
    expect!["is an answer to avoid, which must not be learned; make a set of preferences, if there is a good answer to the same prompt, or an unpaired one"].assert_eq(&line(Format::OpenAi, Kind::Supervised, bad));
    expect!["is a better and a worse answer, which only a set of preferences holds"]
        .assert_eq(&line(Format::OpenAi, Kind::Supervised, PAIR));
    expect!["is one answer, and a preference needs a better and a worse one"].assert_eq(&line(
        Format::Trl,
        Kind::Preference,
        bad,
    ));
}

#[test]
fn what_sharegpt_has_no_form_for_is_refused_by_its_field() {
    let image = r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},{"role":"assistant","content":"a"}]}"#;
    expect!["messages[0].content: has parts other than text, for which ShareGPT has no form"]
        .assert_eq(&line(Format::ShareGpt, Kind::Supervised, image));
    let both = CALL.replace("null", "\"one moment\"");
    expect!["messages[1].content: stands beside calls of tools, for which ShareGPT has no form"]
        .assert_eq(&line(Format::ShareGpt, Kind::Supervised, &both));
}

#[test]
fn tools_that_are_no_array_have_no_form_in_sharegpt() {
    for tools in ["\"[]x\"", "7", "{}"] {
        let text = format!(r#"{{"prompt":"q","completion":"a","tools":{tools}}}"#);
        assert_eq!(
            line(Format::ShareGpt, Kind::Supervised, &text),
            "tools: must be an array, or one as JSON in a string"
        );
    }
}

#[test]
fn a_refusal_has_no_form_in_sharegpt() {
    let text =
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","refusal":"no"}]}"#;
    expect!["messages[1].content: is empty, for which ShareGPT has no form"].assert_eq(&line(
        Format::ShareGpt,
        Kind::Supervised,
        text,
    ));
    assert!(line(Format::Trl, Kind::Supervised, text).contains("\"refusal\":\"no\""));
}

#[test]
fn a_field_that_would_be_taken_for_another_is_left_out() {
    let text = r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"system":"s"}"#;
    expect![[r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}"#]]
        .assert_eq(&line(Format::ShareGpt, Kind::Supervised, text));
    assert!(line(Format::OpenAi, Kind::Supervised, text).contains("\"system\":\"s\""));
}

#[test]
fn what_is_written_reads_back_the_same() {
    for format in Format::ALL {
        for text in [CHAT, CALL, r#"{"prompt":"q","completion":"a"}"#] {
            let first = line(format, Kind::Supervised, text);
            assert_eq!(line(format, Kind::Supervised, &first), first, "{format}");
        }
        let first = line(format, Kind::Preference, PAIR);
        assert_eq!(line(format, Kind::Preference, &first), first, "{format}");
    }
}

#[test]
fn programs_are_told_how_to_find_a_file() {
    let columns = json!({ "messages": "conversations", "tools": "tools", "kto_tag": "kto_tag" });
    let entry = Format::LlamaFactory.entry(Kind::Unpaired, "d.jsonl", true);
    let expected = json!({ "file_name": "d.jsonl", "formatting": "sharegpt", "columns": columns });
    assert_eq!(entry, Some(expected));
    let entry = Format::LlamaFactory.entry(Kind::Supervised, "d.jsonl", false).unwrap();
    assert_eq!(entry["columns"], json!({ "messages": "conversations" }));
    let entry = Format::Axolotl.entry(Kind::Preference, "d.jsonl", true);
    let expected = json!({
        "path": "d.jsonl",
        "ds_type": "json",
        "split": "train",
        "type": "chat_template.default",
        "field_messages": "messages",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
    });
    assert_eq!(entry, Some(expected));
    assert_eq!(Format::Trl.entry(Kind::Supervised, "d.jsonl", false), None);
}

#[test]
fn formats_are_found_by_name() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert_eq!("tsv".parse::<Format>(), Err(UnknownFormat));
    let pair = Preference::new(
        Vec::new(),
        openai_api::Message::assistant("a"),
        openai_api::Message::assistant("b"),
    );
    assert!(
        Format::OpenAi
            .write(Kind::Supervised, &Record::Preference(Box::new(pair)), &mut Vec::new())
            .is_err()
    );
}
