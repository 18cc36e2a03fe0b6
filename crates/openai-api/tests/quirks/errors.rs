//! Refusals in forms of their own.

use serde_json::json;

use crate::quirk::{complete, quirks, stream};

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
                    tokens.\", final");

    an_error_with_status_200_keeps_the_code_it_names:
        stream("vLLM", "https://github.com/langgenius/dify-plugin-sdks/pull/74")
            .says(json!({
                "object": "error", "message": "This model's maximum context length is 2048 tokens.",
                "type": "BadRequestError", "param": null, "code": 400,
            }))
            .gives("400 400/BadRequestError \"This model's maximum context length is 2048 \
                    tokens.\", final");

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
}
