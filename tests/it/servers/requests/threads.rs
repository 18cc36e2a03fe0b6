use openai_api::{
    Client, Content, ContentPart, CreateRun, CreateThreadMessage, ImageUrl, ThreadSettings, Tool,
    ToolOutput,
};
use serde_json::{Map, Value, json};

use super::{Sent, send};

const THREAD: &str = "thread_abc123";

/// Every request about threads and their messages.
pub async fn threads(client: &Client) -> Vec<Sent> {
    const MESSAGE: &str = "msg_abc123";

    let image = ContentPart::from_image(ImageUrl::new("https://example.com/image.png"));
    let parts = Content::Parts(vec![ContentPart::from_text("What is this?"), image]);
    let hello = || CreateThreadMessage::user("Hello");
    let settings = ThreadSettings::new(vec![hello(), CreateThreadMessage::assistant("Hello.")]);
    let topic = ThreadSettings::new(Vec::new()).with_metadata("topic", "demo");
    let update = client.update_thread_message(THREAD, MESSAGE, &metadata());
    let with_parts = CreateThreadMessage::user(parts);
    let thread = |method: &str| format!("{method} /threads/{{thread_id}}");
    let message = |method: &str| format!("{method} /threads/{{thread_id}}/messages/{{message_id}}");
    let messages = |method: &str| format!("{method} /threads/{{thread_id}}/messages");
    let listed = client.thread_messages(THREAD).limit(2).after(MESSAGE);
    vec![
        send("POST /threads", client.create_thread(&settings)).await,
        send(&thread("GET"), client.thread(THREAD)).await,
        send(&thread("POST"), client.update_thread(THREAD, &topic)).await,
        send(&thread("DELETE"), client.delete_thread(THREAD)).await,
        send(&messages("POST"), client.create_thread_message(THREAD, hello())).await,
        send(&messages("POST"), client.create_thread_message(THREAD, &with_parts)).await,
        send(&messages("GET"), listed).await,
        send(&message("GET"), client.thread_message(THREAD, MESSAGE)).await,
        send(&message("POST"), update).await,
        send(&message("DELETE"), client.delete_thread_message(THREAD, MESSAGE)).await,
    ]
}

/// Every request about runs and their steps that is answered whole.
pub async fn runs(client: &Client) -> Vec<Sent> {
    const RUN: &str = "run_abc123";
    const STEP: &str = "step_abc123";

    let all = "/threads/{thread_id}/runs";
    let one = format!("{all}/{{run_id}}");
    let with_thread =
        asked().with_thread(ThreadSettings::new(vec![CreateThreadMessage::user("Hello")]));
    let with_message = asked().with_message(CreateThreadMessage::user("And now?"));
    let outputs = [ToolOutput::new("call_abc123", "Rain")];
    let submit = client.submit_tool_outputs(THREAD, RUN, &outputs);
    let steps = client.run_steps(THREAD, RUN).limit(2);
    let step = client.run_step(THREAD, RUN, STEP);
    vec![
        send("POST /threads/runs", client.create_thread_and_run(with_thread)).await,
        send(&format!("POST {all}"), client.create_run(THREAD, asked())).await,
        send(&format!("POST {all}"), client.create_run(THREAD, with_message)).await,
        send(&format!("GET {all}"), client.runs(THREAD).limit(2)).await,
        send(&format!("GET {one}"), client.run(THREAD, RUN)).await,
        send(&format!("POST {one}"), client.update_run(THREAD, RUN, &metadata())).await,
        send(&format!("POST {one}/cancel"), client.cancel_run(THREAD, RUN)).await,
        send(&format!("POST {one}/submit_tool_outputs"), submit).await,
        send(&format!("GET {one}/steps"), steps).await,
        send(&format!("GET {one}/steps/{{step_id}}"), step).await,
    ]
}

/// Every request about runs that is answered in events.
pub async fn streamed_runs(client: &Client) -> Vec<Sent> {
    let all = "POST /threads/{thread_id}/runs";
    let outputs = [ToolOutput::new("call_abc123", "Rain")];
    let submit = client.stream_tool_outputs(THREAD, "run_abc123", &outputs);
    vec![
        send("POST /threads/runs", client.stream_thread_and_run(asked())).await,
        send(all, client.stream_run(THREAD, asked())).await,
        send(&format!("{all}/{{run_id}}/submit_tool_outputs"), submit).await,
    ]
}

fn asked() -> CreateRun {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    CreateRun::new("asst_abc123").with_instructions("Be brief.").with_tools(vec![Tool::function(
        "weather",
        "The weather in a city",
        parameters,
    )])
}

fn metadata() -> Map<String, Value> {
    Map::from_iter([("topic".to_owned(), "demo".into())])
}
