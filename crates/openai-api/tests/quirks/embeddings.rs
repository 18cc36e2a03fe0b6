//! Vectors.

use serde_json::json;

use crate::quirk::{embed, quirks};

quirks! {
    an_index_of_0_may_be_missing:
        embed("Gemini", "https://github.com/samfoy/pi-session-search/issues/13")
            .says(json!({"object": "list", "model": "m", "data": [
                {"object": "embedding", "embedding": [1.0, 2.0]},
                {"object": "embedding", "embedding": [3.0, 4.0], "index": 1},
            ]}))
            .gives("0: [1.0, 2.0], 1: [3.0, 4.0]");

    indices_may_be_missing_from_vectors_in_order:
        embed("any", "https://github.com/doobidoo/mcp-memory-service/pull/612")
            .says(json!({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}))
            .gives("0: [1.0], 1: [2.0]");

    indices_may_be_null:
        embed("any", "https://github.com/deeplethe/utopia/pull/784")
            .says(json!({"data": [
                {"embedding": [1.0], "index": null}, {"embedding": [2.0], "index": null},
            ]}))
            .gives("0: [1.0], 1: [2.0]");

    vectors_that_come_in_another_order_keep_their_index:
        embed("any", "https://github.com/deeplethe/utopia/pull/784")
            .says(json!({"data": [
                {"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0},
            ]}))
            .gives("1: [2.0], 0: [1.0]");

    usage_of_vectors_may_be_null:
        embed("any", "https://github.com/AsyncFuncAI/deepwiki-open/pull/482")
            .says(json!({
                "object": "list", "model": "m", "usage": null,
                "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
            }))
            .gives("0: [1.0]");

    vectors_need_not_say_that_they_are_some:
        embed("TEI", "https://github.com/raphaelmansuy/edgequake-llm/issues/62")
            .says(json!({
                "data": [{"embedding": [1.0], "index": 0}], "model": "m",
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }))
            .gives("0: [1.0] (3)");

    a_vector_of_null_is_no_vector:
        embed("OpenAI", "https://github.com/64bit/async-openai/issues/99")
            .says(json!({"object": "list", "model": "text-embedding-ada-002", "data": [
                {"object": "embedding", "index": 0, "embedding": null},
            ]}))
            .gives("could not read the embeddings: the server answered 200 OK with content \
                    type application/json; is the base URL right?: missing field `embedding`, final");

    no_vectors_at_all_are_told:
        embed("OpenRouter", "https://github.com/plastic-labs/honcho/pull/938")
            .says(json!({"object": "list", "model": "m", "data": []}))
            .gives("could not read the embeddings: the server answered 200 OK with content \
                    type application/json; is the base URL right?: `data` is empty, final");

    numbers_may_come_where_base64_was_asked_for:
        embed("SGLang", "https://github.com/sgl-project/sglang/pull/28803")
            .says(json!({"object": "list", "model": "m", "data": [
                {"object": "embedding", "index": 0, "embedding": [0.5, -1]},
            ], "usage": {"prompt_tokens": 1, "total_tokens": 1}}))
            .gives("0: [0.5, -1.0] (1)");

    base64_may_come_without_being_asked_for:
        embed("ai-dial", "https://github.com/epam/ai-dial-sdk/pull/138")
            .says(json!({"object": "list", "model": "m", "data": [
                {"object": "embedding", "index": 0, "embedding": "AACAPwAAAL8="},
            ]}))
            .gives("0: [1.0, -0.5]");

    a_number_that_is_none_is_the_servers_error:
        embed("Ollama", "https://github.com/hang-in/seCall/issues/5")
            .refuses(500, json!({"error": "failed to encode response: json: unsupported value: NaN"}))
            .gives(r#"500 "failed to encode response: json: unsupported value: NaN", again"#);

    a_refusal_may_have_a_number_for_a_code_and_no_error:
        embed("SiliconFlow", "https://github.com/infiniflow/ragflow/issues/2335")
            .refuses(400, json!({
                "code": 20_012, "message": "Model does not exist. Please check it carefully.",
                "data": null,
            }))
            .gives(r#"400 20012 "Model does not exist. Please check it carefully.", final"#);
}
