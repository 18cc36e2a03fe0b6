//! Streams framed, ended and broken off in ways of their own.

use openai_api::testing::Reply;
use serde_json::json;

use crate::bodies::{DONE, HEL, LO, STOP, USAGE, data, delta, hello};
use crate::quirk::{quirks, stream};

quirks! {
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

    no_space_follows_the_colon:
        stream("TGI", "https://github.com/huggingface/text-generation-inference/issues/2019")
            .streams([HEL, LO, STOP, DONE].map(|event| event.replacen("data: ", "data:", 1)))
            .gives(r#""Hello" -> stop"#);

    json_may_be_spread_over_lines_of_data:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams(["data: {\"choices\":\ndata: [{\"delta\":{\"content\":\ndata:\"Hello\"}}]}\n\n", STOP])
            .gives(r#""Hello" -> stop"#);

    an_event_may_have_a_name:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL, LO, STOP, DONE].map(|event| format!("event: message\nid: 1\n{event}")))
            .gives(r#""Hello" -> stop"#);

    an_event_of_8_mb_is_an_event:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .replies(Reply::events([
                HEL, LO,
                data(json!({"choices": [], "padding": "x".repeat(8 * 1024 * 1024)})).as_str(),
                STOP, DONE,
            ]))
            .gives(r#""Hello" -> stop"#);

    comments_keep_the_connection_open:
        stream("OpenRouter", "https://github.com/openai/openai-go/issues/227")
            .streams([": OPENROUTER PROCESSING\n\n", ": OPENROUTER PROCESSING\n\n", HEL, LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    keep_alive_comments_are_harmless:
        stream("DeepSeek", "https://api-docs.deepseek.com/quick_start/rate_limit")
            .streams([": keep-alive\n\n", ": keep-alive\n\n", HEL, ": keep-alive\n\n", LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    comments_may_stand_within_an_event:
        stream("OmniRoute", "https://github.com/diegosouzapw/OmniRoute/issues/7031")
            .streams([
                ": omniroute-keepalive\n\n", HEL, LO, STOP,
                ": x-omniroute-cache-hit=false\n: x-omniroute-tokens-in=178\n", DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    comments_wrapped_into_data_are_still_comments:
        stream("Manifest", "https://github.com/mnfst/llm-gateway/issues/2053")
            .streams(["data: : OPENROUTER PROCESSING\n\n", HEL, LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    a_ping_after_an_id_is_no_event:
        stream("llmgateway", "https://github.com/theopenco/llmgateway/pull/2334")
            .streams(["id: 1\n", HEL, ": ping\n\n", "id: 2\n", LO, ": ping\n\n", STOP, DONE])
            .gives(r#""Hello" -> stop"#);

    a_wait_to_reconnect_and_a_ping_are_no_events:
        stream("Anthropic", "https://docs.anthropic.com/en/docs/build-with-claude/streaming")
            .streams([
                "retry: 3000\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n", HEL,
                "event: ping\n\n", LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    empty_data_is_a_heartbeat:
        stream("proxies", "https://github.com/netease-lcap/wave-agent/pull/1326")
            .streams(["data:\n\n", HEL, "data: \n\n", LO, STOP, DONE])
            .gives(r#""Hello" -> stop"#);

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

    the_end_may_be_missing_after_the_reason:
        stream("text-generation-webui", "https://github.com/oobabooga/textgen/issues/4778")
            .streams([HEL, LO, STOP.trim_end()])
            .gives(r#""Hello" -> stop"#);

    usage_without_an_end_is_end_enough_after_a_reason:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, STOP, USAGE])
            .gives(r#""Hello" -> stop (3+2)"#);

    what_follows_the_end_is_not_read:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, STOP, DONE, "data: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}\n\n", "data: {oh\n\n"])
            .gives(r#""Hello" -> stop"#);

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
            .replies(Reply::events([HEL, LO, STOP]).hanging()).briefly()
            .gives(r#""Hello" -> stop"#);

    usage_alone_is_no_end:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO, USAGE])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

    the_end_is_end_enough_without_a_reason:
        stream("gateways before Gemini", "https://github.com/open-learning-exchange/planet/pull/10281")
            .streams([HEL, LO, DONE])
            .gives(r#""Hello" -> stop"#);

    the_end_alone_is_no_answer:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([DONE])
            .gives("the stream ended before the answer was complete, again");

    an_answer_cut_before_its_reason_is_truncated:
        stream("any", "https://platform.openai.com/docs/api-reference/chat/create")
            .streams([HEL, LO])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

    an_answer_cut_within_a_character_is_truncated:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([HEL.as_bytes(), "data: {\"choices\":[{\"delta\":{\"content\":\"lo\u{e9}".as_bytes().split_last().unwrap().1])
            .gives(r#""Hel" then the stream ended before the answer was complete, again"#);

    a_connection_cut_within_an_event_truncates:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .replies(Reply::events([HEL, "data: {\"choices\":[{\"ind"]).cut_short())
            .gives(r#""Hel" then the stream ended before the answer was complete, again"#);

    a_stream_that_falls_silent_is_given_up:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.5")
            .replies(Reply::events([HEL]).hanging()).briefly()
            .gives("\"Hel\" then no further part of the answer within 300ms; allow more time, or \
                    look whether the server is busy, again");

    an_error_as_a_field_of_its_own_is_an_error:
        stream("llama.cpp until 2025", "https://github.com/ggml-org/llama.cpp/pull/16109")
            .streams([
                "error: {\"code\":400,\"message\":\"the request exceeds the available context \
                 size\",\"type\":\"invalid_request_error\"}\n\n",
                DONE,
            ])
            .gives("400 400/invalid_request_error \"the request exceeds the available context \
                    size\", too long, final");

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

    plain_json_is_a_stream_of_one:
        stream("a proxy that does not stream", "https://github.com/ChatGPTBox-dev/chatGPTBox/issues/294")
            .says(hello())
            .gives(r#""Hello" -> stop (3+2)"#);

    an_error_in_plain_json_is_no_empty_stream:
        stream("LM Studio", "https://github.com/pssah4/vault-operator/issues/73")
            .says(json!({"error": "Unexpected endpoint or method. (POST /chat/completions)"}))
            .gives(r#"405 "Unexpected endpoint or method. (POST /chat/completions)", final"#);

    lines_of_json_are_no_stream:
        stream("Tabby", "https://github.com/TabbyML/tabby/issues/1076")
            .replies(Reply::new(200, "text/event-stream", "{\"content\":\" In\"}\n{\"content\":\" it\"}\n"))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type text/event-stream; is the base URL right?: trailing characters, final");

    a_page_in_place_of_a_stream_is_no_answer:
        stream("a captive portal", "https://www.rfc-editor.org/rfc/rfc8952.html#section-1")
            .replies(Reply::new(200, "text/html", "<html>Log in</html>"))
            .gives("could not read the stream: the server answered 200 OK with content type \
                    text/html; is the base URL right?, final");
}
