use proptest::prelude::*;

use super::*;

#[track_caller]
fn finds(text: &str, expected: &[&str]) {
    let found: Vec<_> = find(text).into_iter().map(|found| &text[found.range]).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn tokens_of_each_family_are_found() {
    for (text, family) in [
        ("<|endoftext|>", Family::OpenAi),
        ("<|im_start|>", Family::OpenAi),
        ("<|fim_prefix|>", Family::OpenAi),
        ("<|channel|>", Family::Harmony),
        ("<|reserved_200013|>", Family::Harmony),
        ("[INST]", Family::Llama2),
        ("<</SYS>>", Family::Llama2),
        ("<|eot_id|>", Family::Llama3),
        ("<|reserved_special_token_12|>", Family::Llama3),
        ("<|header_start|>", Family::Llama4),
        ("[TOOL_CALLS]", Family::Mistral),
        ("<|im_end|>", Family::Qwen),
        ("<|vision_start|>", Family::Qwen),
        ("<|assistant|>", Family::Phi),
        ("<|placeholder3|>", Family::Phi),
        ("<start_of_turn>", Family::Gemma),
        ("<｜User｜>", Family::DeepSeek),
        ("<｜end▁of▁sentence｜>", Family::DeepSeek),
        ("[gMASK]", Family::Glm),
        ("<|im_middle|>", Family::Kimi),
        ("<|CHATBOT_TOKEN|>", Family::Cohere),
        ("<|start_of_role|>", Family::Granite),
    ] {
        for (before, after) in [("", ""), ("a", "b"), ("<", ">"), ("湖", "。"), ("<|", "|>")] {
            let whole = format!("{before}{text}{after}");
            let found = find(&whole);
            assert_eq!(found.len(), 1, "{whole}: {found:?}");
            assert_eq!(&whole[found[0].range.clone()], text);
            assert!(found[0].families.contains(&family), "{text}: {found:?}");
        }
    }
}

#[test]
fn each_token_of_the_table_is_found_as_itself() {
    let barred = BARRED.iter().map(|token| (token, token.text.replace('#', "7") + ">"));
    for (token, text) in barred.chain(PLAIN.iter().map(|token| (token, token.text.to_owned()))) {
        let (length, found) = token_at(&text).unwrap();
        assert_eq!((length, found.unwrap().text), (text.len(), token.text));
        assert!(!token.families.is_empty());
    }
}

#[test]
fn what_looks_like_a_token_is_found_of_no_family() {
    for text in ["<|next_models_token|>", "<|tool-9|>", "<｜新｜>", "<|reserved_special_token_|>"]
    {
        let found = find(text);
        assert_eq!((found.len(), found[0].families), (1, &[][..]), "{text}");
    }
}

#[test]
fn ordinary_text_has_none() {
    for text in [
        "",
        "a < b && c > d, [x], [1, 2], <p>text</p>",
        "It was <s>10</s> 8 euros.",
        "<s>one</s> and <s>two</s>, <s class=\"old\">three</s>",
        "<p><s><b>nested</b></s></p> <S>x</S>",
        "<strong>s</strong><span></span>",
        "a <|> b, a <|| b ||> c, <| | |>, (<|>) :: f a -> f a",
        "x <| f |> g",
        "[IMG]https://example.org/a.png[/IMG], [PREFIX] and [SUFFIX]",
        "<think>Let me see.</think> <tool_call>{}</tool_call>",
        "<pad> <mask> <unk> <bos>",
        "[inst] [INSTALL] [ INST ]",
        "<start_of_turn_2> <<SYSTEM>>",
        "<|a very long name that no token of any model has ever had, because it is a sentence|>",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn what_is_ordinary_alone_is_found_beside_what_is_not() {
    finds("<s>[INST] Hi [/INST] Hello</s>", &["<s>", "[INST]", "[/INST]", "</s>"]);
    finds("[TOOL_CALLS][ARGS]", &["[TOOL_CALLS]", "[ARGS]"]);
    finds("<bos><start_of_turn>user", &["<bos>", "<start_of_turn>"]);
    finds("It was <s>10</s> 8.<|eot_id|>", &["<|eot_id|>"]);
}

#[test]
fn marks_of_a_sequence_are_found_where_they_are_no_pair() {
    finds("The answer.</s>", &["</s>"]);
    finds("<s>The answer.", &["<s>"]);
    finds("It was <s>10</s> 8.</s>", &["</s>"]);
    finds("<s>It was <s>10</s> 8.", &["<s>"]);
    finds("</s><s>", &["</s>", "<s>"]);
    finds("<s id=\"a\">10</s> 8</s>", &["</s>"]);
}

proptest! {
    #[test]
    fn tokens_lie_on_characters_in_order(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<", "|", ">", "<|", "|>", "<｜", "｜>", "im_end", "7", "_", "<s>", "</s>", "[INST]",
                "[", "]", "é", "湖", " ", "<s ", "<|im_end|>", "<｜User｜>",
            ]),
            0..20,
        ),
    ) {
        let text = parts.concat();
        let mut end = 0;
        for found in find(&text) {
            prop_assert!(found.range.start >= end && found.range.end > found.range.start);
            prop_assert!(text.get(found.range.clone()).is_some());
            end = found.range.end;
        }
    }
}
