//! Streams in forms of their own.

use openai_api::testing::Reply;
use serde_json::json;

use crate::bodies::{DONE, HEL, LO, STOP, USAGE, data, delta, end, hello};
use crate::quirk::{quirks, stream};

quirks! {
    a_first_chunk_without_choices_is_harmless:
        stream("Azure", "https://github.com/AbanteAI/archive-old-cli-mentat/issues/429")
            .streams([
                data(json!({
                    "id": "", "choices": [], "created": 0, "model": "", "object": "",
                    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {
                        "hate": {"filtered": false, "severity": "safe"},
                    }}],
                })).as_str(),
                HEL, LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    a_delta_of_null_adds_nothing:
        stream("Azure", "https://github.com/microsoft/agent-framework/pull/5734")
            .streams([
                HEL, LO,
                data(json!({"choices": [
                    {"index": 0, "delta": null, "finish_reason": "stop"},
                ]})).as_str(),
                DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    an_empty_reason_does_not_hide_the_one_that_follows:
        stream("SGLang", "https://github.com/sgl-project/sglang/issues/3912")
            .streams([
                data(json!({"choices": [{
                    "index": 0, "delta": {"role": null, "content": "Hello", "tool_calls": null},
                    "logprobs": null, "finish_reason": "", "matched_stop": null,
                }], "usage": null})).as_str(),
                end("length").as_str(),
                DONE,
            ])
            .gives(r#""Hello" -> length"#);

    the_last_blank_line_may_be_missing:
        stream("llama.cpp", "https://github.com/darshi1337/apogee/pull/139")
            .streams([
                delta(json!({"role": "assistant", "content": null})).as_str(),
                HEL, LO, STOP, "data: [DONE]",
            ])
            .gives(r#""Hello" -> stop"#);

    a_finish_reason_is_end_enough:
        stream("TGI", "https://github.com/huggingface/text-generation-inference/pull/2221")
            .streams([HEL, LO, STOP])
            .gives(r#""Hello" -> stop"#);

    no_space_follows_the_colon:
        stream("TGI", "https://github.com/huggingface/text-generation-inference/issues/2019")
            .streams([HEL, LO, STOP, DONE].map(|event| event.replacen("data: ", "data:", 1)))
            .gives(r#""Hello" -> stop"#);

    comments_keep_the_connection_open:
        stream("OpenRouter", "https://github.com/openai/openai-go/issues/227")
            .streams([": OPENROUTER PROCESSING\n\n", ": OPENROUTER PROCESSING\n\n", HEL, LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    comments_may_stand_within_an_event:
        stream("OmniRoute", "https://github.com/diegosouzapw/OmniRoute/issues/7031")
            .streams([
                ": omniroute-keepalive\n\n", HEL, LO, STOP,
                ": x-omniroute-cache-hit=false\n: x-omniroute-tokens-in=178\n", DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    keep_alive_comments_are_harmless:
        stream("DeepSeek", "https://api-docs.deepseek.com/quick_start/rate_limit")
            .streams([": keep-alive\n\n", ": keep-alive\n\n", HEL, ": keep-alive\n\n", LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    empty_data_is_a_heartbeat:
        stream("proxies", "https://github.com/netease-lcap/wave-agent/pull/1326")
            .streams(["data:\n\n", HEL, "data: \n\n", LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    a_ping_after_an_id_is_no_event:
        stream("llmgateway", "https://github.com/theopenco/llmgateway/pull/2334")
            .streams(["id: 1\n", HEL, ": ping\n\n", "id: 2\n", LO, ": ping\n\n", STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    a_message_beside_the_delta_is_not_said_twice:
        stream("Perplexity", "https://github.com/open-webui/open-webui/issues/9927")
            .streams([
                data(json!({"citations": ["https://example.org"], "choices": [{
                    "index": 0, "finish_reason": null,
                    "message": {"role": "assistant", "content": "Hel"},
                    "delta": {"role": "assistant", "content": "Hel"},
                }]})).as_str(),
                data(json!({"citations": ["https://example.org"], "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Hello"},
                    "delta": {"role": "assistant", "content": "lo"},
                }], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})).as_str(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    plain_json_is_a_stream_of_one:
        stream("a proxy that does not stream", "https://github.com/ChatGPTBox-dev/chatGPTBox/issues/294")
            .says(hello())
            .gives(r#""Hello" -> stop (3+2)"#);

    an_error_in_plain_json_is_no_empty_stream:
        stream("LM Studio", "https://github.com/pssah4/vault-operator/issues/73")
            .says(json!({"error": "Unexpected endpoint or method. (POST /chat/completions)"}))
            .gives(r#"500 "Unexpected endpoint or method. (POST /chat/completions)", again"#);

    an_error_may_lack_kind_and_code:
        stream("LM Studio", "https://github.com/zendev-sh/goai/pull/110")
            .streams([
                HEL,
                data(json!({"error": {"message": "Compute error."}, "message": "Compute error."}))
                    .as_str(),
            ])
            .gives(r#""Hel" then 500 "Compute error.", again"#);

    an_error_event_may_hold_a_bare_text:
        stream("a gateway", "https://github.com/octos-org/octos/issues/13")
            .streams([HEL, "event: error\ndata: {\"error\":\"Stream error: oh\"}\n\n"])
            .gives(r#""Hel" then 500 "Stream error: oh", again"#);

    two_documents_in_one_event_are_unreadable:
        stream("sub2api", "https://github.com/Wei-Shaw/sub2api/issues/1471")
            .streams([HEL, "data: {\"choices\":[{\"de\ndata: {\"type\":\"error\"}\n\n", DONE])
            .gives("\"Hel\" then could not read the chunk of the stream: control character \
                    (\\u0000-\\u001F) found while parsing a string, final");

    usage_of_null_in_each_chunk_is_no_usage:
        stream("OpenAI", "https://platform.openai.com/docs/api-reference/chat-streaming/streaming")
            .streams([
                HEL.replace("}]}", "}],\"usage\":null}"), LO.replace("}]}", "}],\"usage\":null}"),
                STOP.replace("}]}", "}],\"usage\":null}"), USAGE.to_owned(), DONE.to_owned(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    a_connection_cut_within_an_event_truncates:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .replies(Reply::events([HEL, "data: {\"choices\":[{\"ind"]).cut_short())
            .gives(r#""Hel" then the stream ended before the answer was complete, again"#);

    a_byte_order_mark_before_a_stream_is_skipped:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams(["\u{feff}", HEL, LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    lines_may_end_in_a_carriage_return_and_a_line_feed:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL, LO, STOP, DONE].map(|event| event.replace('\n', "\r\n")))
            .gives(r#""Hello" -> stop"#);

    lines_may_end_in_a_carriage_return_alone:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL, LO, STOP, DONE].map(|event| event.replace('\n', "\r")))
            .gives(r#""Hello" -> stop"#);

    json_may_be_spread_over_lines_of_data:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams(["data: {\"choices\":\ndata: [{\"delta\":{\"content\":\ndata:\"Hello\"}}]}\n\n", STOP])
            .gives(r#""Hello" -> stop"#);

    a_wait_to_reconnect_and_a_ping_are_no_events:
        stream("Anthropic", "https://docs.anthropic.com/en/docs/build-with-claude/streaming")
            .streams([
                "retry: 3000\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n", HEL,
                "event: ping\n\n", LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    what_follows_the_end_is_not_read:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, STOP, DONE, "data: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}\n\n", "data: {oh\n\n"])
            .gives(r#""Hello" -> stop"#);

    an_event_of_8_mb_is_an_event:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .replies(Reply::events([
                HEL, LO,
                data(json!({"choices": [], "padding": "x".repeat(8 * 1024 * 1024)})).as_str(),
                STOP, DONE,
            ]))
            .gives(r#""Hello" -> stop"#);

    an_answer_cut_within_a_character_is_truncated:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL.as_bytes(), "data: {\"choices\":[{\"delta\":{\"content\":\"lo\u{e9}".as_bytes().split_last().unwrap().1])
            .gives(r#""Hel" then the stream ended before the answer was complete, again"#);

    an_answer_cut_before_its_reason_is_truncated:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

    usage_without_an_end_is_end_enough_after_a_reason:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, STOP, USAGE])
            .gives(r#""Hello" -> stop (3+2)"#);

    usage_alone_is_no_end:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, USAGE])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

    a_connection_cut_after_the_reason_loses_nothing:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-8")
            .replies(Reply::events([HEL, LO, STOP]).cut_short())
            .gives(r#""Hello" -> stop"#);

    a_connection_left_open_after_the_end_holds_nobody_up:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3")
            .replies(Reply::events([HEL, LO, STOP, DONE]).hanging())
            .gives(r#""Hello" -> stop"#);

    a_connection_left_open_after_the_reason_loses_nothing:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3")
            .replies(Reply::events([HEL, LO, STOP]).hanging())
            .gives(r#""Hello" -> stop"#);

    a_page_in_place_of_a_stream_is_no_answer:
        stream("a captive portal", "https://www.rfc-editor.org/rfc/rfc8952.html#section-1")
            .replies(Reply::new(200, "text/html", "<html>Log in</html>"))
            .gives("could not read the stream: the server answered 200 OK with content type \
                    text/html; is the base URL right?, final");

    thoughts_beside_the_text_are_not_said:
        stream("DeepSeek", "https://api-docs.deepseek.com/guides/reasoning_model")
            .streams([
                delta(json!({"role": "assistant", "content": null, "reasoning_content": "Hm"})).as_str(),
                delta(json!({"content": null, "reasoning_content": "."})).as_str(),
                HEL, LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    the_last_of_many_counts_is_the_one:
        stream("Perplexity", "https://github.com/langchain-ai/langchain/pull/38070")
            .streams([
                HEL.replace("}]}", "}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}"),
                LO.replace("}]}", "}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"),
                STOP.replace("}]}", "}],\"usage\":null}"),
                DONE.to_owned(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    a_filter_may_tell_of_it_later_without_a_delta:
        stream("Azure", "https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-streaming")
            .streams([
                HEL, LO, STOP,
                data(json!({"id": "", "object": "", "created": 0, "model": "", "choices": [{
                    "index": 0, "finish_reason": null,
                    "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}},
                    "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": 5},
                }]})).as_str(),
                DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    an_event_may_have_a_name:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL, LO, STOP, DONE].map(|event| format!("event: message\nid: 1\n{event}")))
            .gives(r#""Hello" -> stop"#);

    a_refusal_comes_in_pieces:
        stream("OpenAI", "https://platform.openai.com/docs/guides/structured-outputs#refusals")
            .streams([
                delta(json!({"role": "assistant", "content": null, "refusal": ""})).as_str(),
                delta(json!({"refusal": "I can"})).as_str(),
                delta(json!({"refusal": "not."})).as_str(),
                STOP, DONE,
            ])
            .gives(r#""" refused "I cannot." -> stop"#);

    the_end_may_be_missing_after_the_reason:
        stream("text-generation-webui", "https://github.com/oobabooga/textgen/issues/4778")
            .streams([HEL, LO, STOP.trim_end()])
            .gives(r#""Hello" -> stop"#);

    a_kind_of_null_is_a_function:
        stream("OpenAI", "https://github.com/vercel/ai/pull/5744")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": null, "type": null,
                    "function": {"name": null, "arguments": "{}"}}]})).as_str(),
                end("tool_calls").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({}) -> tool_calls"#);

    bytes_that_are_no_text_in_a_stream_are_no_error:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([
                &b"data: {\"choices\":[{\"delta\":{\"content\":\"Hello \xf0\x9f\"}}]}\n\n"[..],
                end("length").as_bytes(), DONE.as_bytes(),
            ])
            .gives("\"Hello \u{fffd}\" -> length");

    a_stream_that_falls_silent_is_given_up:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.5")
            .replies(Reply::events([HEL]).hanging())
            .gives("\"Hel\" then no further part of the answer within 300ms; allow more time, or \
                    look whether the server is busy, again");

    the_end_alone_is_no_answer:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([DONE])
            .gives("the stream ended before the answer was complete, again");

    thoughts_may_be_told_under_two_names:
        stream("vllm-mlx", "https://github.com/waybarrios/vllm-mlx/issues/310")
            .streams([
                delta(json!({"content": "Hel", "reasoning": "Hel", "reasoning_content": "Hel"})).as_str(),
                LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    chunks_may_lack_index_and_delta:
        stream("LocalAI", "https://github.com/mudler/LocalAI/issues/648")
            .streams([
                data(json!({"object": "chat.completion.chunk", "model": "m",
                    "choices": [{"delta": {"content": "Hello"}}],
                    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})).as_str(),
                data(json!({"model": "m", "choices": [{"finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})).as_str(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    a_call_may_have_no_id_at_all:
        stream("TabbyAPI", "https://github.com/letta-ai/letta/issues/2761")
            .streams([
                delta(json!({"tool_calls": [
                    {"type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" :f({}) -> tool_calls"#);

    lines_of_json_are_no_stream:
        stream("Tabby", "https://github.com/TabbyML/tabby/issues/1076")
            .replies(Reply::new(200, "text/event-stream", "{\"content\":\" In\"}\n{\"content\":\" it\"}\n"))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type text/event-stream; is the base URL right?: trailing characters, final");
}
