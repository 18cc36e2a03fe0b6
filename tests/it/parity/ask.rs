use std::time::{Duration, Instant};

use facade::{Ask, Error};
use openai_api::FinishReason;

use crate::support::{api_error, completion, embedded, hosted, scripted};

#[tokio::test]
async fn text_goes_through_untouched() {
    let server = scripted([completion("Sie sagte \"ja\"")]).await;
    let model = hosted(&server).system_instruction("Say \"yes\".").build().unwrap();
    let question = "What is \"да\"?\n\\ and a tab\t";
    model.ask(question).await.unwrap();
    let sent = server.requests()[0].json();
    assert_eq!(sent["messages"][0]["content"], "Say \"yes\".");
    assert_eq!(sent["messages"][1]["content"], question);
    let turns = model.dialogue().await.unwrap();
    assert_eq!(turns[1].text, question);
    assert_eq!(turns[2].text, "Sie sagte \"ja\"");
}

#[tokio::test]
async fn it_asks_greedily_for_at_most_8000_tokens() {
    let server = scripted([completion("ok")]).await;
    hosted(&server).build().unwrap().ask("hi").await.unwrap();
    let sent = server.requests()[0].json();
    assert_eq!(
        (sent["temperature"].as_f64(), sent["max_tokens"].as_u64()),
        (Some(0.0), Some(8000))
    );
}

#[tokio::test]
async fn the_reply_carries_what_the_server_told() {
    let server = scripted([completion("  Wonderful!  ")]).await;
    let reply = hosted(&server).build().unwrap().ask("hi").await.unwrap();
    assert_eq!(reply.text, "Wonderful!");
    assert_eq!(reply.sentiment.label, sentiment::Label::Positive);
    assert_eq!(reply.usage.unwrap().total_tokens, 12);
    assert_eq!(reply.model, "gpt-4o-mini");
    assert_eq!(reply.finish_reason, Some(FinishReason::Stop));
    assert_eq!(reply.request_id.as_deref(), Some("req_1"));
}

#[tokio::test]
async fn a_bad_key_is_not_tried_again() {
    let server = scripted([api_error(401, "invalid_api_key")]).await;
    let error = hosted(&server).build().unwrap().ask("hi").await.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_can_pass_is_tried_again_as_late_as_the_server_asks() {
    let busy = api_error(503, "overloaded").with_header("retry-after-ms", "300");
    let server = scripted([busy, completion("at last")]).await;
    let start = Instant::now();
    let reply = hosted(&server).build().unwrap().ask("hi").await.unwrap();
    assert_eq!(reply.text, "at last");
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_typed_error_comes_when_attempts_are_used_up() {
    let busy = || api_error(503, "overloaded").with_header("retry-after-ms", "1");
    let server = scripted([busy(), busy(), busy(), busy()]).await;
    let model = hosted(&server).build().unwrap();
    let error = model.ask(Ask::new("hi").with_attempts(2)).await.unwrap_err();
    let Error::Backend(error) = error else { panic!("{error:?}") };
    assert_eq!(error.as_api().unwrap().status, 503);
    assert_eq!(server.requests().len(), 2);
    assert!(model.dialogue().await.unwrap().is_empty(), "nothing is half-written");
}

#[tokio::test]
async fn a_missing_system_instruction_is_not_logged() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    model.ask("Hello!").await.unwrap();
    let turns = model.dialogue().await.unwrap();
    let speakers: Vec<_> = turns.iter().map(|turn| turn.speaker.as_str()).collect();
    assert_eq!(speakers, ["user", "assistant"]);
}

#[tokio::test]
async fn a_session_remembers_within_the_context_window_of_the_model() {
    let (_home, builder) = embedded();
    let model = builder.max_tokens(8).build().unwrap();
    let mut session = model.session();
    for n in 0..8 {
        session
            .ask(format!("Tell me about number {n}, please. {}", "More! ".repeat(20)))
            .await
            .unwrap();
    }
    assert!(session.left_out() > 0, "what does not fit is left out");
    assert_eq!(session.history().len(), 16);
}
