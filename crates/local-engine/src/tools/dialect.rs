//! How a model writes its calls, as its chat template shows it.
//!
//! Nobody says in which form a model calls tools but its template, which writes the calls of earlier
//! turns as the model would have written them. So a call is rendered, and what stands around it is
//! looked at. Hermes and Qwen put an object between `<tool_call>` and `</tool_call>`, Mistral a list
//! of objects after `[TOOL_CALLS]`, Llama 3 has the object alone.

use std::time::SystemTime;

use serde_json::{Map, Value as Json, json};

use crate::template::{Ask, ChatTemplate, Turn};

/// What a template makes of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether it tells the model which tools there are.
    pub(crate) tells_tools: bool,
    /// Whether it shows the calls of earlier turns.
    pub(crate) shows_calls: bool,
    /// The form of the calls, if it is one that can be read.
    pub(crate) dialect: Option<Dialect>,
}

/// A form of calls: an object of JSON with a name and arguments, and texts around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What stands before an object, a list's bracket included.
    pub(crate) before: String,
    /// What stands after it.
    pub(crate) after: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Manner {
    /// Finds out by rendering a short conversation.
    pub(crate) fn of(template: &ChatTemplate) -> Self {
        let tools = [json!({"type": "function", "function": {
            "name": NAME, "description": "", "parameters": {"type": "object", "properties": {}},
        }})];
        let render = |answer: Option<Turn>| {
            let mut turns = vec![turn("user", "?")];
            let answer_next = answer.is_none();
            turns.extend(answer);
            let (variables, now) = (Map::new(), SystemTime::UNIX_EPOCH);
            let ask = Ask { turns: &turns, tools: Some(&tools), answer_next, variables, now };
            // Whatever keeps it from being rendered, such tools are none for this template.
            template.render_all(&ask).ok()
        };
        let mut call = turn("assistant", "");
        call.more.insert(
            "tool_calls".to_owned(),
            json!([{
                "id": "abcdefghi", "type": "function",
                "function": {"name": NAME, "arguments": {KEY: VALUE}},
            }]),
        );
        let called = render(Some(call)).unwrap_or_default();
        let plain = render(Some(turn("assistant", ANSWER))).unwrap_or_default();
        Self {
            tells_tools: render(None).is_some_and(|text| text.contains(NAME)),
            shows_calls: called.contains(KEY) && called.contains(VALUE),
            dialect: Dialect::between(&called, &plain),
        }
    }
}

impl Dialect {
    /// Looks at what differs between a call and a plain answer.
    fn between(called: &str, plain: &str) -> Option<Self> {
        let (start, end) = plain.split_once(ANSWER)?;
        // Templates that put something before the text, such as thoughts, put it before calls too.
        let same = called.chars().zip(start.chars()).take_while(|(a, b)| a == b);
        let start: usize = same.map(|(c, _)| c.len_utf8()).sum();
        let called = &called[start..];
        let called = called.strip_suffix(end).unwrap_or(called);
        called.match_indices('{').find_map(|(place, _)| {
            let mut objects = serde_json::Deserializer::from_str(&called[place..]).into_iter();
            let Some(Ok(Json::Object(object))) = objects.next() else { return None };
            let after = place + objects.byte_offset();
            let key = |wanted: &Json| {
                let found = object.iter().find(|(_, value)| *value == wanted);
                found.map(|(key, _)| key.clone())
            };
            Some(Self {
                before: called[..place].to_owned(),
                after: called[after..].to_owned(),
                name: key(&NAME.into())?,
                arguments: key(&json!({KEY: VALUE}))?,
            })
        })
    }

    /// What begins a call; empty if that is the object itself.
    pub(crate) fn open(&self) -> &str {
        let open = self.before.trim();
        open.strip_suffix('[').unwrap_or(open).trim_end()
    }

    /// What ends it, after the object and the list.
    pub(crate) fn close(&self) -> &str {
        let close = self.after.trim();
        if self.is_list() { close.strip_prefix(']').unwrap_or(close).trim_start() } else { close }
    }

    /// Whether calls are the items of a list.
    pub(crate) fn is_list(&self) -> bool {
        self.before.trim_end().ends_with('[')
    }
}

fn turn(role: &str, content: &str) -> Turn {
    Turn { role: role.to_owned(), content: content.to_owned(), more: Map::new() }
}

const NAME: &str = "probe_of_tools";
const KEY: &str = "probe_of_keys";
const VALUE: &str = "probe_of_values";
/// Begins with what no mark of a call does.
const ANSWER: &str = "§ probe of answers";

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::files::ModelFiles;

    fn of(source: &str) -> Manner {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({"eos_token": "</s>", "chat_template": source});
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        Manner::of(&ChatTemplate::load(&ModelFiles::Folder(folder.path().to_owned())).unwrap())
    }

    #[track_caller]
    fn check(manner: &Manner, expected: Expect) {
        let Manner { tells_tools, shows_calls, dialect } = manner;
        let form = dialect.as_ref().map(|Dialect { before, after, name, arguments }| {
            format!("{before:?} {{{name}, {arguments}}} {after:?}")
        });
        expected.assert_eq(&format!(
            "tells {tells_tools}, shows {shows_calls}, {}",
            form.as_deref().unwrap_or("unknown"),
        ));
    }

    #[track_caller]
    fn check_fixture(name: &str, expected: Expect) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates");
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        check(&of(&source), expected);
    }

    #[test]
    fn the_form_of_calls_is_told_by_the_template() {
        check_fixture(
            "qwen2_5",
            expect![[
                r#"tells true, shows true, "<tool_call>\n" {name, arguments} "\n</tool_call>""#
            ]],
        );
        check_fixture(
            "qwen3",
            expect![[
                r#"tells true, shows true, "<tool_call>\n" {name, arguments} "\n</tool_call>""#
            ]],
        );
        check_fixture("llama3_1", expect![[r#"tells true, shows true, "" {name, parameters} """#]]);
        check_fixture("llama3_2", expect![[r#"tells true, shows true, "" {name, parameters} """#]]);
    }

    #[test]
    fn a_list_of_calls_is_told_from_a_single_one() {
        let mistral = of(concat!(
            "{{ '[AVAILABLE_TOOLS]' ~ (tools | tojson) ~ '[/AVAILABLE_TOOLS]' if tools }}",
            "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]",
            "{% elif m.tool_calls is defined %}[TOOL_CALLS] [{% for c in m.tool_calls %}",
            "{% set f = c.function %}{{ (f | tojson)[:-1] ~ ', \"id\": \"' ~ c.id ~ '\"}' }}",
            "{{ ', ' if not loop.last }}{% endfor %}]</s>",
            "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
        ));
        check(
            &mistral,
            expect![[r#"tells true, shows true, "[TOOL_CALLS] [" {name, arguments} "]""#]],
        );
        let dialect = mistral.dialect.unwrap();
        assert_eq!(
            (dialect.open(), dialect.close(), dialect.is_list()),
            ("[TOOL_CALLS]", "", true)
        );
    }

    #[test]
    fn a_template_without_tools_or_in_a_form_of_its_own_is_found_out() {
        check_fixture("phi3", expect!["tells false, shows false, unknown"]);
        check_fixture("gemma3", expect!["tells false, shows false, unknown"]);
        check_fixture("deepseekv3", expect!["tells false, shows false, unknown"]);
        check_fixture("glm4moe", expect!["tells true, shows true, unknown"]);
        check_fixture("lfm2", expect!["tells true, shows false, unknown"]);
    }
}
