//! Refusals in forms of their own.

use openai_api::testing::Reply;
use serde_json::json;

use crate::bodies::{HEL, data, hello_with};
use crate::quirk::{KEY, complete, job, models, quirks, stream};

quirks! {
    a_refusal_may_have_no_error_object:
        complete("Azure", "https://github.com/Azure-Samples/azure-search-openai-demo/issues/458")
            .refuses(401, json!({
                "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid",
            }))
            .gives(r#"401 "Unauthorized. Access token is missing, invalid", final"#);

    a_refusal_may_say_that_it_is_an_error:
        complete("vLLM before 0.10.1", "https://github.com/vllm-project/vllm/issues/12886")
            .refuses(400, json!({
                "object": "error", "message": "This model's maximum context length is 2048 tokens.",
                "type": "BadRequestError", "param": null, "code": 400,
            }))
            .gives("400 400/BadRequestError \"This model's maximum context length is 2048 \
                    tokens.\", too long, final");

    an_error_with_status_200_keeps_the_code_it_names:
        stream("vLLM", "https://github.com/langgenius/dify-plugin-sdks/pull/74")
            .says(json!({
                "object": "error", "message": "This model's maximum context length is 2048 tokens.",
                "type": "BadRequestError", "param": null, "code": 400,
            }))
            .gives("400 400/BadRequestError \"This model's maximum context length is 2048 \
                    tokens.\", too long, final");

    what_the_model_failed_to_say_is_no_message:
        complete("Groq", "https://github.com/groq/groq-typescript/issues/28")
            .refuses(400, json!({"error": {
                "message": "Failed to call a function. Please adjust your prompt.",
                "type": "invalid_request_error", "code": "tool_use_failed",
                "failed_generation": "{\"tool_calls\": [",
            }}))
            .gives("400 tool_use_failed/invalid_request_error \"Failed to call a function. Please \
                    adjust your prompt.\", final");

    a_list_of_what_is_wrong_becomes_a_message:
        complete("Mistral", "https://github.com/mistralai/client-ts/issues/70")
            .refuses(422, json!({"detail": [{
                "type": "value_error", "loc": ["body", "job_in"],
                "msg": "Value error, At least one training file or repository is required.",
            }]}))
            .gives("422 \"body.job_in: Value error, At least one training file or repository is \
                    required.\", final");

    a_bare_detail_is_a_message:
        complete("Mistral", "https://github.com/mistralai/client-python/issues/450")
            .refuses(422, json!({
                "detail": "Model not available for this type of fine-tuning (completion).",
            }))
            .gives(r#"422 "Model not available for this type of fine-tuning (completion).", final"#);

    a_code_may_be_a_number:
        complete("vLLM", "https://github.com/foundation-model-stack/fms-guardrails-orchestrator/issues/511")
            .refuses(404, json!({"error": {
                "message": "The model `m` does not exist.", "type": "NotFoundError", "param": null,
                "code": 404,
            }}))
            .gives(r#"404 404/NotFoundError "The model `m` does not exist.", no such model, final"#);

    a_code_may_be_a_number_as_text:
        complete("LiteLLM", "https://github.com/BerriAI/litellm/issues/37599")
            .refuses(429, json!({"error": {
                "message": "litellm.RateLimitError: slow down", "type": null, "param": null,
                "code": "429",
            }}))
            .gives(r#"429 429 "litellm.RateLimitError: slow down", again"#);

    none_in_words_is_none:
        complete("LiteLLM", "https://docs.litellm.ai/docs/proxy/users")
            .refuses(401, json!({"error": {
                "message": "Budget has been exceeded: User a has exceeded their budget.",
                "type": "auth_error", "param": "None", "code": 401,
            }}))
            .gives("401 401/auth_error \"Budget has been exceeded: User a has exceeded their \
                    budget.\", final");

    a_key_told_back_is_struck_out:
        complete("LiteLLM", "https://github.com/BerriAI/litellm/issues/18731")
            .refuses(400, json!({"error": {
                "message": format!("Authentication Error - Expired Key. Received={KEY}."),
                "type": "expired_key", "param": KEY, "code": "400",
            }}))
            .gives("400 400/expired_key of [key] \"Authentication Error - Expired Key. \
                    Received=[key].\", final");

    a_deployment_that_is_missing_is_a_model_that_is_missing:
        complete("Azure", "https://github.com/chatboxai/chatbox/issues/646")
            .refuses(404, json!({"error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist.",
            }}))
            .gives("404 DeploymentNotFound \"The API deployment for this resource does not \
                    exist.\", no such model, final");

    a_filter_names_itself_by_code:
        complete("Azure", "https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-filter")
            .refuses(400, json!({"error": {
                "message": "The response was filtered.", "type": null, "param": "prompt",
                "code": "content_filter", "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
                    "hate": {"filtered": true, "severity": "high"},
                }},
            }}))
            .gives(r#"400 content_filter of prompt "The response was filtered.", final"#);

    too_many_requests_tell_their_wait:
        complete("Azure", "https://learn.microsoft.com/en-us/azure/ai-services/openai/quotas-limits")
            .replies(Reply::json(429, json!({"error": {
                "code": "429", "message": "Requests have exceeded call rate limit.",
            }})).with_header("retry-after-ms", "1500").with_header("retry-after", "2"))
            .gives(r#"429 429 "Requests have exceeded call rate limit." after 1.5s, again"#);

    an_error_may_stand_in_an_array:
        complete("Gemini", "https://github.com/googleapis/google-api-python-client/issues/2570")
            .refuses(400, json!([{"error": {
                "code": 400, "message": "Request contains an invalid argument.",
                "status": "INVALID_ARGUMENT",
            }}]))
            .gives(r#"400 400/INVALID_ARGUMENT "Request contains an invalid argument.", final"#);

    a_bare_text_has_its_kind_beside_it:
        complete("TGI", "https://github.com/opea-project/GenAIInfra/issues/487")
            .refuses(422, json!({
                "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048.",
                "error_type": "validation",
            }))
            .gives("422 /validation \"Input validation error: `inputs` tokens + `max_new_tokens` \
                    must be <= 2048.\", too long, final");

    a_model_that_is_loading_is_worth_the_wait:
        complete("Hugging Face", "https://github.com/huggingface/huggingface_hub/issues/2763")
            .refuses(503, json!({
                "error": "Model m is currently loading", "estimated_time": 176.7,
            }))
            .gives(r#"503 "Model m is currently loading", again"#);

    a_model_that_is_loading_has_a_kind:
        complete("llama.cpp", "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
            .refuses(503, json!({"error": {
                "code": 503, "message": "Loading model", "type": "unavailable_error",
            }}))
            .gives(r#"503 503/unavailable_error "Loading model", again"#);

    a_code_may_be_a_sentence:
        complete("xAI", "https://github.com/nocmt/LLMSearchPlus/issues/2")
            .refuses(400, json!({
                "code": "Client specified an invalid argument",
                "error": "The model expects a single `text` element per message.",
            }))
            .gives("400 Client specified an invalid argument \"The model expects a single `text` \
                    element per message.\", final");

    an_error_with_a_sentence_for_a_code_may_come_with_status_200:
        stream("xAI", "https://github.com/vercel/ai/issues/10533")
            .streams([data(json!({
                "code": "The service is currently unavailable",
                "error": "Timed out waiting for first token",
            }))])
            .gives("500 The service is currently unavailable \"Timed out waiting for first \
                    token\", again");

    a_code_may_be_called_error_code:
        complete("Databricks", "https://github.com/BerriAI/litellm/issues/36931")
            .refuses(400, json!({
                "error_code": "BAD_REQUEST",
                "message": "messages.98.thinking_blocks: Extra inputs are not permitted",
            }))
            .gives("400 BAD_REQUEST \"messages.98.thinking_blocks: Extra inputs are not \
                    permitted\", final");

    errors_may_be_a_list:
        complete("Cloudflare", "https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/")
            .refuses(404, json!({
                "result": null, "success": false, "messages": [],
                "errors": [{"code": 7003, "message": "Could not route to /accounts/x/ai"}],
            }))
            .gives(r#"404 7003 "Could not route to /accounts/x/ai", final"#);

    a_gateway_may_say_message_alone:
        models("Amazon API Gateway", "https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html")
            .refuses(403, json!({"message": "Forbidden"}))
            .gives(r#"403 "Forbidden", final"#);

    a_path_that_is_missing_is_no_missing_model:
        complete("FastAPI", "https://fastapi.tiangolo.com/tutorial/handling-errors/")
            .refuses(404, json!({"detail": "Not Found"}))
            .gives(r#"404 "Not Found", final"#);

    a_message_may_be_an_object:
        complete("Mistral", "https://github.com/mistralai/client-ts/issues/70")
            .refuses(422, json!({
                "object": "error", "type": "invalid_request_error", "param": null, "code": null,
                "message": {"detail": [
                    {"loc": ["body", "messages"], "msg": "field required", "type": "missing"},
                ]},
            }))
            .gives(r#"422 /invalid_request_error "body.messages: field required", final"#);

    a_page_of_nginx_is_shown_by_its_beginning:
        complete("nginx", "https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size")
            .replies(Reply::new(413, "text/html", "<html>\r\n<head><title>413 Request Entity Too \
                Large</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"))
            .gives("413 \"<html> <head><title>413 Request Entity Too Large</title></head> <body> \
                    </body> </html>\", final");

    a_page_of_a_proxy_is_worth_another_try:
        complete("Cloudflare", "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/")
            .replies(Reply::new(524, "text/html; charset=UTF-8", "<!DOCTYPE html><title>524</title>"))
            .gives("524 \"<!DOCTYPE html><title>524</title>\", again");

    a_bare_text_from_a_proxy_is_the_message:
        complete("Cloudflare", "https://github.com/BerriAI/litellm/issues/8448")
            .replies(Reply::new(429, "text/plain; charset=UTF-8", "error code: 1015"))
            .gives(r#"429 "error code: 1015", again"#);

    an_empty_refusal_says_what_its_status_means:
        complete("a proxy", "https://github.com/missuo/koe/issues/117")
            .replies(Reply::new(429, "application/json", ""))
            .gives(r#"429 "no explanation (Too Many Requests)", again"#);

    an_overloaded_server_has_a_status_of_its_own:
        complete("Anthropic", "https://docs.anthropic.com/en/api/errors")
            .refuses(529, json!({
                "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"},
                "request_id": "req_1",
            }))
            .gives(r#"529 /overloaded_error "Overloaded", again"#);

    an_exhausted_quota_is_not_worth_another_try:
        complete("OpenAI", "https://github.com/OpenHands/OpenHands/issues/998")
            .refuses(429, json!({"error": {
                "message": "You exceeded your current quota, please check your plan and billing \
                            details.",
                "type": "insufficient_quota", "param": null, "code": "insufficient_quota",
            }}))
            .gives("429 insufficient_quota/insufficient_quota \"You exceeded your current quota, \
                    please check your plan and billing details.\", final");

    an_error_in_the_last_choice_is_an_error:
        stream("OpenRouter", "https://openrouter.ai/docs/api/reference/streaming")
            .streams([
                HEL,
                data(json!({
                    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "error": {"code": "server_error", "message": "Provider disconnected"},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                })).as_str(),
            ])
            .gives(r#""Hel" then 500 server_error "Provider disconnected", again"#);

    an_error_of_null_is_no_error:
        complete("inferencer", "https://github.com/inferencerlabs/inferencer-feedback/issues/42")
            .says(hello_with("error", json!(null)))
            .gives(r#""Hello" -> stop (3+2)"#);

    an_error_of_no_fields_is_no_error:
        complete("any", "https://platform.openai.com/docs/api-reference/responses/object")
            .says(hello_with("error", json!({})))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_job_that_is_missing_is_no_missing_model:
        job("OpenAI", "https://platform.openai.com/docs/guides/error-codes")
            .refuses(404, json!({"error": {
                "message": "Could not find fine tune: ftjob-1", "type": "invalid_request_error",
                "param": "fine_tune_id", "code": "fine_tune_not_found",
            }}))
            .gives("404 fine_tune_not_found/invalid_request_error of fine_tune_id \"Could not find \
                    fine tune: ftjob-1\", final");

    a_prompt_that_is_too_long_is_known_by_its_words:
        complete("Anthropic", "https://github.com/entropy-research/Devon/issues/88")
            .refuses(400, json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 209353 tokens > 199999 maximum",
            }}))
            .gives("400 /invalid_request_error \"prompt is too long: 209353 tokens > 199999 \
                    maximum\", too long, final");

    a_list_of_errors_may_have_a_trace:
        complete("IBM watsonx.ai", "https://ibm.github.io/watsonx-ai-node-sdk/interfaces/0_1_x.WatsonXAI.ApiErrorResponse.html")
            .refuses(404, json!({
                "errors": [{
                    "code": "model_not_supported", "message": "Model 'm' is not supported",
                    "more_info": "https://cloud.ibm.com/apidocs/watsonx-ai",
                }],
                "trace": "9d8c", "status_code": 404,
            }))
            .gives(r#"404 model_not_supported "Model 'm' is not supported", no such model, final"#);

    a_problem_has_details:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9457.html#section-3")
            .replies(Reply::new(403, "application/problem+json", json!({
                "type": "https://example.com/probs/out-of-credit", "status": 403,
                "title": "You do not have enough credit.", "detail": "Your balance is 30.",
            }).to_string()))
            .gives("403 /https://example.com/probs/out-of-credit \"Your balance is 30.\", final");

    a_problem_may_have_a_title_alone:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9457.html#section-3.1.3")
            .replies(Reply::new(503, "application/problem+json", json!({
                "type": "about:blank", "status": 503, "title": "Service Unavailable",
            }).to_string()))
            .gives("503 /about:blank \"Service Unavailable\", again");

    an_error_within_a_choice_is_an_error:
        complete("OpenRouter", "https://github.com/genkit-ai/genkit/pull/6259")
            .says(json!({"choices": [{
                "index": 0, "finish_reason": "error", "message": {"role": "assistant", "content": ""},
                "error": {"code": 502, "message": "Provider returned error"},
            }]}))
            .gives(r#"502 502 "Provider returned error", again"#);

    an_error_within_a_choice_of_a_stream_is_an_error:
        stream("OpenRouter", "https://github.com/genkit-ai/genkit/pull/6259")
            .streams([
                HEL,
                data(json!({"choices": [{
                    "index": 0, "finish_reason": "error", "delta": {"content": ""},
                    "error": {"code": 502, "message": "Provider returned error"},
                }]})).as_str(),
            ])
            .gives(r#""Hel" then 502 502 "Provider returned error", again"#);

    an_overloaded_server_may_say_so_late:
        stream("Anthropic", "https://docs.anthropic.com/en/docs/build-with-claude/streaming#error-events")
            .streams([
                HEL,
                "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \
                 \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n",
            ])
            .gives(r#""Hel" then 529 /overloaded_error "Overloaded", again"#);

    a_conversation_that_is_too_long_may_be_refused_late:
        stream("OpenRouter", "https://openrouter.ai/docs/api/reference/streaming")
            .streams([data(json!({
                "error": {"code": "context_length_exceeded", "message": "Too many tokens"},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            }))])
            .gives(r#"400 context_length_exceeded "Too many tokens", too long, final"#);

    a_late_error_may_name_the_status_it_missed:
        stream("TGI", "https://github.com/huggingface/text-generation-inference/issues/2749")
            .streams([data(json!({"error": {
                "message": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= \
                            4096. Given: 8740 `inputs` tokens and 500 `max_new_tokens`",
                "http_status_code": 422,
            }}))])
            .gives("422 \"Input validation error: `inputs` tokens + `max_new_tokens` must be <= \
                    4096. Given: 8740 `inputs` tokens and 500 `max_new_tokens`\", too long, final");
}
