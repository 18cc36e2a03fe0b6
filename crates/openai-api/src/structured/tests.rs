//! Types become strict schemas, answers and calls become values, and what does not says why.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;

use expect_test::{Expect, expect};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::message::Role;
use crate::tool::ToolCall;
use crate::{ChatBackendExt as _, MockChatBackend};

/// How it went.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Review {
    /// What speaks for it and what against.
    reasoning: String,
    verdict: Verdict,
    #[serde(default)]
    stars: u8,
    author: Option<Author>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Bad,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Author {
    name: String,
    #[schemars(email)]
    email: Option<String>,
}

#[track_caller]
fn check<T: JsonSchema>(expected: Expect) {
    let shown = match StrictSchema::of::<T>() {
        Ok(schema) => {
            is_strict(schema.as_value());
            format!("{}: {}", schema.name(), schema.as_value())
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

/// The rules of OpenAI's guide, looked up in the schema that comes out.
#[track_caller]
fn is_strict(schema: &Value) {
    let node = schema.as_object().unwrap();
    if let Some(Value::Object(properties)) = node.get("properties") {
        assert_eq!(node["additionalProperties"], false, "{schema}");
        let required: Vec<_> = properties.keys().map(|key| json!(key)).collect();
        assert_eq!(node["required"], Value::from(required), "{schema}");
        properties.values().for_each(is_strict);
    } else {
        assert_ne!(node.get("type"), Some(&json!("object")), "{schema}");
    }
    for key in node.keys() {
        assert!(KNOWN.contains(&key.as_str()), "{key} in {schema}");
    }
    if node.contains_key("$ref") {
        assert_eq!(node.len(), 1, "{schema}");
    }
    if let Some(Value::Array(branches)) = node.get("anyOf") {
        branches.iter().for_each(is_strict);
    }
    if let Some(Value::Object(definitions)) = node.get("$defs") {
        definitions.values().for_each(is_strict);
    }
    node.get("items").into_iter().for_each(is_strict);
}

const KNOWN: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
];

#[test]
fn a_struct_becomes_a_strict_schema_with_its_fields_in_order() {
    check::<Review>(expect![[
        r##"Review: {"type":"object","properties":{"reasoning":{"type":"string","description":"What speaks for it and what against."},"verdict":{"$ref":"#/$defs/Verdict"},"stars":{"type":"integer","minimum":0,"maximum":255},"author":{"anyOf":[{"$ref":"#/$defs/Author"},{"type":"null"}]}},"required":["reasoning","verdict","stars","author"],"additionalProperties":false,"$defs":{"Author":{"type":"object","properties":{"name":{"type":"string"},"email":{"type":["string","null"],"format":"email"}},"required":["name","email"],"additionalProperties":false},"Verdict":{"type":"string","enum":["good","bad"]}}}"##
    ]]);
}

#[test]
fn every_kind_of_enum_has_a_strict_schema() {
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    enum Shape {
        Circle { radius: f32 },
        Named(String),
        Nothing,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    #[serde(tag = "kind")]
    enum Tagged {
        Author(Author),
        /// Nobody knows.
        Unknown,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    enum Told {
        /// The first.
        One,
        /// The second.
        Two,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct All {
        shape: Shape,
        tagged: Tagged,
        told: Told,
        /// Perhaps.
        maybe: Option<Told>,
    }
    check::<All>(expect![[
        r##"All: {"type":"object","properties":{"shape":{"$ref":"#/$defs/Shape"},"tagged":{"$ref":"#/$defs/Tagged"},"told":{"$ref":"#/$defs/Told"},"maybe":{"description":"Perhaps.","anyOf":[{"$ref":"#/$defs/Told"},{"type":"null"}]}},"required":["shape","tagged","told","maybe"],"additionalProperties":false,"$defs":{"Told":{"anyOf":[{"type":"string","const":"One","description":"The first."},{"type":"string","const":"Two","description":"The second."}]},"Tagged":{"anyOf":[{"type":"object","properties":{"kind":{"type":"string","const":"Author"},"name":{"type":"string"},"email":{"type":["string","null"],"format":"email"}},"required":["kind","name","email"],"additionalProperties":false},{"type":"object","description":"Nobody knows.","properties":{"kind":{"type":"string","const":"Unknown"}},"required":["kind"],"additionalProperties":false}]},"Shape":{"anyOf":[{"type":"string","enum":["Nothing"]},{"type":"object","properties":{"Circle":{"type":"object","properties":{"radius":{"type":"number"}},"required":["radius"],"additionalProperties":false}},"required":["Circle"],"additionalProperties":false},{"type":"object","properties":{"Named":{"type":"string"}},"required":["Named"],"additionalProperties":false}]}}}"##
    ]]);
}

#[test]
fn a_type_may_refer_to_itself() {
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct Tree {
        /// On the left.
        left: Option<Box<Tree>>,
        leaves: Vec<Tree>,
        root: Expression,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    enum Expression {
        Number(f64),
        Sum {
            /// The first of the two.
            left: Box<Expression>,
            right: Box<Expression>,
        },
    }
    check::<Tree>(expect![[
        r##"Tree: {"type":"object","properties":{"left":{"description":"On the left.","anyOf":[{"$ref":"#"},{"type":"null"}]},"leaves":{"type":"array","items":{"$ref":"#"}},"root":{"$ref":"#/$defs/Expression"}},"required":["left","leaves","root"],"additionalProperties":false,"$defs":{"Expression":{"anyOf":[{"type":"object","properties":{"Number":{"type":"number"}},"required":["Number"],"additionalProperties":false},{"type":"object","properties":{"Sum":{"type":"object","properties":{"left":{"description":"The first of the two.","anyOf":[{"type":"object","properties":{"Number":{"type":"number"}},"required":["Number"],"additionalProperties":false},{"type":"object","properties":{"Sum":{"type":"object","properties":{"left":{"$ref":"#/$defs/Expression"},"right":{"$ref":"#/$defs/Expression"}},"required":["left","right"],"additionalProperties":false}},"required":["Sum"],"additionalProperties":false}]},"right":{"$ref":"#/$defs/Expression"}},"required":["left","right"],"additionalProperties":false}},"required":["Sum"],"additionalProperties":false}]}}}"##
    ]]);
}

#[test]
fn flattened_fields_are_put_in_place() {
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct Flat {
        id: u32,
        #[serde(flatten)]
        author: Author,
        #[serde(flatten)]
        either: Either,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    #[serde(tag = "kind")]
    enum Either {
        This { this: bool },
        That { that: bool },
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct Outer {
        /// Put in place.
        flat: Flat,
    }
    check::<Outer>(expect![[
        r#"Outer: {"type":"object","properties":{"flat":{"description":"Put in place.","anyOf":[{"type":"object","properties":{"kind":{"type":"string","const":"This"},"this":{"type":"boolean"},"id":{"type":"integer","minimum":0},"name":{"type":"string"},"email":{"type":["string","null"],"format":"email"}},"required":["kind","this","id","name","email"],"additionalProperties":false},{"type":"object","properties":{"kind":{"type":"string","const":"That"},"that":{"type":"boolean"},"id":{"type":"integer","minimum":0},"name":{"type":"string"},"email":{"type":["string","null"],"format":"email"}},"required":["kind","that","id","name","email"],"additionalProperties":false}]}},"required":["flat"],"additionalProperties":false}"#
    ]]);
}

#[test]
fn what_a_strict_schema_cannot_tell_is_an_error_that_names_the_place() {
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct With<T> {
        rows: Vec<Row<T>>,
    }
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct Row<T> {
        cell: T,
    }
    check::<With<BTreeMap<String, u8>>>(expect![
        "schema: With: Row.cell: a strict schema cannot have keys that are not known; use a list of structs for a map"
    ]);
    check::<With<(u8, u8)>>(expect![
        "schema: With: Row.cell: a strict schema has no tuples; use a struct"
    ]);
    check::<With<Value>>(expect![
        "schema: With: Row.cell: a strict schema cannot allow just any JSON; use a type, or a text"
    ]);
    check::<Vec<Review>>(expect![
        "schema: Array_of_Review: a strict schema must be a struct's; put the type into a field of one"
    ]);
    check::<Verdict>(expect![
        "schema: Verdict: a strict schema must be a struct's; put the type into a field of one"
    ]);
    check::<With<BTreeSet<char>>>(expect![[
        r##"With: {"type":"object","properties":{"rows":{"type":"array","items":{"$ref":"#/$defs/Row"}}},"required":["rows"],"additionalProperties":false,"$defs":{"Row":{"type":"object","properties":{"cell":{"type":"array","items":{"type":"string"}}},"required":["cell"],"additionalProperties":false}}}"##
    ]]);
}

#[test]
fn without_constraints_only_the_shape_is_left() {
    #[expect(dead_code, reason = "its schema is what counts")]
    #[derive(JsonSchema)]
    struct Constrained {
        /// A field that is called like a constraint.
        minimum: u8,
        #[schemars(regex(pattern = "^a"))]
        format: String,
        three: [Option<Author>; 3],
    }
    check::<Constrained>(expect![[
        r##"Constrained: {"type":"object","properties":{"minimum":{"type":"integer","minimum":0,"maximum":255,"description":"A field that is called like a constraint."},"format":{"type":"string","pattern":"^a"},"three":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/Author"},{"type":"null"}]},"minItems":3,"maxItems":3}},"required":["minimum","format","three"],"additionalProperties":false,"$defs":{"Author":{"type":"object","properties":{"name":{"type":"string"},"email":{"type":["string","null"],"format":"email"}},"required":["name","email"],"additionalProperties":false}}}"##
    ]]);
    let free = StrictSchema::of::<Constrained>().unwrap().without_constraints();
    expect![[r##"{"type":"object","properties":{"minimum":{"type":"integer","description":"A field that is called like a constraint."},"format":{"type":"string"},"three":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/Author"},{"type":"null"}]}}},"required":["minimum","format","three"],"additionalProperties":false,"$defs":{"Author":{"type":"object","properties":{"name":{"type":"string"},"email":{"type":["string","null"]}},"required":["name","email"],"additionalProperties":false}}}"##]].assert_eq(&free.as_value().to_string());
}

#[test]
fn a_response_format_has_the_types_name_and_description() {
    let format = serde_json::to_value(ResponseFormat::of::<Review>().unwrap()).unwrap();
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["json_schema"]["name"], "Review");
    assert_eq!(format["json_schema"]["description"], "How it went.");
    assert_eq!(format["json_schema"]["strict"], true);
    assert!(format["json_schema"]["schema"].get("description").is_none());
    assert_eq!(name("Tree<Ünder score>-1"), "Tree__nder_score_-1");
    assert_eq!(name(&"x".repeat(99)).len(), 64);
}

fn answer(text: &str, finish_reason: FinishReason) -> ChatCompletion {
    ChatCompletion::new("m", Message::assistant(text), finish_reason)
}

const GOOD: &str = r#"{"reasoning": "…", "verdict": "good", "stars": 5, "author": null}"#;

fn good() -> Review {
    Review { reasoning: "…".to_owned(), verdict: Verdict::Good, stars: 5, author: None }
}

#[tokio::test]
async fn any_backend_completes_as_a_type() {
    let mut backend = MockChatBackend::new();
    backend
        .expect_complete()
        .withf(|request| request.response_format == ResponseFormat::of::<Review>().ok())
        .return_once(|_| Ok(answer(GOOD, FinishReason::Stop)));
    let request = ChatRequest::new("m", vec![Message::user("How was it?")]);
    let parsed = backend.complete_as::<Review>(request).await.unwrap();
    let shown = format!("{parsed:?}");
    assert!(shown.starts_with("Parsed { completion: ") && !shown.contains("Good"), "{shown}");
    assert_eq!((parsed.value, parsed.completion.text().as_str()), (good(), GOOD));
}

#[tokio::test]
async fn a_response_format_of_the_callers_own_is_left() {
    let mut backend = MockChatBackend::new();
    backend
        .expect_complete()
        .withf(|request| request.response_format == Some(ResponseFormat::json_object()))
        .return_once(|_| Ok(answer(GOOD, FinishReason::Stop)));
    let request =
        ChatRequest::new("m", Vec::new()).with_response_format(ResponseFormat::json_object());
    assert_eq!(backend.complete_as::<Review>(request).await.unwrap().value, good());
}

#[test]
fn json_in_a_code_block_counts_as_json() {
    for text in [
        GOOD.to_owned(),
        format!("```json\n{GOOD}\n```"),
        format!("\n ```\n{GOOD}```  "),
        format!("  {GOOD}\n"),
    ] {
        assert_eq!(answer(&text, FinishReason::Stop).parse(), Ok(good()), "{text}");
    }
    let broken = answer("```json\n{\"reasoning\":\n7}\n```", FinishReason::Stop);
    let Err(NotParsedReason::Mismatch(fault)) = broken.parse::<Review>() else { panic!() };
    assert_eq!((fault.line(), fault.column()), (3, 1));
    for text in ["```", "``````", "```json```", "``` \n```"] {
        let error = answer(text, FinishReason::Stop).parse::<Review>().unwrap_err();
        assert!(matches!(error, NotParsedReason::Mismatch(_)), "{text}");
    }
}

fn refusing() -> Message {
    let mut message = Message::new(Role::Assistant, "");
    message.content = None;
    message.refusal = Some("I won't, Anna".to_owned());
    message
}

#[test]
fn what_is_no_answer_says_why() {
    let in_part: Message = serde_json::from_value(json!({
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "I won't, Anna"}],
    }))
    .unwrap();
    let mut calling = Message::assistant("");
    calling.tool_calls.push(ToolCall::new("1", FunctionCall::default()));
    let cut = &GOOD[..20];
    for (message, finish_reason, expected) in [
        (refusing(), FinishReason::Stop, NotParsedReason::Refused),
        (in_part, FinishReason::Stop, NotParsedReason::Refused),
        (Message::assistant(cut), FinishReason::Length, NotParsedReason::CutShort),
        (Message::assistant(""), FinishReason::ContentFilter, NotParsedReason::Filtered),
        (calling, FinishReason::ToolCalls, NotParsedReason::CalledTools),
    ] {
        let completion = ChatCompletion::new("m", message, finish_reason);
        assert_eq!(completion.parse::<Review>().unwrap_err(), expected);
    }
    let empty: ChatCompletion = serde_json::from_value(json!({"choices": []})).unwrap();
    for completion in [empty, answer(cut, FinishReason::Stop), answer("[]", FinishReason::Stop)] {
        let error = completion.parse::<Review>().unwrap_err();
        assert!(matches!(error, NotParsedReason::Mismatch(_)), "{error}");
    }
}

#[tokio::test]
async fn an_error_has_the_completion_but_does_not_show_what_the_model_wrote() {
    let private = r#"{"reasoning": "Anna said so", "verdict": "Anna"}"#;
    for completion in [
        ChatCompletion::new("m", refusing(), FinishReason::Stop),
        answer(private, FinishReason::Stop),
    ] {
        let mut backend = MockChatBackend::new();
        let came = completion.clone();
        backend.expect_complete().return_once(|_| Ok(came));
        let request = ChatRequest::new("m", Vec::new());
        let error = backend.complete_as::<Review>(request).await.unwrap_err();
        assert!(!error.is_retryable());
        let source = error.source().map(ToString::to_string);
        assert!(!format!("{error} {error:?} {source:?}").contains("Anna"), "{error:?}");
        let Error::NotParsed(error) = error else { panic!("{error}") };
        assert_eq!(error.completion, completion);
        let refused = error.reason == NotParsedReason::Refused;
        assert_eq!(error.refusal(), refused.then_some("I won't, Anna"));
    }
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Place {
    city: String,
}

fn calling(calls: &[(&str, &str, &str)]) -> ChatCompletion {
    let calls: Vec<_> = calls
        .iter()
        .map(|(id, name, arguments)| {
            json!({"id": id, "function": {"name": name, "arguments": arguments}})
        })
        .collect();
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let message = serde_json::from_value(message).unwrap();
    ChatCompletion::new("m", message, FinishReason::ToolCalls)
}

#[test]
fn a_typed_tool_is_strict_and_its_call_is_parsed() {
    let tool = serde_json::to_value(Tool::of::<Place>("weather", "Tells it").unwrap()).unwrap();
    expect![[r#"{"type":"function","function":{"name":"weather","description":"Tells it","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false},"strict":true}}"#]].assert_eq(&tool.to_string());
    let completion = calling(&[("1", "weather", r#"{"city": "Riga"}"#), ("2", "weather", "Riga")]);
    let [good, bad] = &completion.choices[0].message.tool_calls[..] else { panic!() };
    assert_eq!(good.function.parse::<Place>().unwrap().city, "Riga");
    let error = bad.function.parse::<Place>().unwrap_err();
    expect![
        "could not read the arguments of a function call: the text is not JSON at line 1, column 1"
    ]
    .assert_eq(&format!("{error}: {}", error.source().unwrap()));
}

#[test]
fn a_function_without_arguments_may_be_called_with_none() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Nothing {}
    let tool = Tool::of::<Nothing>("now", "Tells the time").unwrap();
    is_strict(&tool.function.parameters.unwrap());
    for arguments in ["", " ", "{}"] {
        let completion = calling(&[("1", "now", arguments)]);
        completion.choices[0].message.tool_calls[0].function.parse::<Nothing>().unwrap();
    }
}

async fn temperature(place: Place) -> Result<f32, String> {
    if place.city == "Riga" { Ok(21.5) } else { Err(format!("{} is unknown", place.city)) }
}

fn toolbox() -> Toolbox {
    Toolbox::new().with("temperature", "Tells the temperature in °C", temperature).unwrap()
}

#[tokio::test]
async fn a_toolbox_answers_every_call_in_order() {
    let completion = calling(&[
        ("1", "temperature", r#"{"city": "Riga"}"#),
        ("2", "temperature", r#"{"city": "Atlantis"}"#),
        ("3", "temperature", r#"{"town": "Riga"}"#),
        ("4", "humidity", r#"{"city": "Riga"}"#),
    ]);
    let mut messages = toolbox().run(&completion).await;
    assert_eq!(messages.remove(0), completion.choices[0].message);
    assert!(messages.iter().all(|message| message.role == Role::Tool));
    let told: Vec<_> = messages
        .iter()
        .map(|message| (message.tool_call_id.as_deref().unwrap(), message.text()))
        .collect();
    expect![[r#"
        [
            (
                "1",
                "21.5",
            ),
            (
                "2",
                "{\"error\":\"Atlantis is unknown\"}",
            ),
            (
                "3",
                "{\"error\":\"the JSON has another shape than expected at line 1, column 16\"}",
            ),
            (
                "4",
                "{\"error\":\"there is no function of this name\"}",
            ),
        ]
    "#]]
    .assert_debug_eq(&told);
}

#[tokio::test]
async fn functions_run_at_the_same_time() {
    // Each waits for the other, so one after the other they would never end.
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let meet = move |_: Place| {
        let barrier = std::sync::Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok::<_, String>(true)
        }
    };
    let toolbox = Toolbox::new().with("meet", "Meets the other", meet).unwrap();
    let place = r#"{"city": "Riga"}"#;
    let messages = toolbox.run(&calling(&[("1", "meet", place), ("2", "meet", place)])).await;
    assert_eq!(messages.iter().filter(|message| message.text() == "true").count(), 2);
}

#[tokio::test]
async fn an_answer_without_calls_needs_no_messages() {
    assert!(toolbox().run(&answer("hello", FinishReason::Stop)).await.is_empty());
}

#[test]
fn a_function_of_the_same_name_takes_the_place_of_the_former() {
    let other = async |_: Review| Ok::<_, String>(());
    let toolbox = toolbox().with("temperature", "Does something else", other).unwrap();
    assert_eq!(toolbox.tools().len(), 1);
    assert_eq!(toolbox.tools()[0].function.description.as_deref(), Some("Does something else"));
    assert_eq!(format!("{toolbox:?}"), r#"["temperature"]"#);
}
