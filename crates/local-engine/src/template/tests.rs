//! Templates against what `transformers` makes of them (see `tests/templates`), and their limits.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::json;

use super::*;

fn load(config: &Json, files: &[(&str, &str)]) -> Result<ChatTemplate> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(TOKENIZER_CONFIG), config.to_string()).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    ChatTemplate::load(&ModelFiles::Folder(folder.path().to_owned()))
}

fn template(source: &str) -> Result<ChatTemplate> {
    load(
        &json!({
            "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false},
            "pad_token": "<pad>", "unk_token": null, "add_bos_token": true,
            "chat_template": source,
        }),
        &[],
    )
}

fn turns(messages: &Json) -> Vec<Turn> {
    let turn = |message: &Json| {
        let mut more = message.as_object().unwrap().clone();
        let role = more.remove("role").unwrap().as_str().unwrap().to_owned();
        let content = match more.get("content") {
            Some(Json::String(text)) => text.clone(),
            _ => String::new(),
        };
        Turn { role, content, more }
    };
    messages.as_array().unwrap().iter().map(turn).collect()
}

fn render(template: &ChatTemplate, ask: &Json) -> Result<String> {
    template.render_all(&Ask {
        turns: &turns(&ask["messages"]),
        tools: ask["tools"].as_array().map(|tools| &tools[..]),
        answer_next: ask["add_generation_prompt"] == true,
        variables: ask["variables"].as_object().cloned().unwrap_or_default(),
        // 26 July 2024, 09:05:03.
        now: UNIX_EPOCH + Duration::from_secs(1_721_984_703),
    })
}

/// What became of a template here, in the words of the fixtures.
fn outcome(result: Result<String>) -> Json {
    match result {
        Ok(text) => json!({ "text": text }),
        Err(Error::Request(error)) => {
            let message =
                error.message.strip_prefix("the model's template refuses the conversation: ");
            json!({ "refused": message.unwrap() })
        }
        Err(Error::Template { source, .. }) => json!({ "error": source.to_string() }),
        Err(other) => panic!("{other}"),
    }
}

