//! The engine beside transformers: the same folders, the same answers.
//!
//! `tests/python/engine` makes the folders, and its README says what is in them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use local_engine::Engine;
use openai_api::{ChatBackend, ChatRequest, FinishReason, Message, ModelId};
use serde::Deserialize;

/// What `expected.json` says of a conversation.
#[derive(Deserialize)]
struct Expected {
    messages: Vec<Message>,
    prompt: Vec<u32>,
    greedy: Vec<u32>,
    text: String,
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_llama_answers_as_in_transformers() {
    check("llama2").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_llama_3_in_shards_and_with_stretched_positions_answers_as_in_transformers() {
    check("llama3").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_smollm_2_with_a_tied_head_answers_as_in_transformers() {
    check("smollm2").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_qwen_2_with_biases_answers_as_in_transformers() {
    check("qwen2").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_qwen_2_5_in_bf16_answers_as_in_transformers() {
    check("qwen2.5").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_qwen_3_with_norms_of_heads_answers_as_in_transformers() {
    check("qwen3").await;
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the folders that it makes"]
async fn a_mistral_that_sees_a_few_tokens_back_answers_as_in_transformers() {
    check("mistral").await;
}

/// Asks for the likeliest answer, as long as the expected one.
async fn check(model: &str) {
    let source = peers().join("models").join(model);
    let expected = fs::read(source.join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();

    let home = tempfile::tempdir().unwrap();
    copy(&source, &home.path().join("models").join(model));
    let engine = Engine::open(home.path()).unwrap();
    let limit = u32::try_from(expected.greedy.len()).unwrap();
    let request = ChatRequest::new(ModelId::new(model), expected.messages)
        .with_temperature(0.0)
        .with_max_tokens(limit);
    let answer = engine.complete(request).await.unwrap();

    assert_eq!(answer.text(), expected.text);
    let usage = answer.usage.as_ref().unwrap();
    assert_eq!(usage.prompt_tokens, expected.prompt.len() as u64);
    assert_eq!(usage.completion_tokens, expected.greedy.len() as u64);
    assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Length));
}

fn peers() -> PathBuf {
    let folder = std::env::var_os("ATTUNE_TEST_ENGINE_PEERS");
    folder.expect("ATTUNE_TEST_ENGINE_PEERS names no folder of models").into()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
