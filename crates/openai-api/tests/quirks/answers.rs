//! Whole answers in forms of their own.

use openai_api::testing::Reply;
use serde_json::{Value, json};

use crate::bodies::{DONE, HEL, LO, STOP, USAGE, hello, hello_with, message};
use crate::quirk::{complete, quirks};

quirks! {
    an_answer_without_id_and_time_is_an_answer:
        complete("Cohere", "https://github.com/davidmigloz/ai_clients_dart/pull/30")
            .says(json!({"choices": [{
                "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop",
            }]}))
            .gives(r#""Hello" -> stop"#);

    choices_of_null_are_no_answer:
        complete("vLLM on RunPod", "https://github.com/langchain-ai/langchain/pull/32314")
            .says(json!({"id": "c", "choices": null, "model": "m", "prompt_logprobs": null}))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type application/json; is the base URL right?: `choices` is missing or empty, \
                    final");

    fields_that_only_vllm_has_are_kept:
        complete("vLLM", "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html")
            .says({
                let mut body = hello();
                body["prompt_logprobs"] = Value::Null;
                body["kv_transfer_params"] = Value::Null;
                body["choices"][0]["stop_reason"] = json!(128_009);
                body["choices"][0]["message"] = json!({
                    "role": "assistant", "reasoning_content": null, "content": "Hello",
                    "tool_calls": [],
                });
                body
            })
            .gives(r#""Hello" -> stop (3+2)"#);

    an_unknown_endpoint_with_status_200_is_an_error:
        complete("LM Studio", "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618")
            .says(json!({"error": "Unexpected endpoint or method. (POST /chat/completions)"}))
            .gives(r#"405 "Unexpected endpoint or method. (POST /chat/completions)", final"#);

    an_error_beside_an_empty_answer_is_an_error:
        complete("OpenRouter", "https://github.com/BerriAI/litellm/issues/8448")
            .says({
                let mut body = message(json!({"role": "assistant", "content": null}));
                body["error"] = json!({
                    "message": "Provider returned error", "code": 429,
                    "metadata": {"raw": "error code: 1015", "provider_name": "Kluster"},
                });
                body
            })
            .gives(r#"429 429 "Provider returned error", again"#);

    thoughts_before_the_text_are_no_text:
        complete("Mistral", "https://github.com/infiniflow/ragflow/pull/14805")
            .says(message(json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": true},
                {"type": "text", "text": "Hello"},
            ]})))
            .gives(r#""Hello" -> stop (3+2)"#);

    reasoning_and_text_come_as_parts:
        complete("Databricks", "https://github.com/posit-dev/chatlas/pull/397")
            .says(message(json!({"role": "assistant", "content": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                {"type": "text", "text": "Hello"},
            ]})))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_call_without_content_and_with_an_empty_id_is_a_call:
        complete("Gemini", "https://github.com/vercel/ai/issues/6663")
            .says(json!({"choices": [{"finish_reason": "tool_calls", "index": 0, "message": {
                "role": "assistant",
                "tool_calls": [{
                    "function": {"arguments": "{\"unit\":\"celsius\"}", "name": "f"},
                    "id": "", "type": "function",
                }],
            }}]}))
            .gives(r#""" :f({"unit":"celsius"}) -> tool_calls"#);

    the_only_answer_may_be_counted_from_one:
        complete("Gemini behind LiteLLM", "https://github.com/BerriAI/litellm/issues/3678")
            .says({
                let mut body = hello();
                body["choices"][0]["index"] = json!(1);
                body
            })
            .gives(r#""Hello" -> stop (3+2)"#);

    calls_of_null_are_no_calls:
        complete("exo", "https://github.com/SeraphimSerapis/tool-eval-bench/issues/11")
            .says(message(json!({
                "role": "assistant", "content": "Hello", "tool_calls": null, "function_call": null,
            })))
            .gives(r#""Hello" -> stop (3+2)"#);

    details_of_the_usage_may_be_objects:
        complete("Qwen", "https://github.com/vanna-ai/vanna/issues/1037")
            .says(hello_with("usage", json!({
                "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            })))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_missing_reason_is_no_error:
        complete("KoboldCpp", "https://github.com/PowerShell/AIShell/issues/350")
            .says(json!({"choices": [{"index": 0, "message": {"content": "Hello"}}]}))
            .gives(r#""Hello" -> nothing"#);

    a_field_that_stands_there_twice_is_no_error:
        complete("NVIDIA", "https://github.com/tinyhumansai/openhuman/issues/4204")
            .replies(Reply::new(200, "application/json", r#"{"choices":[{"message":{
                "content":"Hello","reasoning_content":"Hm.","reasoning_content":"Hm."
            },"finish_reason":"stop"}]}"#))
            .gives(r#""Hello" thought "Hm." -> stop"#);

    a_refusal_comes_in_place_of_the_text:
        complete("OpenAI", "https://platform.openai.com/docs/guides/structured-outputs#refusals")
            .says(message(json!({
                "role": "assistant", "content": null, "refusal": "I cannot.", "annotations": [],
            })))
            .gives(r#""" refused "I cannot." -> stop (3+2)"#);

    no_choices_at_all_are_no_answer:
        complete("Gemini", "https://github.com/affaan-m/ECC/pull/1976")
            .says(json!({"id": "c", "object": "chat.completion", "choices": []}))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type application/json; is the base URL right?: `choices` is missing or empty, \
                    final");

    a_reason_of_its_own_is_kept:
        complete("DeepSeek", "https://docs.rs/crate/ds-api/latest/source/src/raw/response/non_streaming/finish_reason.rs")
            .says({
                let mut body = hello();
                body["choices"][0]["finish_reason"] = json!("insufficient_system_resource");
                body
            })
            .gives(r#""Hello" -> insufficient_system_resource (3+2)"#);

    thoughts_beside_the_text_are_no_text:
        complete("DeepSeek", "https://api-docs.deepseek.com/guides/reasoning_model")
            .says(message(json!({
                "role": "assistant", "content": "Hello", "reasoning_content": "Hm.",
            })))
            .gives(r#""Hello" thought "Hm." -> stop (3+2)"#);

    no_content_is_no_text:
        complete("Mistral", "https://docs.mistral.ai/api/")
            .says(message(json!({"role": "assistant", "content": [], "prefix": false})))
            .gives(r#""" -> stop (3+2)"#);

    a_filter_tells_of_every_choice:
        complete("Azure", "https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-filter")
            .says({
                let mut body = hello();
                body["choices"][0]["content_filter_results"] =
                    json!({"hate": {"filtered": false, "severity": "safe"}});
                body["prompt_filter_results"] = json!([{"prompt_index": 0}]);
                body
            })
            .gives(r#""Hello" -> stop (3+2)"#);

    the_answer_may_lie_in_an_envelope:
        complete("Cloudflare", "https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/")
            .says(json!({"result": {"response": "Hello"}, "success": true, "errors": []}))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type application/json; is the base URL right?: `choices` is missing or empty, \
                    final");

    details_of_the_usage_may_stand_there_under_two_names:
        complete("Fireworks", "https://github.com/BoundaryML/baml/issues/4497")
            .says(hello_with("usage", json!({
                "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 1},
                "output_tokens_details": {"reasoning_tokens": 1},
                "prompt_tokens_details": null, "input_tokens_details": null,
            })))
            .gives(r#""Hello" -> stop (3+2)"#);

    seconds_may_come_with_a_fraction:
        complete("SambaNova", "https://github.com/spiceai/spiceai/issues/5418")
            .says(hello_with("created", json!(1_744_857_525.254_391)))
            .gives(r#""Hello" -> stop (3+2)"#);

    seconds_may_come_as_text:
        complete("a model behind go-openai", "https://github.com/sashabaranov/go-openai/pull/1003")
            .says(hello_with("created", json!("1700000000")))
            .gives(r#""Hello" -> stop (3+2)"#);

    arguments_of_a_call_may_be_an_object:
        complete("llama.cpp", "https://github.com/ggml-org/llama.cpp/issues/20198")
            .says(message(json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "t", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}},
            ]})))
            .gives(r#""" t:f({"a":1}) -> stop (3+2)"#);

    json_with_the_end_of_a_stream_glued_on_is_json:
        complete("9router", "https://github.com/decolua/9router/issues/3492")
            .replies(Reply::new(
                200, "text/event-stream", format!("{}\n\ndata: [DONE]\n\n", hello()),
            ))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_whole_answer_may_come_as_a_stream:
        complete("Unsloth", "https://github.com/unslothai/unsloth/issues/6570")
            .streams([HEL, LO, STOP, USAGE, DONE])
            .gives(r#""Hello" -> stop (3+2)"#);

    the_last_of_two_fields_of_one_name_counts:
        complete("any", "https://www.rfc-editor.org/rfc/rfc8259#section-4")
            .replies(Reply::new(200, "application/json", r#"{"id":"a","id":"b","choices":[{"message":{
                "role":"assistant","content":null,"content":"Hello"
            },"finish_reason":"stop"}]}"#))
            .gives(r#""Hello" -> stop"#);

    a_message_of_null_says_nothing:
        complete("Gemini", "https://github.com/affaan-m/ECC/pull/1976")
            .says(json!({"choices": [
                {"index": 0, "message": null, "finish_reason": "content_filter"},
            ]}))
            .gives(r#""" -> content_filter"#);

    a_choice_without_a_message_says_nothing:
        complete("Gemini", "https://github.com/BerriAI/litellm/pull/40864")
            .says(json!({"choices": [{"index": 0, "finish_reason": "content_filter"}]}))
            .gives(r#""" -> content_filter"#);

    half_a_character_is_no_error:
        complete("any", "https://www.rfc-editor.org/rfc/rfc8259#section-8.2")
            .replies(Reply::new(200, "application/json", r#"{"choices":[{"message":{
                "content":"Hello \ud83d"},"finish_reason":"length"}]}"#))
            .gives("\"Hello \u{fffd}\" -> length");

    bytes_that_are_no_text_are_no_error:
        complete("any", "https://www.rfc-editor.org/rfc/rfc8259#section-8.1")
            .replies(Reply::new(200, "application/json", [
                &br#"{"choices":[{"message":{"content":"Hello "#[..], b"\xf0\x9f",
                br#""},"finish_reason":"length"}]}"#,
            ].concat()))
            .gives("\"Hello \u{fffd}\" -> length");

    counts_may_be_text:
        complete("any", "https://www.rfc-editor.org/rfc/rfc8259#section-6")
            .says(hello_with("usage", json!({
                "prompt_tokens": "3", "completion_tokens": 2.0, "total_tokens": null,
            })))
            .gives(r#""Hello" -> stop (3+2)"#);
}
