//! Batches, and what is deleted.

use openai_api::testing::Reply;
use serde_json::json;

use crate::bodies::hello;
use crate::quirk::{batch, batch_answers, batches, create_batch, delete_file, quirks};

quirks! {
    a_batch_that_failed_throughout_has_no_output:
        batch("OpenAI", "https://github.com/BerriAI/litellm/issues/33987")
            .says(json!({
                "id": "batch_1", "object": "batch", "endpoint": "/v1/responses", "errors": null,
                "status": "completed", "output_file_id": null, "error_file_id": "file-e",
                "request_counts": {"total": 9, "completed": 0, "failed": 9},
            }))
            .gives("batch_1 completed 0+9 of 9 -> file-e");

    a_batch_that_is_gone_is_an_error_whatever_the_status:
        batch("OpenAI", "https://github.com/tensorzero/tensorzero/issues/1198")
            .says(json!({"error": {
                "message": "No batch found with id 'batch_1'.",
                "type": "invalid_request_error", "param": null, "code": null,
            }}))
            .gives(r#"400 /invalid_request_error "No batch found with id 'batch_1'.", final"#);

    a_batch_that_is_refused_says_in_which_line:
        batch("OpenAI", "https://github.com/stdapi-ai/stdapi.ai/issues/240")
            .says(json!({
                "id": "batch_1", "object": "batch", "status": "failed", "output_file_id": null,
                "errors": {"object": "list", "data": [{
                    "code": "invalid_json_line", "line": 1, "param": null,
                    "message": "This line is not parseable as valid JSON.",
                }]},
                "request_counts": {"total": 0, "completed": 0, "failed": 0},
            }))
            .gives(r#"batch_1 failed 0+0 of 0 failed "This line is not parseable as valid JSON.""#);

    files_that_are_not_there_may_have_no_name:
        batch_answers("Azure", "https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/batch")
            .says(json!({
                "id": "batch_1", "object": "batch", "endpoint": "/chat/completions",
                "status": "completed", "created_at": 1_744_402_048, "metadata": null,
                "input_file_id": "file-1", "output_file_id": "file-o", "error_file_id": "",
                "errors": null, "request_counts": {"total": 1, "completed": 1, "failed": 0},
            }))
            .replies(Reply::new(200, "application/octet-stream", json!({
                "custom_id": "q1", "error": null,
                "response": {"body": hello(), "request_id": "", "status_code": 200},
            }).to_string()))
            .gives(r#"q1 "Hello" -> stop (3+2)"#);

    counts_of_a_batch_may_be_of_other_kinds_too:
        batches("Bifrost", "https://docs.getbifrost.ai/api-reference/openai-integration/list-batch-jobs-openai-format")
            .says(json!({"object": "list", "data": [{
                "id": "batch_1", "object": "batch", "status": "ended",
                "request_counts": {"total": 3, "completed": 1, "failed": 0, "succeeded": 1,
                                   "expired": 1, "canceled": 0, "pending": 1},
            }]}))
            .gives("batch_1 ended 1+0 of 3");

    statuses_of_batches_may_be_in_upper_case:
        batch("Together", "https://docs.together.ai/docs/inference/batch/manage")
            .says(json!({
                "id": "batch_1", "user_id": "u", "input_file_id": "file-1", "status": "IN_PROGRESS",
                "file_size_bytes": 160, "endpoint": "/v1/chat/completions", "progress": 75.0,
            }))
            .gives("batch_1 in_progress");

    a_new_batch_may_come_in_a_wrapper:
        create_batch("Together", "https://github.com/togethercomputer/together-python/blob/main/src/together/resources/batch.py")
            .says(json!({"job": {
                "id": "batch_1", "user_id": "u", "input_file_id": "file-1", "status": "VALIDATING",
                "job_deadline": "2025-06-02T16:32:41.123Z",
                "created_at": "2025-06-01T16:32:41.123Z", "progress": 0.0,
            }}))
            .gives("batch_1 validating");

    batches_may_come_as_a_bare_array:
        batches("Together", "https://github.com/togethercomputer/together-python/blob/main/src/together/resources/batch.py")
            .says(json!([
                {"id": "batch_1", "status": "COMPLETED", "output_file_id": "file-o", "error": "",
                 "created_at": "2025-06-01T16:32:41.123Z", "completed_at": null},
                {"id": "batch_2", "status": "CANCELING"},
            ]))
            .gives("batch_1 completed -> file-o, batch_2 cancelling");

    answers_of_a_batch_may_tell_more_of_an_error:
        batch_answers("OpenAI", "https://github.com/openai/openai-openapi/pull/303")
            .says(json!({"id": "batch_1", "status": "completed", "error_file_id": "file-e"}))
            .replies(Reply::new(200, "application/octet-stream", json!({
                "id": "batch_req_1", "custom_id": "q1", "response": null,
                "error": {"message": "bad", "type": "invalid_request_error", "param": "n",
                          "code": "invalid"},
            }).to_string()))
            .gives(r#"q1 400 invalid/invalid_request_error of n "bad", final"#);

    refusals_in_a_batch_may_have_a_number_for_a_code:
        batch_answers("vLLM", "https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/openai/run_batch.py")
            .says(json!({"id": "batch_1", "status": "completed", "output_file_id": "file-o"}))
            .replies(Reply::new(200, "application/octet-stream", json!({
                "id": "vllm-1", "custom_id": "q1", "error": null,
                "response": {"status_code": 400, "request_id": "vllm-batch-1", "body": {"error": {
                    "message": "bad", "type": "BadRequestError", "param": null, "code": 400,
                }}},
            }).to_string()))
            .gives(r#"q1 400 400/BadRequestError "bad", final"#);

    half_a_character_in_a_batch_is_no_error:
        batch_answers("any", "https://www.rfc-editor.org/rfc/rfc8259#section-8.2")
            .says(json!({"id": "batch_1", "status": "completed", "output_file_id": "file-o"}))
            .replies(Reply::new(
                200, "application/octet-stream",
                json!({"custom_id": "q1", "response": {"body": hello()}})
                    .to_string()
                    .replace("Hello", "Hello \\ud83d"),
            ))
            .gives("q1 \"Hello \u{fffd}\" -> stop (3+2)");

    what_is_deleted_without_a_word_is_gone:
        delete_file("Azure", "https://github.com/Azure/azure-rest-api-specs/blob/main/specification/cognitiveservices/data-plane/AzureOpenAI/authoring/stable/2024-06-01/examples/delete_file.json")
            .replies(Reply::new(204, "application/json", ""))
            .gives("file-1 is gone");
}
