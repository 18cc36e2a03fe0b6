//! Batches.

use futures_util::TryStreamExt as _;
use serde_json::json;

use super::{completion, list, question, serve, told};
use crate::testing::Reply;
use crate::{BatchRequest, BatchStatus, ChatCompletion, CreateBatch, Error, ExpiresAfter};

fn batch(status: &str) -> serde_json::Value {
    json!({"object": "batch", "id": "b", "endpoint": "/v1/chat/completions", "status": status})
}

#[tokio::test]
async fn a_batch_is_created_watched_and_cancelled() {
    let (server, client) = serve([
        Reply::json(200, batch("validating")),
        Reply::json(200, batch("in_progress")),
        list(&["b"], false),
        Reply::json(200, batch("cancelling")),
    ])
    .await;
    let request = CreateBatch::new("file-1", "/v1/chat/completions")
        .with_metadata("team", "lakes")
        .with_output_expires_after(ExpiresAfter::creation(std::time::Duration::from_secs(3600)));
    client.create_batch(&request).await.unwrap();
    let batch = client.batch("b").await.unwrap();
    assert_eq!(batch.status, BatchStatus::InProgress);
    assert!(!batch.status.is_terminal());
    assert_eq!(client.batches().limit(1).await.unwrap().data.len(), 1);
    client.cancel_batch("b").await.unwrap();
    expect_test::expect![[r#"
        POST /v1/batches {"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"team":"lakes"},"output_expires_after":{"anchor":"created_at","seconds":3600}}
        GET /v1/batches/b
        GET /v1/batches?limit=1
        POST /v1/batches/b/cancel
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn answers_are_known_by_their_ids_wherever_the_file_is_cut() {
    let line = |id: &str, text: &str| {
        json!({"id": "r", "custom_id": id, "error": null,
               "response": {"status_code": 200, "request_id": "x", "body": completion(text)}})
        .to_string()
    };
    let output = format!("\u{feff}{}\r\n\n{}", line("q2", "two é"), line("q1", "one"));
    let errors = r#"{"custom_id":"q3","error":{"code":"batch_expired","message":"too late"}}"#;
    let pieces: Vec<Vec<u8>> = output.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    let (server, client) =
        serve([Reply::events(pieces), Reply::new(200, "application/jsonl", errors)]).await;
    let mut batch = batch("expired");
    batch["output_file_id"] = "out".into();
    batch["error_file_id"] = "err".into();
    let batch = serde_json::from_value(batch).unwrap();
    let answers: Vec<_> = client.batch_answers(&batch).try_collect().await.unwrap();
    let told_of: Vec<_> = answers
        .iter()
        .map(|answer| {
            let text = match answer.answer::<ChatCompletion>() {
                Ok(completion) => completion.choices[0].message.text(),
                Err(error) => error.to_string(),
            };
            format!("{}: {text}", answer.custom_id)
        })
        .collect();
    let expired = "q3: the server answered 408 (batch_expired): too late";
    assert_eq!(told_of, ["q2: two é", "q1: one", expired]);
    assert_eq!(told(&server), "GET /v1/files/out/content\nGET /v1/files/err/content\n");
}

#[tokio::test]
async fn a_file_of_no_name_is_none() {
    let file = r#"{"custom_id":"a","response":{"body":{}}}"#;
    let (server, client) = serve([Reply::new(200, "application/jsonl", file)]).await;
    let mut batch = batch("completed");
    batch["output_file_id"] = "out".into();
    batch["error_file_id"] = "".into();
    let batch = serde_json::from_value(batch).unwrap();
    let answers: Vec<_> = client.batch_answers(&batch).try_collect().await.unwrap();
    assert_eq!((answers.len(), told(&server).as_str()), (1, "GET /v1/files/out/content\n"));
}

#[tokio::test]
async fn a_line_that_is_no_answer_ends_the_answers() {
    let file = "{\"custom_id\":\"a\"}\nnonsense\n{\"custom_id\":\"b\"}\n";
    let (_server, client) = serve([Reply::new(200, "application/jsonl", file)]).await;
    let mut batch = batch("completed");
    batch["output_file_id"] = "out".into();
    let mut answers = client.batch_answers(&serde_json::from_value(batch).unwrap());
    assert_eq!(answers.try_next().await.unwrap().unwrap().custom_id, "a");
    assert!(matches!(answers.try_next().await, Err(Error::Decode { .. })));
    assert!(answers.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn an_input_file_holds_what_chatting_would_send() {
    let file = BatchRequest::to_jsonl(&[BatchRequest::chat("q1", &question()).unwrap()]).unwrap();
    expect_test::expect![[r#"
        {"custom_id":"q1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hi"}]}}
    "#]]
    .assert_eq(std::str::from_utf8(&file).unwrap());
}
