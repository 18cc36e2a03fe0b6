//! What is said of harmful texts.

use serde_json::json;

use crate::quirk::{moderate, quirks};

quirks! {
    categories_may_be_null:
        moderate("OpenAI", "https://github.com/openai/openai-python/issues/1786")
            .says(json!({"id": "modr-1", "model": "text-moderation-007", "results": [{
                "flagged": true,
                "categories": {"harassment": true, "illicit": null, "illicit/violent": null},
                "category_scores": {"harassment": 0.9, "illicit": null, "illicit/violent": null},
            }]}))
            .gives("harmful: harassment");

    categories_may_be_missing:
        moderate("OpenAI", "https://github.com/64bit/async-openai/issues/355")
            .says(json!({"id": "modr-1", "model": "text-moderation-007", "results": [{
                "flagged": true, "categories": {"violence": true, "hate": false},
                "category_scores": {"violence": 0.99, "hate": 1e-7},
            }]}))
            .gives("harmful: violence");

    nothing_says_that_any_category_was_found:
        moderate("Mistral", "https://github.com/mistralai/client-python/blob/main/docs/models/moderationobject.md")
            .says(json!({"id": "mod-1", "model": "mistral-moderation-latest", "results": [{
                "categories": {"dangerous_and_criminal_content": true, "pii": false},
                "category_scores": {"dangerous_and_criminal_content": 0.97, "pii": 0.01},
            }]}))
            .gives("harmful: dangerous_and_criminal_content");

    some_categories_of_mistral_are_null:
        moderate("Mistral", "https://github.com/spring-projects/spring-ai/issues/6565")
            .says(json!({"id": "mod-1", "model": "mistral-moderation-latest", "results": [{
                "categories": {"law": null, "pii": false},
                "category_scores": {"law": null, "pii": 0.01},
            }]}))
            .gives("harmless: ");
}
