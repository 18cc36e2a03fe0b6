//! The engine beside transformers: the same folders, the same answers.
//!
//! `tests/python/engine` makes the folders, and its README says what is in them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use local_engine::Engine;
use openai_api::{ChatBackend, ChatRequest, FinishReason, Message};
use serde::Deserialize;

/// What `expected.json` says of a conversation.
#[derive(Debug, Deserialize)]
struct Expected {
    messages: Vec<Message>,
    prompt: Vec<u32>,
    #[serde(flatten)]
    answer: Answer,
    penalised: Penalised,
}

#[derive(Debug, Deserialize)]
struct Penalised {
    repetition_penalty: f64,
    #[serde(flatten)]
    answer: Answer,
}

/// The likeliest answer.
#[derive(Debug, Deserialize)]
struct Answer {
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

/// Asks for the likeliest answer, how likely it is, and the likeliest that repeats little.
async fn check(model: &str) {
    let source = peers().join("models").join(model);
    let expected = fs::read(source.join("expected.json")).unwrap();
    let Expected { messages, prompt, answer, penalised } =
        serde_json::from_slice(&expected).unwrap();
    let rows = read_rows(&source.join("logits.f32"));

    let home = tempfile::tempdir().unwrap();
    copy(&source, &home.path().join("models").join(model));
    let engine = Engine::open(home.path()).unwrap();
    let length = u32::try_from(answer.greedy.len()).unwrap();
    let request = ChatRequest::new(model, messages).with_temperature(0.0).with_max_tokens(length);

    let found = engine.complete(request.clone().with_logprobs(TOLD)).await.unwrap();
    assert_eq!(found.text(), answer.text);
    let usage = found.usage.as_ref().unwrap();
    assert_eq!(usage.prompt_tokens, prompt.len() as u64);
    assert_eq!(usage.completion_tokens, answer.greedy.len() as u64);
    assert_eq!(found.choices[0].finish_reason, Some(FinishReason::Length));

    let told = found.choices[0].logprobs.as_ref().unwrap()["content"].as_array().unwrap();
    let rows = &rows[prompt.len() - 1..];
    assert_eq!(told.len(), rows.len());
    for (place, (told, row)) in told.iter().zip(rows).enumerate() {
        let told = told["top_logprobs"].as_array().unwrap();
        let told: Vec<f64> = told.iter().map(|t| t["logprob"].as_f64().unwrap()).collect();
        let expected = greatest_log_probs(row);
        let off = told.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert_eq!(told.len(), expected.len());
        assert!(off <= 1e-4, "{model}, token {place}: off by {off:e}");
    }

    let mut request = request;
    request.extra.insert("repetition_penalty".to_owned(), penalised.repetition_penalty.into());
    assert_eq!(engine.complete(request).await.unwrap().text(), penalised.answer.text);
}

/// How many of the likeliest tokens are compared, the most that a request may ask for.
const TOLD: u32 = 20;

/// Those of the likeliest tokens, the greatest first.
fn greatest_log_probs(logits: &[f32]) -> Vec<f64> {
    let mut logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    logits.sort_by(|a, b| b.total_cmp(a));
    let sum = logits[0] + logits.iter().map(|x| (x - logits[0]).exp()).sum::<f64>().ln();
    logits.iter().take(TOLD as usize).map(|x| x - sum).collect()
}

fn read_rows(path: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).unwrap();
    let numbers = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    numbers.collect::<Vec<_>>().chunks_exact(VOCABULARY).map(<[f32]>::to_vec).collect()
}

/// How many tokens each model has.
const VOCABULARY: usize = 300;

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