fn agrees(made: &Json, expected: &Json) -> bool {
    match expected.get("error") {
        // What is an error for one is one for the other, in other words.
        Some(_) => made.get("error").is_some(),
        None => made == expected,
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates")
}

fn read(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn each_feature_renders_as_in_transformers() {
    let table = read(&fixtures().join("features.json"));
    let mut wrong = Vec::new();
    for (name, feature) in table["features"].as_object().unwrap() {
        let ask = json!({ "messages": table["messages"], "variables": table["variables"] });
        let source = feature["template"].as_str().unwrap();
        let made = outcome(template(source).and_then(|template| render(&template, &ask)));
        let mut expected = feature.clone();
        expected.as_object_mut().unwrap().remove("template");
        if !agrees(&made, &expected) {
            wrong.push(format!("{name}:\n  ours   {made}\n  theirs {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn templates_of_well_known_families_render_as_in_transformers() {
    let conversations = read(&fixtures().join("conversations.json"));
    let mut wrong = Vec::new();
    let mut families = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jinja") {
            continue;
        }
        families += 1;
        let template = template(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let all_expected = read(&path.with_extension("json"));
        for (name, ask) in conversations.as_object().unwrap() {
            let made = outcome(render(&template, ask));
            let expected = &all_expected[name];
            if !agrees(&made, expected) {
                wrong.push(format!("{path:?} {name}:\n  ours   {made}\n  theirs {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(families >= 8, "{families}");
}

#[test]
fn the_limits_leave_room_for_the_longest_conversations() {
    // Some two million tokens, more than any model reads.
    let turns: Vec<Turn> = (0..4000)
        .map(|i| {
            let role = if i % 2 == 0 { "user" } else { "assistant" };
            let content = format!("{i}: {}", "some words. ".repeat(150));
            Turn { role: role.into(), content, more: Map::new() }
        })
        .collect();
    for name in ["llama3_2", "qwen3", "gemma3", "deepseekv3", "glm4moe", "gptoss"] {
        let source = std::fs::read_to_string(fixtures().join(format!("{name}.jinja"))).unwrap();
        let text = template(&source).unwrap().render(&turns, true).unwrap();
        assert!(text.len() > 4000 * 1800, "{name}");
    }
}

#[test]
fn the_templates_own_file_comes_first_then_the_named_ones() {
    let named = json!({"chat_template": [
        {"name": "rag", "template": "rag"},
        {"name": "default", "template": "chat"},
        {"name": "tool_use", "template": "tools"},
    ]});
    let plain = json!({"messages": []});
    let tools = json!({"messages": [], "tools": [{}]});
    let named = |files: &[(&str, &str)]| load(&named, files).unwrap();
    assert_eq!(render(&named(&[]), &plain).unwrap(), "chat");
    assert_eq!(render(&named(&[]), &tools).unwrap(), "tools");
    assert_eq!(render(&named(&[(CHAT_TEMPLATE, "file")]), &plain).unwrap(), "file");
    assert_eq!(render(&named(&[(TOOL_TEMPLATE, "more")]), &tools).unwrap(), "more");
    let alone = load(&json!({"eos_token": "</s>"}), &[(CHAT_TEMPLATE, "{{ eos_token }}")]).unwrap();
    assert_eq!(render(&alone, &tools).unwrap(), "</s>");
    assert_eq!(alone.eos_token(), Some("</s>"));
}

#[test]
fn a_model_without_a_template_is_refused_by_name() {
    let error = load(&json!({"chat_template": [{"name": "rag", "template": ""}]}), &[]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json: chat_template has no template named default"));
}

#[test]
fn a_refusal_is_an_error_of_the_request() {
    let template = template("{{ raise_exception('roles must alternate') }}").unwrap();
    assert_eq!(
        template.render(&[], true).unwrap_err().to_string(),
        "the server answered 400 (invalid_request_error): the model's template refuses the \
         conversation: roles must alternate"
    );
}

#[test]
fn a_template_that_is_not_jinja_names_its_file() {
    let error = template("{% for %}").unwrap_err().to_string();
    assert!(error.ends_with("tokenizer_config.json: the chat template failed"), "{error}");
}

/// Renders a template that means harm, on a thread with the usual stack, and tells what stopped it.
#[track_caller]
fn stopped(source: &str) -> String {
    let start = Instant::now();
    let turns = [Turn { role: "user".into(), content: "Hi".into(), more: Map::new() }];
    let result = std::thread::scope(|scope| {
        let work = || template(source).and_then(|template| template.render(&turns, true));
        scope.spawn(work).join().unwrap()
    });
    let Err(Error::Template { source: fault, .. }) = result else {
        panic!("{}: {:?}", &source[..source.len().min(60)], result.map(|text| text.len()))
    };
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(60), "{spent:?}");
    fault.to_string()
}

/// Checks that one of the two budgets stopped it: which one comes first is of no matter.
#[track_caller]
fn check_stopped(source: &str) {
    let fault = stopped(source);
    let budgets = [
        "the template takes more than 5000000 steps",
        "the template makes more than 67108864 bytes",
    ];
    assert!(budgets.contains(&&*fault), "{source}: {fault}");
}

#[test]
fn a_template_that_does_not_end_runs_out_of_steps() {
    let endless =
        "{% for i in range(99999) %}{% for j in range(9) %}{{ LOOK }}{% endfor %}{% endfor %}";
    for look in [
        "''",
        "'a' in s",
        "s == t",
        "s < t",
        "s | length",
        "s[0]",
        "s.find('b')",
        "s.startswith('b')",
        "l == m",
        "'b' in l",
        "d.b",
        "l | sort | first",
    ] {
        let values = "{% set s = 'a' * 500000 %}{% set t = 'a' * 500000 %}\
            {% set l = ['a'] * 9999 %}{% set m = ['a'] * 9999 %}{% set d = dict(a=1) %}";
        let source = format!("{values}{}", endless.replace("LOOK", &format!("'' if {look}")));
        check_stopped(&source);
    }
    // Few values that are many when they are gone through.
    let doubled = "{% set a = namespace(x=[1], y=[1]) %}{% for i in range(100) %}\
        {% set a.x = [a.x, a.x] %}{% set a.y = [a.y, a.y] %}{% endfor %}{{ a.x == a.y }}";
    check_stopped(doubled);
}

#[test]
fn a_template_that_makes_too_much_is_stopped_before_it_is_made() {
    for source in [
        "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{{ 'a' * 1000000000000 }}",
        "{{ [1] * 1000000000000 }}",
        "{{ 'a' | indent(1000000000000) }}",
        "{{ [1] | tojson(indent=1000000000000) }}",
        "{% set s = 'a' * 9999 %}{{ ([s] * 9999) | join(s) }}",
        "{% set s = 'a' * 99999 %}{{ s.replace('a', s) }}",
        "{% set s = 'a' * 99999 %}{{ s | replace('', s) }}",
        "{% set s = 'a' * 99999 %}{{ ('%s' * 9999) % ((s,) * 9999) }}",
        "{% set s = '\\n' * 9999 %}{{ s | indent(9999, true, true) }}",
        "{% set s = ('a ' * 9999999).split() %}",
        "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set t %}{{ n.s }}{{ n.s }}{% endset %}\
         {% set n.s = t %}{% endfor %}",
        "{% macro m(s) %}{{ s }}{{ s }}{% endmacro %}{% set n = namespace(s='ab') %}\
         {% for i in range(60) %}{% set n.s = m(n.s) %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}ab{% endmacro %}{{ m(25) }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}much text that stays\
         {% endfor %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}\
         {{ n.s }}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}\
         {{ n.s | tojson }}",
    ] {
        check_stopped(source);
    }
}

#[test]
fn a_template_that_nests_too_deeply_does_not_exhaust_the_stack() {
    for source in [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% macro m() %}{% for i in [1] %}{% if i %}{{ 1 + (2 ~ m()) }}{% endif %}{% endfor %}\
         {% endmacro %}{{ m() }}"
            .to_owned(),
        "{% macro m(l) %}{{ l | map('map', 'map') | list }}{{ m([l | first | default(m(l))]) }}\
         {% endmacro %}{{ m([]) }}"
            .to_owned(),
        "{% set n = namespace(s=[1]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}"
            .to_owned(),
        "{% set n = namespace() %}{% set n.n = n %}".to_owned(),
        "{% macro hold() %}{% set n.c = caller %}{% endmacro %}{% macro run() %}{{ caller() }}\
         {% endmacro %}{% set n = namespace() %}{% call hold() %}{% endcall %}\
         {% for i in range(9999) %}{% call run() %}{% set k = n.c %}{% endcall %}{% endfor %}\
         {% macro go(i) %}{% call hold() %}{{ go(i) }}{% endcall %}{{ n.c() }}{% endmacro %}{{ go(1) }}"
            .to_owned(),
        "{% set n = namespace() %}{% set x = [n] %}".to_owned(),
        format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{{{{ 1{} }}}}", " ~ 1".repeat(20_000)),
        format!("{{{{ 1{} }}}}", " ~ 1".repeat(250)),
        format!("{{{{ 1{} }}}}", " if x else 1".repeat(9_000)),
        format!("{{{{ 1{} }}}}", " | trim".repeat(20_000)),
        format!("{{{{ x{} }}}}", ".x".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "- ".repeat(20_000)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(9_000)),
        format!("{}{}", "{% if 1 %}".repeat(9_000), "{% endif %}".repeat(9_000)),
        format!("{}{}", "{% set x %}".repeat(9_000), "{% endset %}".repeat(9_000)),
        " ".repeat(300_000),
    ] {
        let fault = stopped(&source);
        let known = ["deeper", "parts", "longer", "keeps a namespace", "not Jinja"];
        assert!(known.iter().any(|known| fault.contains(known)), "{fault}");
    }
}

/// Pieces that make up templates, in and out of their place.
const PIECES: [&str; 64] = [
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "if ",
    "endif",
    "else",
    "elif x",
    "for x in y",
    "endfor",
    "set x = ",
    "set x",
    "endset",
    "macro m(a, b=1)",
    "endmacro",
    "call m(1)",
    "endcall",
    "filter upper",
    "endfilter",
    "with a = x",
    "endwith",
    "generation",
    "endgeneration",
    "raw",
    "endraw",
    "break",
    "continue",
    "x",
    "y",
    "messages",
    "loop",
    "m(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".get(",
    ".split(",
    ".items()",
    " | tojson",
    " | map('upper')",
    " | sort",
    " | join(",
    " | indent(",
    " is defined",
    " is string",
    " not ",
    " in ",
    " ~ ",
    " + ",
    " * ",
    " % ",
    " // ",
    "'é'",
    "-9",
    "170141183460469231731687303715884105727",
    "1e308",
    ":",
];

proptest::proptest! {
    #[test]
    fn no_text_makes_the_template_engine_panic(
        places in proptest::collection::vec(0..PIECES.len(), 0..40),
    ) {
        let source: String = places.into_iter().map(|place| PIECES[place]).collect();
        outcome(template(&source).and_then(|template| template.render(&[], true)));
    }

    #[test]
    fn no_expression_makes_the_template_engine_panic(
        places in proptest::collection::vec(31..PIECES.len(), 0..12),
        left in 0..VALUES.len(),
        right in 0..VALUES.len(),
        use_of in 0..USES.len(),
    ) {
        let expression: String = places.into_iter().map(|place| PIECES[place]).collect();
        let used = USES[use_of].replace('L', VALUES[left]).replace('R', VALUES[right]);
        let source = format!("{{{{ {expression} }}}}");
        outcome(template(&source).and_then(|template| template.render(&[], true)));
        let source = format!("{{{{ {used} }}}}");
        outcome(template(&source).and_then(|template| template.render(&[], true)));
    }
}

/// Values at the ends of what there is, and all that can be done with two of them.
const VALUES: [&str; 16] = [
    "0",
    "-1",
    "170141183460469231731687303715884105727",
    "1e308",
    "-0.5",
    "''",
    "'é€𝄞'",
    "'a b'",
    "none",
    "true",
    "x",
    "[]",
    "[1, 'a']",
    "(1, 2)",
    "{'a': [1]}",
    "namespace(a=1)",
];
const USES: [&str; 62] = [
    "L + R",
    "L - R",
    "L * R",
    "L / R",
    "L // R",
    "L % R",
    "L ** R",
    "L ~ R",
    "L in R",
    "L < R",
    "L == R",
    "L and R",
    "-L",
    "-(L - R)",
    "L[R]",
    "L[R:]",
    "L[:R]",
    "L[::R]",
    "L[R::R]",
    "L.a",
    "L(R)",
    "L | abs",
    "(L - R) | abs",
    "L | int(R)",
    "L | round(R)",
    "L | round(R, 'floor')",
    "L | first",
    "L | join(R)",
    "L | sort",
    "L | unique | list",
    "L | sum(start=R)",
    "L | min",
    "L | indent(R)",
    "L | tojson(indent=R)",
    "L | replace(R, R)",
    "L | replace(R, L, R)",
    "L | title",
    "L | trim(R)",
    "L | map(R) | list",
    "L | select(R) | list",
    "L | selectattr(R) | list",
    "L | dictsort(R)",
    "L | format(R)",
    "L | default(R, R)",
    "L is divisibleby(R)",
    "L is odd",
    "L is sameas(R)",
    "range(L, R)",
    "range(L, R, R)",
    "range(R, L, -1)",
    "dict(L, a=R)",
    "dict([L, R])",
    "namespace(L)",
    "strftime_now(L)",
    "L.split(R)",
    "L.rsplit(R, 1)",
    "L.split(none, R)",
    "L.find(R)",
    "L.count(R)",
    "L.partition(R)",
    "L.startswith(R)",
    "L.strip(R)",
];
