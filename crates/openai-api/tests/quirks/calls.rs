//! Calls of tools that come in pieces.

use serde_json::json;

use crate::bodies::{DONE, STOP, delta, end};
use crate::quirk::{quirks, stream};

quirks! {
    calls_that_share_an_index_are_told_apart_by_id:
        stream("Ollama", "https://github.com/ollama/ollama/issues/15457")
            .streams([
                delta(json!({"tool_calls": [{"id": "a", "index": 0, "type": "function",
                    "function": {"name": "f", "arguments": "{\"x\":1}"}}]})).as_str(),
                delta(json!({"tool_calls": [{"id": "b", "index": 0, "type": "function",
                    "function": {"name": "g", "arguments": "{\"y\":2}"}}]})).as_str(),
                end("tool_calls").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({"x":1}) b:g({"y":2}) -> tool_calls"#);

    calls_without_index_are_told_apart_by_id:
        stream("Gemini", "https://github.com/THU-MAIC/OpenMAIC/issues/1556")
            .streams([
                delta(json!({"role": "assistant", "tool_calls": [{
                    "extra_content": {"google": {"thought_signature": "s"}},
                    "function": {"arguments": "{\"x\":1}", "name": "f"},
                    "id": "a", "type": "function",
                }]})).as_str(),
                delta(json!({"tool_calls": [{
                    "function": {"arguments": "{\"y\":2}", "name": "g"},
                    "id": "b", "type": "function",
                }]})).as_str(),
                end("stop").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({"x":1}) b:g({"y":2}) -> stop"#);

    calls_in_one_chunk_without_index_are_two:
        stream("Ollama before 0.4.7", "https://github.com/ollama/ollama/issues/7881")
            .streams([
                delta(json!({"tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ]})).as_str(),
                end("stop").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({}) b:g({}) -> stop"#);

    an_empty_id_and_kind_belong_to_the_call_under_way:
        stream("Gemini behind a proxy", "https://github.com/AstrBotDevs/AstrBot/issues/6661")
            .streams([
                delta(json!({"tool_calls": [{
                    "id": "a", "type": "function", "function": {"name": "f", "arguments": ""},
                }]})).as_str(),
                delta(json!({"tool_calls": [
                    {"id": "", "type": "", "function": {"arguments": "{\"x\":1}"}},
                ]})).as_str(),
                end("tool_calls").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({"x":1}) -> tool_calls"#);

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

    a_call_may_have_no_id_at_all:
        stream("TabbyAPI", "https://github.com/letta-ai/letta/issues/2761")
            .streams([
                delta(json!({"tool_calls": [
                    {"type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" :f({}) -> tool_calls"#);

    pieces_of_a_call_that_name_it_again_are_of_one_call:
        stream("any", "https://platform.openai.com/docs/api-reference/chat-streaming/streaming")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": "{\"x\""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": ":1}"}}]})).as_str(),
                end("tool_calls").as_str(),
                DONE,
            ])
            .gives(r#""" a:f({"x":1}) -> tool_calls"#);

    arguments_of_a_streamed_call_may_be_an_object:
        stream("TGI", "https://github.com/huggingface/text-generation-inference/issues/2461")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "0", "type": "function",
                    "function": {"name": "f", "arguments": {"format": "celsius"}}}]})).as_str(),
                STOP, DONE,
            ])
            .gives(r#""" 0:f({"format":"celsius"}) -> stop"#);

    an_index_that_is_always_0_goes_with_the_call_that_began_last:
        stream("vLLM", "https://github.com/InternLM/lmdeploy/issues/3412")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "", "type": "function",
                    "function": {"name": null, "arguments": "{\"x\":1}"}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "b", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "", "type": "function",
                    "function": {"name": null, "arguments": "{\"x\":2}"}}]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" a:f({"x":1}) b:f({"x":2}) -> tool_calls"#);

    ids_may_be_numbers_as_text_and_come_in_each_piece:
        stream("SGLang", "https://github.com/InternLM/lmdeploy/issues/3412")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "0", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "0", "type": "function",
                    "function": {"name": null, "arguments": "{}"}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "1", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "1", "type": "function",
                    "function": {"name": null, "arguments": "{}"}}]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" 0:f({}) 1:f({}) -> tool_calls"#);

    an_id_that_changes_with_each_piece_is_the_first:
        stream("mlx-openai-server", "https://github.com/cubist38/mlx-openai-server/pull/216")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": ""}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 0, "id": "b", "type": "function",
                    "function": {"arguments": "{}"}}]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" a:f({}) -> tool_calls"#);

    only_the_first_call_may_have_an_id:
        stream("SGLang", "https://github.com/sgl-project/sglang/issues/7048")
            .streams([
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]})).as_str(),
                delta(json!({"tool_calls": [{"index": 1, "id": null, "type": "function",
                    "function": {"name": "g", "arguments": "{}"}}]})).as_str(),
                end("tool_calls").as_str(), DONE,
            ])
            .gives(r#""" a:f({}) :g({}) -> tool_calls"#);
}
