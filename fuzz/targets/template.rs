//! Whatever a chat template says, it is rendered within its limits, or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod model;

fuzz_target!(|template: &str| {
    let config = serde_json::json!({"chat_template": template, "eos_token": "<|end|>"});
    model::check("tokenizer_config.json", config.to_string().as_bytes());
});
