//! Answers held to a form: of a model that knows nothing of JSON, so that only the form makes it so.

#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;

use futures_util::TryStreamExt;
use local_engine::Engine;
use openai_api::{
    ApiError, ChatBackend, ChatBackendExt, ChatChunk, ChatRequest, Choice, FinishReason, Message,
    ResponseFormat, Tool,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn engine() -> (Engine, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (Engine::open(home.path()).unwrap(), home)
}

fn request(schema: Value) -> ChatRequest {
    ChatRequest::new("attune-tiny", vec![Message::user("Tell me of a lake.")])
        .with_response_format(ResponseFormat::json_schema("lake", schema))
        .with_temperature(2.0)
}

fn lake() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "kind": {"enum": ["salt", "fresh", "жаркое 🦀"]},
            "depth": {"type": "integer", "minimum": 1, "maximum": 1642},
            "rivers": {"type": "array", "items": {"$ref": "#/$defs/river"}, "maxItems": 2},
            "frozen": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
        "required": ["name", "kind", "depth", "rivers", "frozen"],
        "additionalProperties": false,
        "$defs": {"river": {
            "type": "object",
            "properties": {"id": {"type": "string", "pattern": "^[a-z]{2,4}-[0-9]$"}},
            "required": ["id"],
            "additionalProperties": false,
        }},
    })
}

#[track_caller]
fn is_lake(text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "kind", "depth", "rivers", "frozen"], "{text}");
    assert!(value["name"].as_str().unwrap().chars().count() <= 12, "{text}");
    assert!(["salt", "fresh", "жаркое 🦀"].contains(&value["kind"].as_str().unwrap()), "{text}");
    assert!((1..=1642).contains(&value["depth"].as_i64().unwrap()), "{text}");
    let rivers = value["rivers"].as_array().unwrap();
    assert!(rivers.len() <= 2, "{text}");
    for river in rivers {
        let (name, digit) = river["id"].as_str().unwrap().split_once('-').unwrap();
        assert!((2..=4).contains(&name.len()) && name.chars().all(|c| c.is_ascii_lowercase()));
        assert!(digit.len() == 1 && digit.chars().all(|c| c.is_ascii_digit()), "{text}");
    }
    assert!(value["frozen"].is_boolean() || value["frozen"].is_null(), "{text}");
}

