//! What chunks of a stream hold.

use serde_json::json;

use crate::bodies::{DONE, HEL, LO, STOP, USAGE, data, delta, end};
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

    an_empty_reason_is_no_reason:
        stream("Ollama", "https://github.com/ollama/ollama/issues/4357")
            .streams([
                data(json!({"choices": [
                    {"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": ""},
                ]})).as_str(),
                data(json!({"choices": [
                    {"index": 0, "delta": {"role": "assistant", "content": "lo"}, "finish_reason": ""},
                ]})).as_str(),
            ])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

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

    a_reason_that_says_null_is_no_reason:
        stream("KoboldCpp", "https://github.com/PowerShell/AIShell/issues/350")
            .streams([
                data(json!({"choices": [
                    {"index": 0, "delta": {"content": "Hel"}, "finish_reason": "null"},
                ]})).as_str(),
                LO,
            ])
            .gives(r#""Hello" then the stream ended before the answer was complete, again"#);

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

    text_to_append_may_come_as_parts:
        stream("Mistral", "https://github.com/meilisearch/meilisearch/pull/6327")
            .streams([
                delta(json!({"content": [
                    {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "Hel"},
                ]})).as_str(),
                LO, STOP, DONE,
            ])
            .gives(r#""Hello" -> stop"#);

    thoughts_may_come_as_parts_of_the_text:
        stream("Mistral", "https://github.com/BerriAI/litellm/issues/16272")
            .streams([
                delta(json!({"role": "assistant", "content": ""})).as_str(),
                delta(json!({"content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
                ]})).as_str(),
                delta(json!({"content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "."}], "closed": true},
                    {"type": "text", "text": "Hel"},
                ]})).as_str(),
                LO, STOP, DONE,
            ])
            .gives(r#""Hello" thought "Hm." -> stop"#);

    thoughts_may_come_as_a_summary_among_the_parts:
        stream("Databricks", "https://github.com/posit-dev/chatlas/pull/397")
            .streams([
                delta(json!({"content": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                ]})).as_str(),
                HEL, LO, STOP, DONE,
            ])
            .gives(r#""Hello" thought "Hm." -> stop"#);

    thoughts_beside_the_text_are_not_said:
        stream("DeepSeek", "https://api-docs.deepseek.com/guides/reasoning_model")
            .streams([
                delta(json!({"role": "assistant", "content": null, "reasoning_content": "Hm"})).as_str(),
                delta(json!({"content": null, "reasoning_content": "."})).as_str(),
                HEL, LO, STOP, DONE,
            ])
            .gives(r#""Hello" thought "Hm." -> stop"#);

    thoughts_may_be_told_under_two_names:
        stream("vllm-mlx", "https://github.com/waybarrios/vllm-mlx/issues/310")
            .streams([
                delta(json!({"content": "Hel", "reasoning": "Hel", "reasoning_content": "Hel"})).as_str(),
                LO, STOP, DONE,
            ])
            .gives(r#""Hello" thought "Hel" -> stop"#);

    a_refusal_comes_in_pieces:
        stream("OpenAI", "https://platform.openai.com/docs/guides/structured-outputs#refusals")
            .streams([
                delta(json!({"role": "assistant", "content": null, "refusal": ""})).as_str(),
                delta(json!({"refusal": "I can"})).as_str(),
                delta(json!({"refusal": "not."})).as_str(),
                STOP, DONE,
            ])
            .gives(r#""" refused "I cannot." -> stop"#);

    answers_may_come_in_turns:
        stream("OpenAI", "https://platform.openai.com/docs/api-reference/chat-streaming/streaming")
            .streams([
                data(json!({"choices": [{"index": 1, "delta": {"content": "B"}}]})).as_str(),
                data(json!({"choices": [{"index": 0, "delta": {"content": "A"}}]})).as_str(),
                data(json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]})).as_str(),
                STOP, DONE,
            ])
            .gives(r#""A" -> stop & "B" -> length"#);

    usage_of_null_in_each_chunk_is_no_usage:
        stream("OpenAI", "https://platform.openai.com/docs/api-reference/chat-streaming/streaming")
            .streams([
                HEL.replace("}]}", "}],\"usage\":null}"), LO.replace("}]}", "}],\"usage\":null}"),
                STOP.replace("}]}", "}],\"usage\":null}"), USAGE.to_owned(), DONE.to_owned(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    the_last_of_many_counts_is_the_one:
        stream("Perplexity", "https://github.com/langchain-ai/langchain/pull/38070")
            .streams([
                HEL.replace("}]}", "}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}"),
                LO.replace("}]}", "}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"),
                STOP.replace("}]}", "}],\"usage\":null}"),
                DONE.to_owned(),
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    counts_may_stand_in_a_corner_of_their_own:
        stream("Groq", "https://github.com/groq/groq-python/blob/main/src/groq/types/chat/chat_completion_chunk.py")
            .streams([
                HEL, LO,
                data(json!({
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                    "x_groq": {"id": "req_1", "usage": {
                        "queue_time": 0.02, "prompt_tokens": 3, "prompt_time": 0.001,
                        "completion_tokens": 2, "total_tokens": 5,
                    }},
                })).as_str(),
                DONE,
            ])
            .gives(r#""Hello" -> stop (3+2)"#);

    an_error_may_stand_in_a_corner_of_its_own:
        stream("Groq", "https://github.com/groq/groq-python/blob/main/src/groq/types/chat/chat_completion_chunk.py")
            .streams([
                HEL,
                data(json!({"choices": [], "x_groq": {"id": "req_1", "error": "over capacity"}})).as_str(),
            ])
            .gives(r#""Hel" then 500 "over capacity", again"#);

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

    half_a_character_in_a_stream_is_no_error:
        stream("any", "https://www.rfc-editor.org/rfc/rfc8259#section-8.2")
            .streams([
                "data: {\"choices\":[{\"delta\":{\"content\":\"Hello \\ud83d\"}}]}\n\n",
                end("length").as_str(), DONE,
            ])
            .gives("\"Hello \u{fffd}\" -> length");

    bytes_that_are_no_text_in_a_stream_are_no_error:
        stream("any", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
            .streams([
                &b"data: {\"choices\":[{\"delta\":{\"content\":\"Hello \xf0\x9f\"}}]}\n\n"[..],
                end("length").as_bytes(), DONE.as_bytes(),
            ])
            .gives("\"Hello \u{fffd}\" -> length");
}
