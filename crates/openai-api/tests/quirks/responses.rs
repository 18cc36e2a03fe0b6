//! Responses, whole and in events.

use openai_api::testing::Reply;
use serde_json::{Value, json};

use crate::bodies::data;
use crate::quirk::{look_at_response, quirks, respond, respond_in_events};

quirks! {
    a_response_may_not_tell_its_tools:
        respond("LM Studio", "https://github.com/0xPlaygrounds/rig/pull/1021")
            .says(json!({
                "id": "resp_1", "object": "response", "created_at": 1_761_913_150,
                "status": "completed", "model": "m", "output": [message("Hello")],
                "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
                          "output_tokens_details": {"reasoning_tokens": 0}},
                "previous_response_id": null,
            }))
            .gives(r#""Hello" -> completed (3+2)"#);

    what_is_not_set_may_be_null:
        respond("vLLM", "https://github.com/vllm-project/vllm/pull/47184")
            .says(json!({
                "id": "resp_1", "object": "response", "status": "completed", "model": "m",
                "text": null, "user": null, "tools": [], "metadata": null, "input_messages": null,
                "output": [
                    {"id": "rs_1", "type": "reasoning", "summary": [], "content": null,
                     "encrypted_content": null, "status": null},
                    {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f",
                     "arguments": "{}", "namespace": null, "status": null},
                ],
            }))
            .gives(r#""" c1:f({}) -> completed"#);

    items_may_have_no_id:
        respond("any relay", "https://github.com/lidge-jun/opencodex/pull/2131")
            .says(json!({"id": "resp_1", "status": "completed", "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant",
                 "content": [{"type": "output_text", "text": "Hello"}]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            ]}))
            .gives(r#""Hello" c1:f({}) -> completed"#);

    a_response_that_waits_has_neither_output_nor_time:
        look_at_response("Azure", "https://github.com/BerriAI/litellm/issues/37158")
            .says(json!({"id": "resp_1", "created_at": null, "output": null, "status": "queued"}))
            .gives(r#""" -> queued"#);

    a_whole_response_may_come_in_events:
        respond("Codex", "https://github.com/farion1231/cc-switch/issues/2216")
            .streams(events([created(), text("Hel"), text("lo"), completed(json!([message("Hello")]))]))
            .gives(r#""Hello" -> completed (3+2)"#);

    a_cut_off_response_may_be_called_completed:
        respond_in_events("vLLM", "https://github.com/vllm-project/vllm/pull/45386")
            .streams(events([created(), text("Hel"), json!({
                "type": "response.completed",
                "response": {"id": "resp_1", "status": "incomplete", "output": [message("Hel")],
                             "incomplete_details": {"reason": "max_output_tokens"}},
            })]))
            .gives(r#""Hel" -> incomplete for max_output_tokens"#);

    events_that_end_before_the_response_are_cut_short:
        respond_in_events("Ollama", "https://github.com/ollama/ollama/issues/17118")
            .streams(events([created(), json!({
                "type": "response.reasoning_summary_text.delta", "item_id": "rs_1",
                "output_index": 0, "summary_index": 0, "delta": "Let me",
            })]))
            .gives("the stream ended before the answer was complete, again");

    events_of_others_are_harmless:
        respond_in_events("CLIProxyAPI", "https://github.com/router-for-me/CLIProxyAPI/issues/6007")
            .streams([
                "event: codex.rate_limits\n".to_owned()
                    + &data(json!({"type": "codex.rate_limits", "primary": {"used_percent": 3}})),
                events([created(), text("Hello")]).concat(),
                "event: responsesapi.websocket_timing\n".to_owned() + &data(json!({
                    "type": "responsesapi.websocket_timing", "ms": 12,
                })),
                event(&completed(json!([message("Hello")]))),
            ])
            .gives(r#""Hello" -> completed (3+2)"#);

    the_end_of_a_chat_may_end_a_response:
        respond_in_events("LiteLLM", "https://github.com/BerriAI/litellm/pull/34095")
            .streams([
                events([created(), text("Hello"), completed(json!([message("Hello")]))]).concat(),
                "data: [DONE]\n\n".to_owned(),
            ])
            .gives(r#""Hello" -> completed (3+2)"#);

    the_output_may_be_told_by_the_events_alone:
        respond_in_events("Llama Stack", "https://github.com/ogx-ai/ogx/issues/5309")
            .streams(events([created(), text("Hel"), text("lo"), completed(json!([]))]))
            .gives(r#""Hello" -> completed (3+2)"#);

    ids_of_one_item_may_differ_from_event_to_event:
        respond_in_events("GitHub Copilot", "https://github.com/BerriAI/litellm/issues/30071")
            .streams(events([
                created(),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {
                    "id": "msg_a", "type": "message", "role": "assistant", "content": [],
                }}),
                json!({"type": "response.output_text.delta", "item_id": "msg_b",
                       "output_index": 0, "content_index": 0, "delta": "Hel"}),
                json!({"type": "response.output_text.delta", "item_id": "msg_c",
                       "output_index": 0, "content_index": 0, "delta": "lo"}),
                completed(json!([])),
            ]))
            .gives(r#""Hello" -> completed (3+2)"#);

    a_call_may_lose_its_id_on_the_way:
        respond_in_events("Bedrock Mantle", "https://github.com/anomalyco/opencode/pull/46885")
            .streams(events([
                created(),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {
                    "id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f",
                    "arguments": "",
                }}),
                json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
                       "output_index": 0, "delta": "{\"x\":1}"}),
                json!({"type": "response.output_item.done", "output_index": 0, "item": {
                    "item_id": "fc_1", "output_index": 0, "type": "function_call",
                    "call_id": "c1", "name": "f", "arguments": "{\"x\":1}",
                }}),
                completed(json!([])),
            ]))
            .gives(r#""" c1:f({"x":1}) -> completed (3+2)"#);

    the_kind_of_an_event_may_stand_beside_its_data_alone:
        respond_in_events("cursor2api", "https://github.com/7836246/cursor2api/issues/116")
            .streams([
                "event: response.output_text.delta\ndata: {\"output_index\":0,\"delta\":\"Hello\"}\n\n",
                "event: response.completed\ndata: {\"response\":{\"id\":\"resp_1\",\
                 \"status\":\"completed\"}}\n\n",
            ])
            .gives(r#""Hello" -> completed"#);

    an_error_may_be_glued_to_the_event_before:
        respond_in_events("sub2api", "https://github.com/Wei-Shaw/sub2api/issues/1471")
            .streams([
                event(&text("Hel")).as_str(),
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"respo\n",
                "data: {\"type\":\"error\",\"error\":{\"message\":\"stream_read_error\"}}\n\n",
            ])
            .gives(r#""Hel" then could not read the event of the stream: control character (\u0000-\u001F) found while parsing a string, final"#);

    an_error_may_be_plain_text:
        respond_in_events("Crane", "https://github.com/lucasjinreal/Crane/pull/121")
            .streams([event(&text("Hel")).as_str(), "data: error: out of memory\n\n"])
            .gives(r#""Hel" then 500 "error: out of memory", again"#);

    a_stream_may_begin_with_an_error_of_the_model:
        respond_in_events("Codex", "https://github.com/earendil-works/pi/pull/551")
            .replies(Reply::events(events([created(), json!({
                "type": "response.failed",
                "response": {"id": "resp_1", "status": "failed", "error": {
                    "code": "context_length_exceeded",
                    "message": "Your input exceeds the context window of this model.",
                }},
            })])))
            .gives(r#"400 context_length_exceeded "Your input exceeds the context window of this model.", too long, final"#);
}

fn message(text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}

fn created() -> Value {
    let response = json!({"id": "resp_1", "status": "in_progress", "output": []});
    json!({"type": "response.created", "sequence_number": 0, "response": response})
}

fn text(delta: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
           "content_index": 0, "delta": delta})
}

#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` in place")]
fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {
        "id": "resp_1", "status": "completed", "output": output,
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }})
}

fn events(events: impl IntoIterator<Item = Value>) -> Vec<String> {
    events.into_iter().map(|it| event(&it)).collect()
}

fn event(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
}