#[track_caller]
fn api(error: openai_api::Error) -> ApiError {
    error.as_api().unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[tokio::test]
async fn every_answer_of_a_model_that_says_anything_fits_the_schema() {
    let (engine, _home) = engine();
    let mut kinds = std::collections::HashSet::new();
    for seed in [0, 10, 20, 30, 40, 50] {
        let answer = engine.complete(request(lake()).with_seed(seed).with_n(4)).await.unwrap();
        for choice in &answer.choices {
            let text = choice.message.text();
            assert_eq!(choice.finish_reason, Some(FinishReason::Stop), "{text}");
            is_lake(&text);
            kinds.insert(text);
        }
    }
    assert!(kinds.len() > 12, "{kinds:?}");
    let greedy = engine.complete(request(lake()).with_temperature(0.0)).await.unwrap();
    is_lake(&greedy.text());
}

#[tokio::test]
async fn a_form_goes_with_streams_seeds_likelihoods_and_stop_texts() {
    let (engine, _home) = engine();
    let request = || request(lake()).with_seed(3).with_logprobs(2);
    let whole = engine.complete(request()).await.unwrap();
    let streamed = engine.complete_via_stream(request()).await.unwrap();
    assert_eq!(whole.text(), streamed.text());
    let told = whole.choices[0].logprobs.clone().unwrap();
    let tokens = told["content"].as_array().unwrap();
    assert_eq!(tokens.len() as u64, whole.usage.clone().unwrap().completion_tokens);
    let stopped = engine.complete(request().with_stop(vec!["kind".to_owned()])).await.unwrap();
    assert!(whole.text().starts_with(&stopped.text()));
    assert_eq!(stopped.choices[0].finish_reason, Some(FinishReason::Stop));
    for limit in [1, 5, 9] {
        let cut = engine.complete(request().with_max_tokens(limit)).await.unwrap();
        assert_eq!(cut.choices[0].finish_reason, Some(FinishReason::Length));
        assert!(whole.text().starts_with(&cut.text()), "{}", cut.text());
    }
}

#[tokio::test]
async fn a_limit_at_the_last_token_cuts_nothing() {
    let (engine, _home) = engine();
    let schema = json!({"type": "object", "properties": {"a": {"const": 7}}, "required": ["a"],
        "additionalProperties": false});
    let request = || request(schema.clone()).with_seed(1);
    let whole = engine.complete(request()).await.unwrap();
    let value: Value = serde_json::from_str(&whole.text()).unwrap();
    assert_eq!(value, json!({"a": 7}));
    let length = u32::try_from(whole.usage.as_ref().unwrap().completion_tokens).unwrap();
    let exact = engine.complete(request().with_max_tokens(length)).await.unwrap();
    assert_eq!(exact.text(), whole.text());
    assert_eq!(exact.choices[0].finish_reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn any_object_will_do_where_no_schema_is_given() {
    let (engine, _home) = engine();
    let mut ended = 0;
    for seed in 0..12 {
        let request = request(json!({})).with_response_format(ResponseFormat::json_object());
        let answer = engine.complete(request.with_seed(seed).with_max_tokens(60)).await.unwrap();
        if answer.choices[0].finish_reason == Some(FinishReason::Stop) {
            let value: Value = serde_json::from_str(&answer.text()).unwrap();
            assert!(value.is_object(), "{value}");
            ended += 1;
        }
        assert!(answer.text().starts_with('{'), "{}", answer.text());
    }
    assert!(ended > 0);
}

#[tokio::test]
async fn a_schema_that_cannot_be_kept_to_is_refused_by_name() {
    let (engine, _home) = engine();
    for (schema, problem) in [
        (json!({"type": "object", "dependentRequired": {"a": ["b"]}}), "dependentRequired"),
        (json!({"type": "lake"}), "lake"),
        (json!({"type": "string", "pattern": "("}), ""),
        (json!({"$ref": "https://example.org/lake.json"}), ""),
    ] {
        let error = api(engine.complete(request(schema.clone())).await.unwrap_err());
        assert_eq!((error.status, error.param.as_deref()), (400, Some("response_format")));
        assert!(error.message.contains(problem), "{schema}: {}", error.message);
    }
}

/// A copy of attune-tiny that writes calls between these marks.
fn caller(home: &Path, before: &str, after: &str) -> Engine {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("attune-tiny");
    let folder = home.join("models/caller");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    let template = [
        "{% if tools %}<|system|>",
        "{% for tool in tools %}{{ tool.function.name }} {% endfor %}<|end|>{% endif %}",
        "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}",
        "{% if m.tool_calls %}",
        &format!("{{{{ {} }}}}", json!(before)),
        "{% for call in m.tool_calls %}{{ call.function | tojson }}",
        "{{ ', ' if not loop.last }}{% endfor %}",
        &format!("{{{{ {} }}}}", json!(after)),
        "{% endif %}<|end|>{% endfor %}",
        "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    ];
    let config = json!({"eos_token": "<|end|>", "chat_template": template.concat()});
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
    Engine::open(home).unwrap()
}

fn tools() -> Vec<Tool> {
    let depth = json!({
        "type": "object",
        "properties": {"of": {"$ref": "#/$defs/lake"}},
        "required": ["of"],
        "additionalProperties": false,
        "$defs": {"lake": {"enum": ["Baikal", "Ladoga"]}},
    });
    let mut now = Tool::function("now", "Tells the time", json!({}));
    now.function.parameters = None;
    vec![Tool::function("depth", "Tells how deep a lake is", depth), now]
}

fn asking(choice: Value) -> ChatRequest {
    ChatRequest::new("caller", vec![Message::user("Hello!")])
        .with_tools(tools())
        .with_tool_choice(choice)
        .with_temperature(2.0)
}

/// Whether all that an answer says is calls as the tools want them; how many.
#[track_caller]
fn calls(choice: &Choice) -> usize {
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls), "{:?}", choice.message.text());
    assert_eq!(choice.message.content, None);
    for call in &choice.message.tool_calls {
        let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
        match call.function.name.as_str() {
            "depth" => assert!(["Baikal", "Ladoga"].contains(&arguments["of"].as_str().unwrap())),
            name => assert_eq!((name, arguments), ("now", json!({}))),
        }
    }
    choice.message.tool_calls.len()
}

#[tokio::test]
async fn a_model_that_must_call_a_tool_calls_one_in_whatever_form_it_knows() {
    for (before, after) in [
        ("<tool_call>\n", "\n</tool_call>"),
        ("<|user|> [", "]"),
        ("", ""),
        ("<calls>[", "]</calls>"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let engine = caller(home.path(), before, after);
        for seed in 0..3 {
            let request = asking(json!("required")).with_seed(seed).with_parallel_tool_calls(false);
            let answer = engine.complete(request.clone()).await.unwrap();
            assert_eq!(calls(&answer.choices[0]), 1, "{before}");
            let streamed = engine.complete_via_stream(request).await.unwrap();
            assert_eq!(
                streamed.choices[0].message.tool_calls[0].function,
                answer.choices[0].message.tool_calls[0].function
            );

            let named = json!({"type": "function", "function": {"name": "depth"}});
            let answer = engine.complete(asking(named).with_seed(seed)).await.unwrap();
            assert!(calls(&answer.choices[0]) >= 1, "{before}");
            let called = &answer.choices[0].message.tool_calls;
            assert!(called.iter().all(|call| call.function.name == "depth"));
        }
    }
}

#[tokio::test]
async fn the_name_of_a_call_comes_first_and_its_arguments_in_pieces() {
    let home = tempfile::tempdir().unwrap();
    let engine = caller(home.path(), "<tool_call>\n", "\n</tool_call>");
    let named = json!({"type": "function", "function": {"name": "depth"}});
    let request = asking(named).with_parallel_tool_calls(false);
    let chunks: Vec<ChatChunk> = engine.stream(request).await.unwrap().try_collect().await.unwrap();
    let deltas: Vec<_> = chunks.iter().map(|chunk| &chunk.choices[0].delta).collect();
    assert!(deltas[1].tool_calls[0].id.is_some());
    assert_eq!(deltas[1].tool_calls[0].function.name, "depth");
    assert_eq!(deltas[1].tool_calls[0].function.arguments, "");
    let pieces = &deltas[2..deltas.len() - 1];
    assert!(pieces.len() > 1);
    assert!(pieces.iter().all(|delta| delta.tool_calls[0].index == Some(0)));
    assert_eq!(chunks.last().unwrap().choices[0].finish_reason, Some(FinishReason::ToolCalls));
}

#[tokio::test]
async fn a_model_with_tools_and_a_schema_does_the_one_or_the_other() {
    let home = tempfile::tempdir().unwrap();
    let engine = caller(home.path(), "<tool_call>\n", "\n</tool_call>");
    let mut called = 0;
    for seed in 0..8 {
        let request = asking(json!("auto"))
            .with_response_format(ResponseFormat::json_schema("lake", lake()))
            .with_seed(seed);
        let answer = engine.complete(request).await.unwrap();
        match answer.choices[0].message.tool_calls.len() {
            0 => is_lake(&answer.text()),
            _ => called += calls(&answer.choices[0]).min(1),
        }
    }
    assert!((1..8).contains(&called), "{called}");
}

#[tokio::test]
async fn the_tool_whose_schema_cannot_be_kept_to_is_named() {
    let home = tempfile::tempdir().unwrap();
    let engine = caller(home.path(), "", "");
    let mut request = asking(json!("required"));
    request.tools.push(Tool::function("odd", "", json!({"type": "odd"})));
    let error = api(engine.complete(request).await.unwrap_err());
    assert_eq!(error.param.as_deref(), Some("tools[2].function.parameters"));
    assert!(error.message.contains("odd"), "{}", error.message);
}
