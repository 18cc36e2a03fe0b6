//! Every example of OpenAI's specification is read as our type for it and written as it was.
//!
//! The examples are those of `tests/spec`; its README says where they are from and how those that
//! are no JSON were mended. Numbers are compared by value: `1` and `1.0` are the same to JSON.

#![expect(clippy::unwrap_used, reason = "what is wrong with the examples themselves ends the test")]

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use futures_util::future::BoxFuture;
use openai_api::sse::Decoder;
use openai_api::testing::{Reply, ScriptedServer};
use openai_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

#[tokio::test]
async fn every_example_is_read_as_its_type_and_written_or_sent_as_it_was() {
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut faults = Vec::new();
    for example in examples() {
        let found = match (again(&example), example.sender()) {
            (Some(again), _) => example.values().iter().find_map(|value| fault(again, value)),
            (None, Some(send)) => difference(&example.body, &sent(send, &example.body).await, ""),
            (None, None) => Some("it has no type".to_owned()),
        };
        let (same, all) = groups.entry(example.group()).or_default();
        *all += 1;
        match found {
            None => *same += 1,
            Some(fault) if example.is_without_type() => assert_eq!(fault, "it has no type"),
            Some(fault) => faults.push(format!("{example}: {fault}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let line = |(group, (same, all)): (_, _)| format!("{group}: {same} of {all}\n");
    expect![[r#"
        assistants, threads and runs: 52 of 52
        batches: 6 of 6
        chat: 20 of 20
        completions, which are legacy: 0 of 5
        conversations: 11 of 11
        embeddings and moderations: 8 of 8
        files and uploads: 13 of 13
        fine-tuning: 39 of 39
        models: 4 of 4
        responses: 81 of 81
        webhooks: 16 of 16
    "#]]
    .assert_eq(&groups.into_iter().map(line).collect::<String>());
}

#[test]
fn what_is_said_of_examples_is_said_of_some() {
    let examples: Vec<_> = examples().collect();
    for (of, part, _) in TYPES {
        assert!(examples.iter().any(|it| it.of == *of && it.part == *part), "{of} ({part})");
    }
    for (of, _) in SENT {
        assert!(examples.iter().any(|it| it.of == *of && it.part == "request"), "{of}");
    }
    for (of, why) in WITHOUT_TYPE {
        assert!(examples.iter().any(|it| it.of.starts_with(of)), "{of}: {why}");
    }
}

#[test]
fn every_operation_has_an_example_or_a_reason() {
    let shown: BTreeSet<String> = examples().map(|example| example.of).collect();
    let mut without = BTreeSet::new();
    for (path, item) in specification()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let of = format!("{} {path}", method.to_uppercase());
            if !shown.contains(&of) {
                without.insert(of);
            }
        }
    }
    // It gives the file as it is.
    assert_eq!(without, BTreeSet::from(["GET /files/{file_id}/content".to_owned()]));
}

#[test]
fn the_streams_survive_the_decoder() {
    let mut streams = 0;
    for example in examples().filter(|example| example.part == "stream") {
        let mut text = String::new();
        for event in example.body.as_array().unwrap() {
            if let Some(name) = event["event"].as_str() {
                text += &format!("event: {name}\n");
            }
            text += &match &event["data"] {
                Value::String(data) => format!("data: {data}\n\n"),
                data => format!("data: {data}\n\n"),
            };
        }
        let (mut decoder, mut rest) = (Decoder::new(), text.as_bytes());
        let mut decoded = Vec::new();
        while let Some(event) = decoder.next(&mut rest).unwrap() {
            let data = event.text();
            decoded.push(serde_json::from_str(&data).unwrap_or_else(|_| Value::from(&*data)));
        }
        let sent = example.body.as_array().unwrap();
        let sent: Vec<Value> = sent.iter().map(|event| event["data"].clone()).collect();
        assert_eq!(decoded, sent, "{example}");
        streams += 1;
    }
    assert!(streams >= 5, "{streams}");
}

#[test]
fn the_examples_that_are_no_json_are_known() {
    let mended: Vec<String> = examples()
        .filter(|example| !example.mended.is_empty())
        .map(|example| format!("{example}: {}", example.mended))
        .collect();
    expect![[r#"
        27:
        GET /batches (response): trailing comma at line 31 column 7
        POST /batches (response): trailing comma at line 28 column 3
        GET /batches/{batch_id} (response): trailing comma at line 28 column 3
        POST /batches/{batch_id}/cancel (response): trailing comma at line 28 column 3
        POST /completions (response, Streaming): expected `,` or `}` at line 14 column 3
        POST /embeddings (response): expected value at line 9 column 9
        GET /files (response): trailing comma at line 12 column 5
        POST /files (response): trailing comma at line 9 column 1
        GET /files/{file_id} (response): trailing comma at line 9 column 1
        GET /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions (response): trailing comma at line 16 column 3
        GET /fine_tuning/jobs (response): key must be a string at line 19 column 7
        POST /fine_tuning/jobs (response, Default): trailing comma at line 19 column 7
        POST /fine_tuning/jobs (response, Validation file): trailing comma at line 19 column 7
        POST /fine_tuning/jobs (request, W&B Integration): expected `,` or `}` at line 11 column 11
        POST /fine_tuning/jobs (response, W&B Integration): expected value at line 17 column 19
        GET /models (response): trailing comma at line 25 column 3
        POST /uploads/{upload_id}/complete (response): trailing comma at line 18 column 3
        Batch (schema): trailing comma at line 40 column 3
        Embedding (schema): expected value at line 6 column 5
        FineTuningJobEvent (schema): expected `,` or `}` at line 4 column 3
        GraderPython (schema): expected `,` or `}` at line 5 column 15
        GraderScoreModel (schema): expected value at line 10 column 29
        OpenAIFile (schema): trailing comma at line 9 column 1
        ResponseFunctionCallArgumentsDeltaEvent (schema): expected `,` or `}` at line 6 column 3
        Upload (schema): trailing comma at line 17 column 3
        WebhookLiveCallIncoming (webhook): trailing comma at line 11 column 5
        WebhookRealtimeCallIncoming (webhook): trailing comma at line 11 column 5
    "#]].assert_eq(&format!("{}:\n{}\n", mended.len(), mended.join("\n")));
}

/// An example of the specification.
struct Example {
    /// The operation or the schema.
    of: String,
    /// What the specification calls it; often nothing.
    title: String,
    part: String,
    body: Value,
    /// Why it was no JSON, before it was mended.
    mended: String,
}

impl Example {
    /// What is read by itself: each event of a stream, else the whole.
    fn values(&self) -> Vec<Value> {
        match &self.body {
            Value::Array(events) if self.part == "stream" => {
                let data = events.iter().map(|event| event["data"].clone());
                data.filter(|data| data != "[DONE]").collect()
            }
            body => vec![body.clone()],
        }
    }

    /// What sends it, if it is a request without a type.
    fn sender(&self) -> Option<Send> {
        let row = SENT.iter().find(|(of, _)| self.part == "request" && self.of == *of);
        row.map(|(_, send)| *send)
    }

    /// What it is about.
    fn group(&self) -> &'static str {
        let is_about = |word: &&str| match word.starts_with('/') {
            true => self.of.contains(word),
            false => self.of.starts_with(word),
        };
        let group = GROUPS.iter().find(|(_, words)| words.iter().any(is_about));
        group.unwrap_or(&("no group", &[])).0
    }

    fn is_without_type(&self) -> bool {
        WITHOUT_TYPE.iter().any(|(of, _)| self.of.starts_with(of))
    }
}

impl std::fmt::Display for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}", self.of, self.part)?;
        if !self.title.is_empty() {
            write!(f, ", {}", self.title)?;
        }
        f.write_str(")")
    }
}

fn specification() -> Value {
    serde_json::from_str(include_str!("spec/openapi.json")).unwrap()
}

fn examples() -> impl Iterator<Item = Example> {
    let all: Vec<Map<String, Value>> =
        serde_json::from_str(include_str!("spec/examples.json")).unwrap();
    let told = all.into_iter().map(|mut fields| {
        let text =
            |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (of, title, part) = (text("of"), text("title"), text("part"));
        let mended = text("mended");
        Example { of, title, part, body: fields.remove("body").unwrap_or_default(), mended }
    });
    // Some schemas show an object in the place that is for the examples of data types.
    let schemas = specification()["components"]["schemas"].as_object().unwrap().clone();
    let shown = schemas.into_iter().filter_map(|(of, mut schema)| {
        let body = schema["example"].take();
        let (title, part, mended) = (String::new(), "schema".to_owned(), String::new());
        body.is_object().then_some(Example { of, title, part, body, mended })
    });
    told.chain(shown)
}

/// Reads JSON as a type and writes it again.
type Again = fn(&str) -> serde_json::Result<Value>;

fn again(example: &Example) -> Option<Again> {
    let is_event = example.of.starts_with("Response") && example.of.ends_with("Event");
    if is_event && example.part == "schema" {
        return Some(via::<ResponseEvent>);
    }
    if example.part == "webhook" {
        return Some(via::<WebhookEvent>);
    }
    let row = TYPES.iter().find(|(of, part, _)| *of == example.of && *part == example.part);
    row.map(|(_, _, again)| *again)
}

/// By way of text: a [`Value`] would turn an `f32` into the `f64` next to it.
fn via<T: DeserializeOwned + Serialize>(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&serde_json::to_string(&serde_json::from_str::<T>(json)?)?)
}

/// A grader is the caller's JSON, within the method of a job.
fn via_reinforcement(json: &str) -> serde_json::Result<Value> {
    let grader = serde_json::from_str(json)?;
    let method = FineTuningMethod::reinforcement(grader, Hyperparameters::default());
    let method = serde_json::to_value(&method)?;
    let mut again = serde_json::to_value(serde_json::from_value::<FineTuningMethod>(method)?)?;
    Ok(again["reinforcement"]["grader"].take())
}

/// An event of a run is what its data says it is.
fn via_run_event(json: &str) -> serde_json::Result<Value> {
    let event: Value = serde_json::from_str(json)?;
    match event["object"].as_str() {
        Some("thread") => via::<Thread>(json),
        Some("thread.run") => via::<Run>(json),
        Some("thread.run.step") => via::<RunStep>(json),
        Some("thread.run.step.delta") => via::<RunStepDelta>(json),
        Some("thread.message") => via::<ThreadMessage>(json),
        Some("thread.message.delta") => via::<ThreadMessageDelta>(json),
        _ => Err(serde::de::Error::custom("no such event is known")),
    }
}

/// What goes wrong with a value on the way there and back.
fn fault(again: Again, value: &Value) -> Option<String> {
    match again(&value.to_string()) {
        Ok(written) => difference(value, &written, ""),
        Err(error) => Some(error.to_string()),
    }
}

/// The body that a method sends, put together from what `body` says.
async fn sent(send: Send, body: &Value) -> Value {
    let server = ScriptedServer::start([Reply::json(200, Value::Null)]).await.unwrap();
    let client = Client::builder().base_url(server.url()).build().unwrap();
    send(client, body.clone()).await.unwrap();
    server.requests()[0].json()
}

/// Where and how what was written first differs from what was read.
fn difference(read: &Value, written: &Value, at: &str) -> Option<String> {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            let new = written.iter().find(|(name, _)| !read.contains_key(*name));
            if let Some((name, value)) = new {
                return Some(format!("{at}/{name} is new: {value}"));
            }
            read.iter().find_map(|(name, value)| match written.get(name) {
                Some(written) => difference(value, written, &format!("{at}/{name}")),
                None => Some(format!("{at}/{name} is lost: {value}")),
            })
        }
        (Value::Array(read), Value::Array(written)) if read.len() == written.len() => {
            let mut pairs = read.iter().zip(written).enumerate();
            pairs.find_map(|(place, (read, written))| {
                difference(read, written, &format!("{at}/{place}"))
            })
        }
        (Value::Number(read), Value::Number(written)) if read.as_f64() == written.as_f64() => None,
        (read, written) if read == written => None,
        (read, written) => Some(format!("{at} was {read} and became {written}")),
    }
}

