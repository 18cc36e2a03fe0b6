//! Assistants, threads and runs, as compatible servers still have them.

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value, json};

use super::{list, serve, told};
use crate::testing::Reply;
use crate::{
    AssistantSettings, CreateRun, CreateThreadMessage, Error, RunEvent, RunStatus, ThreadSettings,
    Tool, ToolOutput,
};

fn answer(id: &str) -> Reply {
    Reply::json(200, json!({"id": id, "deleted": true, "status": "queued"}))
}

fn metadata() -> Map<String, Value> {
    Map::from_iter([("a".to_owned(), "b".into())])
}

#[tokio::test]
async fn an_assistant_is_created_told_changed_listed_and_deleted() {
    let replies = [answer("a"), answer("a"), answer("a"), list(&["a"], false), answer("a")];
    let (server, client) = serve(replies).await;
    let settings = AssistantSettings::new("m")
        .with_name("Lake")
        .with_instructions("Be brief.")
        .with_tools(vec![Tool::built_in("code_interpreter")])
        .with_metadata("team", "lakes");
    client.create_assistant(&settings).await.unwrap();
    client.assistant("a").await.unwrap();
    let change = AssistantSettings::default().with_instructions("Be long.");
    client.update_assistant("a", &change).await.unwrap();
    assert_eq!(client.assistants().query("order", "asc").all().await.unwrap()[0].id, "a");
    assert!(client.delete_assistant("a").await.unwrap().deleted);
    expect_test::expect![[r#"
        POST /v1/assistants {"model":"m","name":"Lake","instructions":"Be brief.","tools":[{"type":"code_interpreter"}],"metadata":{"team":"lakes"}}
        GET /v1/assistants/a
        POST /v1/assistants/a {"instructions":"Be long."}
        GET /v1/assistants?order=asc&limit=100
        DELETE /v1/assistants/a
    "#]]
    .assert_eq(&told(&server));
    for request in server.requests() {
        assert_eq!(request.header("openai-beta"), Some("assistants=v2"), "{}", request.target);
    }
}

#[tokio::test]
async fn a_thread_and_its_messages_are_kept_by_the_server() {
    let message = json!({
        "object": "thread.message", "id": "m", "role": "assistant", "thread_id": "t",
        "content": [
            {"type": "text", "text": {"value": "Still ", "annotations": []}},
            {"type": "image_file", "image_file": {"file_id": "f"}},
            {"type": "text", "text": "water."},
            "!",
        ],
    });
    let (server, client) = serve([
        answer("t"),
        answer("t"),
        answer("t"),
        answer("m"),
        Reply::json(200, message),
        list(&["m"], false),
        answer("m"),
        answer("m"),
        answer("t"),
    ])
    .await;
    let settings = ThreadSettings::new(vec![CreateThreadMessage::user("hi")]);
    client.create_thread(&settings).await.unwrap();
    client.thread("t").await.unwrap();
    client.update_thread("t", ThreadSettings::default().with_metadata("a", "b")).await.unwrap();
    let message = CreateThreadMessage::assistant("hello");
    client.create_thread_message("t", &message).await.unwrap();
    assert_eq!(client.thread_message("t", "m").await.unwrap().text(), "Still water.!");
    assert_eq!(client.thread_messages("t").query("run_id", "r").await.unwrap().data.len(), 1);
    client.update_thread_message("t", "m", &metadata()).await.unwrap();
    assert!(client.delete_thread_message("t", "m").await.unwrap().deleted);
    assert!(client.delete_thread("t").await.unwrap().deleted);
    expect_test::expect![[r#"
        POST /v1/threads {"messages":[{"role":"user","content":"hi"}]}
        GET /v1/threads/t
        POST /v1/threads/t {"metadata":{"a":"b"}}
        POST /v1/threads/t/messages {"role":"assistant","content":"hello"}
        GET /v1/threads/t/messages/m
        GET /v1/threads/t/messages?run_id=r
        POST /v1/threads/t/messages/m {"metadata":{"a":"b"}}
        DELETE /v1/threads/t/messages/m
        DELETE /v1/threads/t
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn a_run_asks_for_tools_and_goes_on_with_what_they_answer() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let waiting = json!({
        "object": "thread.run", "id": "r", "status": "requires_action", "required_action": {
            "type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]},
        },
    });
    let step = json!({"object": "thread.run.step", "id": "s", "type": "tool_calls",
        "status": "completed", "step_details": {"type": "tool_calls", "tool_calls": [call]}});
    let (server, client) = serve([
        answer("r"),
        answer("r"),
        Reply::json(200, waiting),
        answer("r"),
        list(&["r"], false),
        answer("r"),
        answer("r"),
        Reply::json(200, json!({"object": "list", "data": [step], "has_more": false})),
        Reply::json(200, step.clone()),
    ])
    .await;
    let request = || CreateRun::new("a").with_instructions("Be brief.");
    client.create_run("t", request()).await.unwrap();
    client.create_thread_and_run(request().with_thread(ThreadSettings::default())).await.unwrap();
    let run = client.run("t", "r").await.unwrap();
    assert_eq!(run.status, RunStatus::RequiresAction);
    assert!(!run.status.is_terminal());
    let outputs: Vec<_> =
        run.tool_calls().iter().map(|call| ToolOutput::new(&*call.id, "22")).collect();
    let run = client.submit_tool_outputs("t", "r", &outputs).await.unwrap();
    assert!(run.tool_calls().is_empty());
    client.runs("t").await.unwrap();
    client.update_run("t", "r", &metadata()).await.unwrap();
    client.cancel_run("t", "r").await.unwrap();
    let steps = client.run_steps("t", "r").all().await.unwrap();
    assert_eq!(steps[0].step_details.tool_calls[0].function.name, "f");
    client.run_step("t", "r", "s").await.unwrap();
    expect_test::expect![[r#"
        POST /v1/threads/t/runs {"assistant_id":"a","instructions":"Be brief."}
        POST /v1/threads/runs {"assistant_id":"a","thread":{},"instructions":"Be brief."}
        GET /v1/threads/t/runs/r
        POST /v1/threads/t/runs/r/submit_tool_outputs {"tool_outputs":[{"tool_call_id":"c","output":"22"}]}
        GET /v1/threads/t/runs
        POST /v1/threads/t/runs/r {"metadata":{"a":"b"}}
        POST /v1/threads/t/runs/r/cancel
        GET /v1/threads/t/runs/r/steps?limit=100
        GET /v1/threads/t/runs/r/steps/s
    "#]]
    .assert_eq(&told(&server));
    assert!(server.requests().iter().all(|it| it.header("openai-beta").is_some()));
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn run(status: &str) -> Value {
    json!({"object": "thread.run", "id": "r", "status": status})
}

fn delta(text: &str) -> String {
    let content = json!([{"index": 0, "type": "text", "text": {"value": text}}]);
    event(
        "thread.message.delta",
        &json!({"object": "thread.message.delta", "id": "m",
        "delta": {"content": content}}),
    )
}

#[tokio::test]
async fn a_run_is_streamed_to_its_end() {
    let whole = [
        event("thread.created", &json!({"object": "thread", "id": "t"})),
        event("thread.run.queued", &run("queued")),
        event("thread.run.step.created", &json!({"object": "thread.run.step", "id": "s"})),
        event("thread.run.step.delta", &json!({"object": "thread.run.step.delta", "id": "s"})),
        event("thread.message.created", &json!({"object": "thread.message", "id": "m"})),
        delta("Still "),
        delta("water."),
        event("thread.sparkled", &json!({"x": 1})),
        event("thread.run.completed", &run("completed")),
        "event: done\ndata: [DONE]\n\n".to_owned(),
    ];
    let (server, client) = serve([Reply::events(whole)]).await;
    let events = client.stream_run("t", CreateRun::new("a")).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!(events.iter().map(RunEvent::text).collect::<String>(), "Still water.");
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            RunEvent::Thread(_) => "thread",
            RunEvent::Run(run) => run.status.as_str(),
            RunEvent::Step(_) => "step",
            RunEvent::StepDelta(_) => "step grows",
            RunEvent::Message(_) => "message",
            RunEvent::MessageDelta(_) => "message grows",
            RunEvent::Other(name, _) => name,
        })
        .collect();
    assert!(!format!("{events:?}").contains("water"), "{events:?}");
    let expected = [
        "thread",
        "queued",
        "step",
        "step grows",
        "message",
        "message grows",
        "message grows",
        "thread.sparkled",
        "completed",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(told(&server), "POST /v1/threads/t/runs {\"assistant_id\":\"a\",\"stream\":true}\n");
    assert_eq!(server.requests()[0].header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn what_is_no_event_of_the_run_is_harmless() {
    let pings = ": ping\n\nevent: ping\ndata: {}\n\ndata:\n\nretry: 3\n\ndata: : wrapped\n\n";
    let whole = [pings.to_owned(), event("thread.run.completed", &run("completed"))];
    let (_server, client) = serve([Reply::events(whole)]).await;
    let events = client.stream_run("t", CreateRun::new("a")).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(matches!(&events[..], [RunEvent::Run(_)]), "{events:?}");
}

#[tokio::test]
async fn events_without_a_name_or_an_object_are_known_by_the_other() {
    let nameless = format!("data: {}\n\n", run("queued"));
    let bare = event("thread.run.completed", &json!({"id": "r", "status": "completed"}));
    let (_server, client) = serve([Reply::events([nameless, bare])]).await;
    let events = client.stream_thread_and_run(CreateRun::new("a")).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(matches!(&events[..], [RunEvent::Run(_), RunEvent::Run(last)]
        if last.status == RunStatus::Completed));
}

#[tokio::test]
async fn a_run_cut_short_is_no_whole_one_unless_it_had_ended() {
    for (last, is_whole) in [("in_progress", false), ("requires_action", true), ("failed", true)] {
        let (_server, client) =
            serve([Reply::events([event("thread.run.x", &run(last))]).cut_short()]).await;
        let output = [ToolOutput::new("c", "22")];
        let mut events = client.stream_tool_outputs("t", "r", &output).await.unwrap();
        assert!(matches!(events.next().await, Some(Ok(RunEvent::Run(_)))));
        match events.next().await {
            None => assert!(is_whole, "{last}"),
            Some(Err(Error::Truncated)) => assert!(!is_whole, "{last}"),
            other => panic!("{last}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_error_within_a_run_is_told_as_one() {
    let error = json!({"message": "out of luck", "code": "server_error"});
    for event in [
        event("error", &error),
        event("error", &json!({"error": error})),
        format!("data: {}\n\n", json!({"error": error})),
    ] {
        let events = [delta("Still "), event];
        let (_server, client) = serve([Reply::events(events)]).await;
        let events = client.stream_run("t", CreateRun::new("a")).await.unwrap();
        let results: Vec<_> = events.collect().await;
        let [Ok(_), Err(error)] = &results[..] else { panic!("{results:?}") };
        let expected = "the server answered 500 (server_error): out of luck";
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn a_run_that_is_not_streamed_after_all_is_one_event() {
    let (_server, client) = serve([Reply::json(200, run("completed"))]).await;
    let events = client.stream_run("t", CreateRun::new("a")).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(matches!(&events[..], [RunEvent::Run(run)] if run.status == RunStatus::Completed));
    let (_server, client) = serve([Reply::json(200, run("queued"))]).await;
    let events = client.stream_run("t", CreateRun::new("a")).await.unwrap();
    let events: Vec<_> = events.collect().await;
    assert!(matches!(&events[..], [Ok(RunEvent::Run(_)), Err(Error::Truncated)]), "{events:?}");
}

#[test]
fn what_a_server_tells_is_written_as_it_was_read() {
    #[track_caller]
    fn round_trips<T: serde::Serialize + serde::de::DeserializeOwned>(value: Value) {
        let read: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), value);
    }
    round_trips::<crate::ThreadMessage>(json!({
        "id": "m", "object": "thread.message", "assistant_id": null, "file_ids": [],
        "content": [
            {"type": "text", "text": {"value": "", "annotations": []}},
            {"index": 0, "type": "text", "text": {"value": "x"}},
            {"type": "refusal", "refusal": ""},
            {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
            {"type": "sound", "x": null},
        ],
    }));
    round_trips::<crate::Run>(json!({
        "id": "r", "status": "resting", "required_action": null, "tools": [], "usage": null,
        "truncation_strategy": {"type": "auto", "last_messages": null}, "temperature": 1.0,
        "last_error": {"code": "server_error", "message": "x"}, "instructions": null,
    }));
    round_trips::<crate::RunStep>(json!({
        "id": "s", "step_details": {"type": "tool_calls", "tool_calls": [
            {"id": "c", "type": "code_interpreter", "code_interpreter": {"input": "1", "outputs": []}},
            {"id": "d", "type": "function", "function": {"name": "f", "arguments": "", "output": null}},
        ]},
    }));
}
