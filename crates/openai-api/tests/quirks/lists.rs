//! Lists in forms of their own.

use openai_api::testing::Reply;
use serde_json::json;

use crate::quirk::{file_content, files, models, quirks};

quirks! {
    models_without_time_and_owner_are_models:
        models("OpenRouter", "https://github.com/aallam/openai-kotlin/issues/331")
            .says(json!({"data": [{"id": "a/b", "name": "B", "context_length": 8192}]}))
            .gives("a/b (8192)");

    a_list_need_not_say_that_it_is_one:
        models("OpenRouter", "https://github.com/xberg-io/liter-llm/issues/149")
            .says(json!({"data": [{"id": "a/b", "created": 1, "owned_by": "b"}]}))
            .gives("a/b");

    permissions_may_lack_their_time:
        models("Mistral", "https://github.com/mistralai/client-python/issues/83")
            .says(json!({"object": "list", "data": [{
                "id": "m", "object": "model", "created": 1, "owned_by": "mistralai", "root": null,
                "parent": null,
                "permission": [{"id": "modelperm-1", "organization": "*", "group": null}],
            }]}))
            .gives("m");

    an_unknown_endpoint_is_no_empty_list:
        models("LM Studio", "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2085")
            .says(json!({"error": "Unexpected endpoint or method. (GET /v1/models)"}))
            .gives(r#"405 "Unexpected endpoint or method. (GET /v1/models)", final"#);

    models_may_come_as_a_bare_array:
        models("Together", "https://docs.together.ai/reference/models-1")
            .says(json!([
                {"id": "a/b", "object": "model", "created": 0, "type": "chat", "running": false,
                 "display_name": "B", "context_length": 4096, "config": {"stop": ["</s>"]},
                 "pricing": {"hourly": 0, "input": 0.2}},
            ]))
            .gives("a/b (4096)");

    no_models_may_be_null:
        models("Ollama", "https://github.com/ollama/ollama/blob/main/openai/openai.go")
            .says(json!({"object": "list", "data": null}))
            .gives("nothing");

    models_may_be_told_twice:
        models("llama.cpp", "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
            .says(json!({
                "models": [{"name": "m.gguf", "model": "m.gguf", "capabilities": ["completion"]}],
                "object": "list",
                "data": [{"id": "m.gguf", "object": "model", "created": 1_735_142_223,
                          "owned_by": "llamacpp", "meta": {"n_ctx_train": 131_072}}],
            }))
            .gives("m.gguf");

    models_without_time_are_models:
        models("Gemini", "https://github.com/openai-php/client/pull/567")
            .says(json!({"object": "list", "data": [
                {"id": "models/gemini-2.0-flash", "object": "model", "owned_by": "google"},
            ]}))
            .gives("models/gemini-2.0-flash");

    a_model_may_tell_the_day_of_its_end:
        models("OpenAI", "https://github.com/openai/openai-openapi")
            .says(json!({"object": "list", "data": [
                {"id": "m", "object": "model", "created": 1, "owned_by": "openai",
                 "shutdown_date": "2026-10-23"},
                {"id": "n", "object": "model", "created": 1, "owned_by": "openai",
                 "shutdown_date": null},
            ]}))
            .gives("m: `m` is shut down on 2026-10-23, n");

    the_end_of_a_model_may_have_a_time_and_an_heir:
        models("Mistral", "https://github.com/mistralai/client-python/blob/main/docs/models/basemodelcard.md")
            .says(json!({"object": "list", "data": [{
                "id": "m", "object": "model", "created": 1, "owned_by": "mistralai", "type": "base",
                "name": "m", "capabilities": {"completion_chat": true}, "aliases": [],
                "max_context_length": 32768, "deprecation": "2025-11-30T12:00:00Z",
                "deprecation_replacement_model": "n", "default_model_temperature": null,
            }]}))
            .gives("m (32768): `m` is shut down on 2025-11-30; use `n` instead");

    the_end_of_a_model_may_be_two_times_in_seconds:
        models("Azure", "https://github.com/Azure/azure-rest-api-specs/blob/main/specification/cognitiveservices/data-plane/AzureOpenAI/authoring/stable/2024-10-21/examples/get_models.json")
            .says(json!({"object": "list", "data": [{
                "status": "succeeded", "capabilities": {"fine_tune": true, "inference": true},
                "lifecycle_status": "generally-available", "id": "curie", "object": "model",
                "created_at": 1_646_126_127,
                "deprecation": {"fine_tune": 1_677_662_127, "inference": 1_709_284_527},
            }]}))
            .gives("curie: `curie` can be fine-tuned until 2023-03-01 and is shut down on 2024-03-01");

    the_end_of_a_model_may_be_its_expiration:
        models("OpenRouter", "https://openrouter.ai/docs/sdks/python/api-reference/components/model")
            .says(json!({"data": [
                {"id": "inception/mercury-2", "context_length": 8192, "expiration_date": "2026-11-08"},
                {"id": "tencent/hy4", "context_length": 8192, "expiration_date": null},
            ]}))
            .gives("inception/mercury-2 (8192): `inception/mercury-2` is shut down on 2026-11-08, \
                    tencent/hy4 (8192)");

    a_file_may_still_be_pending:
        files("Azure", "https://learn.microsoft.com/en-us/rest/api/azureopenai/files/upload")
            .says(json!({"object": "list", "data": [{
                "status": "pending", "purpose": "fine-tune", "filename": "train.jsonl",
                "id": "file-1", "created_at": 1_646_126_127, "object": "file",
            }]}))
            .gives(r#"file-1 "train.jsonl" 0 fine-tune"#);

    a_file_may_have_no_purpose_that_is_known:
        files("Mistral", "https://docs.mistral.ai/api/")
            .says(json!({"object": "list", "total": 1, "data": [{
                "id": "f", "object": "file", "bytes": 13_000,
                "created_at": 1_716_963_433, "filename": "f.jsonl", "purpose": "ocr",
                "sample_type": "pretrain", "num_lines": null, "mimetype": null, "source": "upload",
            }]}))
            .gives(r#"f "f.jsonl" 13000 ocr"#);

    an_empty_page_that_promises_more_is_the_last:
        files("any", "https://github.com/helium/helium-js/issues/147")
            .says(json!({"data": [{"id": "f1"}, {"id": "f2"}], "has_more": true}))
            .says(json!({"data": [], "has_more": true, "first_id": null, "last_id": null}))
            .gives(r#"f1 "" 0 -, f2 "" 0 -"#);

    an_empty_page_that_says_how_far_it_was_is_not_the_last:
        files("OpenAI", "https://github.com/openai/openai-node/pull/2561")
            .says(json!({"data": [{"id": "f1"}], "has_more": true, "last_id": "f2"}))
            .says(json!({"data": [], "has_more": true, "last_id": "f4"}))
            .says(json!({"data": [{"id": "f5"}], "has_more": false}))
            .gives(r#"f1 "" 0 -, f5 "" 0 -"#);

    entries_without_an_id_have_no_page_after_them:
        files("any", "https://platform.openai.com/docs/api-reference/files/list")
            .says(json!({"data": [{"id": "", "filename": "a"}], "has_more": true}))
            .gives(r#" "a" 0 -"#);

    the_content_of_a_file_may_be_json:
        file_content("OpenAI", "https://platform.openai.com/docs/api-reference/files/retrieve-contents")
            .replies(Reply::new(200, "application/json", "{\"error\": {}}\n{\"a\": 1}\n"))
            .gives(r#""{\"error\": {}}\n{\"a\": 1}\n""#);
}
