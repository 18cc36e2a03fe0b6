//! Requests at once, and the turns of a conversation one after another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use local_engine::Engine;
use openai_api::{
    ChatBackend, ChatBackendExt, ChatChunk, ChatCompletion, ChatRequest, Message, StreamOptions,
};
use tempfile::TempDir;

fn engine() -> (Engine, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (Engine::open(home.path()).unwrap(), home)
}

fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest::new("attune-tiny", messages)
}

/// A question of more than a page of tokens.
fn long(nth: usize) -> Message {
    let text = ["What is the capital of France?", "Who are you?", "Tell me a joke."];
    Message::user(format!(
        "{nth}. {} {}",
        text[nth % 3],
        "Say it in a few words, please. ".repeat(12)
    ))
}

fn cached(answer: &ChatCompletion) -> u64 {
    let usage = answer.usage.as_ref().unwrap();
    usage.prompt_tokens_details.as_ref().unwrap().cached_tokens.unwrap()
}

#[tokio::test]
async fn those_who_ask_at_once_are_answered_as_if_they_were_alone() {
    let (engine, _home) = engine();
    let asked = |nth: usize| {
        let request = request(vec![long(nth)]).with_max_tokens(24).with_logprobs(3);
        // Some are greedy, and some are sampled.
        let heat = if nth.is_multiple_of(2) { 0.0 } else { 1.2 };
        request.with_temperature(heat).with_seed(i64::try_from(nth).unwrap())
    };
    let mut alone = Vec::new();
    for nth in 0..20 {
        alone.push(engine.complete(asked(nth)).await.unwrap().choices);
    }
    let (other, _other_home) = self::engine();
    // More than there are places for.
    let together = join_all((0..20).map(|nth| other.complete(asked(nth)))).await;
    for (alone, together) in alone.iter().zip(together) {
        assert_eq!(*alone, together.unwrap().choices);
    }
    let streams = join_all((0..8).map(|nth| other.stream(asked(nth)))).await;
    let read = |stream: openai_api::Result<openai_api::ChatStream>| async {
        let chunks: Vec<ChatChunk> = stream.unwrap().try_collect().await.unwrap();
        chunks.iter().map(ChatChunk::text).collect::<String>()
    };
    let streamed = join_all(streams.into_iter().map(read)).await;
    for (alone, streamed) in alone.iter().zip(streamed) {
        assert_eq!(alone[0].message.text(), streamed);
    }
}

#[tokio::test]
async fn the_next_turn_reads_only_what_is_new() {
    let (engine, _home) = engine();
    let mut messages = vec![long(0)];
    let first = engine.complete(request(messages.clone())).await.unwrap();
    let asked = first.usage.as_ref().unwrap().prompt_tokens;
    assert_eq!(cached(&first), 0);
    assert!(asked > 64, "{asked}");
    let again = engine.complete(request(messages.clone())).await.unwrap();
    assert_eq!(cached(&again), (asked - 1) / 64 * 64);
    assert_eq!(again.choices, first.choices);

    messages.extend([Message::assistant(first.text()), Message::user("Why?")]);
    let second = engine.complete(request(messages.clone())).await.unwrap();
    assert!(cached(&second) >= (asked - 1) / 64 * 64, "{}", cached(&second));
    let mut usage = None;
    let asked = request(messages.clone()).with_stream_options(StreamOptions::with_usage());
    let mut stream = engine.stream(asked).await.unwrap();
    while let Some(chunk) = stream.next().await {
        usage = chunk.unwrap().usage.or(usage);
    }
    assert!(usage.unwrap().prompt_tokens_details.unwrap().cached_tokens >= Some(cached(&second)));

    // The same text from its second token on is another.
    messages[0] = Message::user(format!("So: {}", messages[0].text()));
    assert_eq!(cached(&engine.complete(request(messages)).await.unwrap()), 0);
}

#[tokio::test]
async fn with_no_bytes_to_keep_each_request_is_read_anew() {
    let (engine, _home) = engine();
    let engine = engine.with_kept_bytes(0);
    let first = engine.complete(request(vec![long(1)])).await.unwrap();
    let again = engine.complete(request(vec![long(1)])).await.unwrap();
    assert_eq!((cached(&first), cached(&again)), (0, 0));
    assert_eq!(first.choices, again.choices);
}

#[tokio::test]
async fn what_is_left_early_is_no_burden_to_others() {
    let (engine, _home) = engine();
    let expected = engine.complete(request(vec![long(2)])).await.unwrap();
    let streams = join_all(
        (0..12).map(|nth| engine.stream(request(vec![long(nth)]).with_temperature(1.5).with_n(3))),
    )
    .await;
    for stream in streams {
        stream.unwrap().next().await.unwrap().unwrap();
    }
    let answer = engine.complete(request(vec![long(2)])).await.unwrap();
    assert_eq!(answer.choices, expected.choices);
    assert!(!engine.ask("attune-tiny", "Hello!").await.unwrap().is_empty());
}