/// What examples are about, by a part of the operation's path or the beginning of the schema's name;
/// the first that fits.
const GROUPS: &[(&str, &[&str])] = &[
    ("webhooks", &["Webhook"]),
    ("fine-tuning", &["/fine_tuning", "FineTuning", "Grader"]),
    ("chat", &["/chat/", "ChatCompletion", "CreateChatCompletion"]),
    ("completions, which are legacy", &["/completions", "CreateCompletion"]),
    ("responses", &["/responses", "Response", "Compact", "TokenCounts"]),
    ("conversations", &["/conversations"]),
    (
        "assistants, threads and runs",
        &["/assistants", "/threads", "Assistant", "ListAssistants", "Thread", "Message", "Run"],
    ),
    ("files and uploads", &["/files", "/uploads", "OpenAIFile", "Upload"]),
    ("batches", &["/batches", "Batch"]),
    ("models", &["/models", "Model"]),
    (
        "embeddings and moderations",
        &["/embeddings", "Embedding", "/moderations", "CreateModeration"],
    ),
];

/// What each example is read as, by operation or schema, and part.
const TYPES: &[(&str, &str, Again)] = &[
    // Models.
    ("GET /models", "response", via::<Page<Model>>),
    ("GET /models/{model}", "response", via::<Model>),
    ("DELETE /models/{model}", "response", via::<ModelDeleted>),
    ("Model", "schema", via::<Model>),
    // Chat.
    ("POST /chat/completions", "request", via::<ChatRequest>),
    ("POST /chat/completions", "response", via::<ChatCompletion>),
    ("POST /chat/completions", "stream", via::<ChatChunk>),
    ("CreateChatCompletionResponse", "schema", via::<ChatCompletion>),
    ("CreateChatCompletionStreamResponse", "stream", via::<ChatChunk>),
    ("GET /chat/completions", "response", via::<Page<ChatCompletion>>),
    ("ChatCompletionList", "schema", via::<Page<ChatCompletion>>),
    ("GET /chat/completions/{completion_id}", "response", via::<ChatCompletion>),
    ("POST /chat/completions/{completion_id}", "response", via::<ChatCompletion>),
    ("DELETE /chat/completions/{completion_id}", "response", via::<ChatCompletionDeleted>),
    ("GET /chat/completions/{completion_id}/messages", "response", via::<Page<Message>>),
    ("ChatCompletionMessageList", "schema", via::<Page<Message>>),
    // Responses.
    ("POST /responses", "request", via::<ResponseRequest>),
    ("POST /responses", "response", via::<Response>),
    ("POST /responses", "stream", via::<ResponseEvent>),
    ("GET /responses/{response_id}", "response", via::<Response>),
    ("DELETE /responses/{response_id}", "response", via::<ResponseDeleted>),
    ("POST /responses/{response_id}/cancel", "response", via::<Response>),
    ("GET /responses/{response_id}/input_items", "response", via::<Page<ResponseItem>>),
    ("ResponseItemList", "schema", via::<Page<ResponseItem>>),
    ("Response", "schema", via::<Response>),
    ("CompactResource", "schema", via::<CompactedResponse>),
    ("TokenCountsResource", "schema", via::<InputTokens>),
    ("POST /responses/input_tokens", "request", via::<ResponseRequest>),
    ("POST /responses/input_tokens", "response", via::<InputTokens>),
    ("POST /responses/compact", "request", via::<ResponseRequest>),
    ("POST /responses/compact", "response", via::<CompactedResponse>),
    // Conversations.
    ("POST /conversations", "request", via::<CreateConversation>),
    ("POST /conversations", "response", via::<Conversation>),
    ("GET /conversations/{conversation_id}", "response", via::<Conversation>),
    ("POST /conversations/{conversation_id}", "response", via::<Conversation>),
    ("DELETE /conversations/{conversation_id}", "response", via::<ConversationDeleted>),
    ("GET /conversations/{conversation_id}/items", "response", via::<Page<ResponseItem>>),
    ("POST /conversations/{conversation_id}/items", "response", via::<Page<ResponseItem>>),
    ("GET /conversations/{conversation_id}/items/{item_id}", "response", via::<ResponseItem>),
    ("DELETE /conversations/{conversation_id}/items/{item_id}", "response", via::<Conversation>),
    // Embeddings and moderations.
    ("POST /embeddings", "request", via::<EmbeddingRequest>),
    ("POST /embeddings", "response", via::<Embeddings>),
    ("Embedding", "schema", via::<Embedding>),
    ("POST /moderations", "request", via::<ModerationRequest>),
    ("POST /moderations", "response", via::<Moderation>),
    ("CreateModerationResponse", "schema", via::<Moderation>),
    // Files.
    ("GET /files", "response", via::<Page<File>>),
    ("POST /files", "response", via::<File>),
    ("GET /files/{file_id}", "response", via::<File>),
    ("DELETE /files/{file_id}", "response", via::<FileDeleted>),
    ("OpenAIFile", "schema", via::<File>),
    ("POST /uploads", "request", via::<CreateUpload>),
    ("POST /uploads", "response", via::<Upload>),
    ("POST /uploads/{upload_id}/parts", "response", via::<UploadPart>),
    ("POST /uploads/{upload_id}/complete", "response", via::<Upload>),
    ("POST /uploads/{upload_id}/cancel", "response", via::<Upload>),
    ("Upload", "schema", via::<Upload>),
    ("UploadPart", "schema", via::<UploadPart>),
    // Batches.
    ("GET /batches", "response", via::<Page<Batch>>),
    ("POST /batches", "request", via::<CreateBatch>),
    ("POST /batches", "response", via::<Batch>),
    ("GET /batches/{batch_id}", "response", via::<Batch>),
    ("POST /batches/{batch_id}/cancel", "response", via::<Batch>),
    ("Batch", "schema", via::<Batch>),
    // Fine-tuning.
    ("POST /fine_tuning/jobs", "request", via::<CreateFineTuningJob>),
    ("POST /fine_tuning/jobs", "response", via::<FineTuningJob>),
    ("GET /fine_tuning/jobs", "response", via::<Page<FineTuningJob>>),
    ("GET /fine_tuning/jobs/{fine_tuning_job_id}", "response", via::<FineTuningJob>),
    ("POST /fine_tuning/jobs/{fine_tuning_job_id}/cancel", "response", via::<FineTuningJob>),
    ("POST /fine_tuning/jobs/{fine_tuning_job_id}/pause", "response", via::<FineTuningJob>),
    ("POST /fine_tuning/jobs/{fine_tuning_job_id}/resume", "response", via::<FineTuningJob>),
    ("GET /fine_tuning/jobs/{fine_tuning_job_id}/events", "response", via::<Page<FineTuningEvent>>),
    (
        "GET /fine_tuning/jobs/{fine_tuning_job_id}/checkpoints",
        "response",
        via::<Page<FineTuningCheckpoint>>,
    ),
    (
        "GET /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions",
        "response",
        via::<Page<CheckpointPermission>>,
    ),
    (
        "POST /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions",
        "response",
        via::<Page<CheckpointPermission>>,
    ),
    (
        "DELETE /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions/{permission_id}",
        "response",
        via::<CheckpointPermissionDeleted>,
    ),
    ("POST /fine_tuning/alpha/graders/run", "response", via::<GraderRun>),
    ("POST /fine_tuning/alpha/graders/validate", "response", via::<GraderValidated>),
    ("GraderLabelModel", "schema", via_reinforcement),
    ("GraderMulti", "schema", via_reinforcement),
    ("GraderPython", "schema", via_reinforcement),
    ("GraderScoreModel", "schema", via_reinforcement),
    ("GraderStringCheck", "schema", via_reinforcement),
    ("GraderTextSimilarity", "schema", via_reinforcement),
    ("FineTuningJob", "schema", via::<FineTuningJob>),
    ("FineTuningJobEvent", "schema", via::<FineTuningEvent>),
    ("FineTuningJobCheckpoint", "schema", via::<FineTuningCheckpoint>),
    ("FineTuningCheckpointPermission", "schema", via::<CheckpointPermission>),
    // Assistants.
    ("GET /assistants", "response", via::<Page<AssistantObject>>),
    ("GET /assistants/{assistant_id}", "response", via::<AssistantObject>),
    ("POST /assistants", "request", via::<AssistantSettings>),
    ("POST /assistants", "response", via::<AssistantObject>),
    ("POST /assistants/{assistant_id}", "request", via::<AssistantSettings>),
    ("POST /assistants/{assistant_id}", "response", via::<AssistantObject>),
    ("DELETE /assistants/{assistant_id}", "response", via::<AssistantDeleted>),
    ("ListAssistantsResponse", "schema", via::<Page<AssistantObject>>),
    ("AssistantObject", "schema", via::<AssistantObject>),
    // Threads.
    ("POST /threads", "request", via::<ThreadSettings>),
    ("POST /threads", "response", via::<Thread>),
    ("GET /threads/{thread_id}", "response", via::<Thread>),
    ("POST /threads/{thread_id}", "request", via::<ThreadSettings>),
    ("POST /threads/{thread_id}", "response", via::<Thread>),
    ("DELETE /threads/{thread_id}", "response", via::<ThreadDeleted>),
    ("ThreadObject", "schema", via::<Thread>),
    ("GET /threads/{thread_id}/messages", "response", via::<Page<ThreadMessage>>),
    ("POST /threads/{thread_id}/messages", "request", via::<CreateThreadMessage>),
    ("POST /threads/{thread_id}/messages", "response", via::<ThreadMessage>),
    ("GET /threads/{thread_id}/messages/{message_id}", "response", via::<ThreadMessage>),
    ("POST /threads/{thread_id}/messages/{message_id}", "response", via::<ThreadMessage>),
    ("DELETE /threads/{thread_id}/messages/{message_id}", "response", via::<ThreadMessageDeleted>),
    ("MessageObject", "schema", via::<ThreadMessage>),
    // Runs.
    ("POST /threads/runs", "request", via::<CreateRun>),
    ("POST /threads/runs", "response", via::<Run>),
    ("POST /threads/runs", "stream", via_run_event),
    ("GET /threads/{thread_id}/runs", "response", via::<Page<Run>>),
    ("POST /threads/{thread_id}/runs", "request", via::<CreateRun>),
    ("POST /threads/{thread_id}/runs", "response", via::<Run>),
    ("POST /threads/{thread_id}/runs", "stream", via_run_event),
    ("GET /threads/{thread_id}/runs/{run_id}", "response", via::<Run>),
    ("POST /threads/{thread_id}/runs/{run_id}", "response", via::<Run>),
    ("POST /threads/{thread_id}/runs/{run_id}/cancel", "response", via::<Run>),
    ("POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "response", via::<Run>),
    ("POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "stream", via_run_event),
    ("GET /threads/{thread_id}/runs/{run_id}/steps", "response", via::<Page<RunStep>>),
    ("GET /threads/{thread_id}/runs/{run_id}/steps/{step_id}", "response", via::<RunStep>),
    ("RunObject", "schema", via::<Run>),
    ("RunStepObject", "schema", via::<RunStep>),
];

/// Requests that take no type but are put together by a method from its arguments.
const SENT: &[(&str, Send)] = &[
    ("POST /chat/completions/{completion_id}", |client, body| {
        Box::pin(async move {
            client.update_chat_completion("c", &metadata(&body)).bytes().await.map(drop)
        })
    }),
    ("POST /conversations/{conversation_id}", |client, body| {
        Box::pin(async move {
            client.update_conversation(&"c".into(), &metadata(&body)).bytes().await.map(drop)
        })
    }),
    ("POST /conversations/{conversation_id}/items", |client, body| {
        Box::pin(async move {
            let items: Vec<ResponseItem> = serde_json::from_value(body["items"].clone()).unwrap();
            client.add_conversation_items(&"c".into(), &items).bytes().await.map(drop)
        })
    }),
    ("POST /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions", |client, body| {
        Box::pin(async move {
            let projects = body["project_ids"].as_array().unwrap();
            let projects: Vec<&str> = projects.iter().filter_map(Value::as_str).collect();
            client.permit_checkpoint(&"c".into(), &projects).bytes().await.map(drop)
        })
    }),
    ("POST /uploads/{upload_id}/complete", |client, body| {
        Box::pin(async move {
            let parts = body["part_ids"].as_array().unwrap();
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            client.complete_upload("u", &parts).bytes().await.map(drop)
        })
    }),
    ("POST /threads/{thread_id}/messages/{message_id}", |client, body| {
        Box::pin(async move {
            client.update_thread_message("t", "m", &metadata(&body)).bytes().await.map(drop)
        })
    }),
    ("POST /threads/{thread_id}/runs/{run_id}", |client, body| {
        Box::pin(
            async move { client.update_run("t", "r", &metadata(&body)).bytes().await.map(drop) },
        )
    }),
    ("POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs", |client, body| {
        Box::pin(async move {
            let outputs: Vec<ToolOutput> =
                serde_json::from_value(body["tool_outputs"].clone()).unwrap();
            match body.get("stream") {
                Some(_) => client.stream_tool_outputs("t", "r", &outputs).bytes().await.map(drop),
                None => client.submit_tool_outputs("t", "r", &outputs).bytes().await.map(drop),
            }
        })
    }),
    ("POST /fine_tuning/alpha/graders/run", |client, body| {
        Box::pin(async move {
            let answer = body["model_sample"].as_str().unwrap();
            client.run_grader(&body["grader"], answer, body.get("item")).bytes().await.map(drop)
        })
    }),
    ("POST /fine_tuning/alpha/graders/validate", |client, body| {
        Box::pin(async move { client.validate_grader(&body["grader"]).bytes().await.map(drop) })
    }),
];

type Send = fn(Client, Value) -> BoxFuture<'static, Result<()>>;

fn metadata(body: &Value) -> Map<String, Value> {
    body["metadata"].as_object().unwrap().clone()
}

/// The examples without a type, by how their names begin, and why.
const WITHOUT_TYPE: &[(&str, &str)] = &[
    ("POST /completions", "the ancestor of chats, which OpenAI calls legacy"),
    ("CreateCompletionResponse", "the same"),
];
