//! The official Python client against `attune serve`.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::cli::{Serving, attune_home};

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the client that it installs"]
async fn the_official_client_lists_chats_uploads_trains_and_uses_the_new_model() {
    let python = std::env::var_os("ATTUNE_TEST_PYTHON")
        .expect("ATTUNE_TEST_PYTHON names no Python that has the client");
    let home = attune_home();
    make_caller(home.path());
    let serving = Serving::start(&home, &[]).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client/official_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(serving.base_url())
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.trim_end().ends_with("all steps passed"), "{out}");
}

/// Makes the model `caller`: the base model with a template that tells of tools, and writes calls
/// as Hermes does.
fn make_caller(home: &Path) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/local-engine/attune-tiny");
    let folder = home.join("models/caller");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(base.join(name), folder.join(name)).unwrap();
    }
    let template = concat!(
        "{% if tools %}<|system|>",
        "{% for tool in tools %}{{ tool.function.name }} {% endfor %}<|end|>{% endif %}",
        "{% for m in messages %}{{ '<|' ~ ('user' if m.role == 'tool' else m.role) ~ '|>' }}",
        "{{ m.content }}{% for call in m.tool_calls %}<tool_call>",
        "{{ call.function | tojson }}</tool_call>{% endfor %}<|end|>{% endfor %}",
        "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    );
    let config = serde_json::json!({"eos_token": "<|end|>", "chat_template": template});
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
}
