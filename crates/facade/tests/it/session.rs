use std::sync::{Arc, Mutex};

use facade::{OpenAiModel, ReplyPart};
use futures_util::{StreamExt, TryStreamExt, stream};
use openai_api::{ApiError, ChatChunk, ChatRequest, Delta, FinishReason, MockChatBackend, Role};

use crate::support::Answering;

fn texts(requests: &Arc<Mutex<Vec<ChatRequest>>>, place: usize) -> Vec<String> {
    requests.lock().unwrap()[place].messages.iter().map(openai_api::Message::text).collect()
}

#[tokio::test]
async fn a_session_remembers_and_is_kept_as_one_dialogue() {
    let (model, requests) = Answering::with(|r| Ok(format!("answer {}", r.messages.len()))).build();
    let mut session = model.session();
    session.ask("one").await.unwrap();
    session.ask("two").await.unwrap();
    assert_eq!(texts(&requests, 1), ["one", "answer 1", "two"]);
    let stored = model.store().get(session.dialogue()).await.unwrap();
    assert_eq!(stored.turns.len(), 4);
    assert_eq!(model.dialogue().await.unwrap(), [], "single questions are kept apart");
}

#[tokio::test]
async fn a_resumed_session_goes_on_where_it_was() {
    let (model, requests) = Answering::with(|_| Ok("yes".into())).build();
    let mut session = model.session();
    session.ask("one").await.unwrap();
    let mut resumed = model.resume(session.dialogue()).await.unwrap();
    resumed.ask("two").await.unwrap();
    assert_eq!(texts(&requests, 1), ["one", "yes", "two"]);
}

#[tokio::test]
async fn what_does_not_fit_the_window_is_left_out_from_the_oldest_exchange_on() {
    let mut answering = Answering::in_window(Some(64), |_| Ok("a b c d".into()));
    answering.builder = answering.builder.system_instruction("Stay.");
    let (model, requests) = answering.build();
    let mut session = model.session();
    for question in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
        session.ask(format!("{question} {}", "word ".repeat(8))).await.unwrap();
    }
    let last = texts(&requests, 7);
    assert_eq!(last[0], "Stay.");
    assert!(last[1].starts_with(|c: char| c.is_alphabetic()) && !last[1].starts_with("one"));
    let roles: Vec<_> =
        requests.lock().unwrap()[7].messages.iter().map(|m| m.role.clone()).collect();
    assert_eq!(roles[1], Role::User, "it begins with a question");
    assert!(session.left_out() > 0);
    assert_eq!(session.history().len(), 16, "nothing is forgotten, only left out");
}

#[tokio::test]
async fn a_window_that_is_not_known_is_found_by_its_errors() {
    let answer = |request: &ChatRequest| match request.messages.len() {
        0..=3 => Ok("fits".to_owned()),
        n => Err(ApiError::context_length_exceeded(3, n).into()),
    };
    let (model, requests) = Answering::with(answer).build();
    let mut session = model.session();
    for question in ["one", "two", "three"] {
        session.ask(question).await.unwrap();
    }
    // The last question: whole, without a limit on the answer, without the oldest exchange.
    assert_eq!(requests.lock().unwrap().len(), 5);
    assert_eq!(texts(&requests, 4), ["two", "fits", "three"]);
    session.ask("four").await.unwrap();
    assert!(texts(&requests, 5).len() < 7, "it begins where the last question ended");
}

#[tokio::test]
async fn a_streamed_answer_is_remembered_once_it_is_whole() {
    let mut backend = MockChatBackend::new();
    backend.expect_models().returning(|| Ok(Vec::new()));
    backend.expect_stream().returning(|request| {
        let text = format!("{} messages", request.messages.len());
        let whole = ChatChunk::new("c", request.model, Delta::text(text), Some(FinishReason::Stop));
        Ok(stream::iter([Ok(whole)]).boxed())
    });
    let model = OpenAiModel::builder().backend(Arc::new(backend)).build().unwrap();
    let mut session = model.session();
    for expected in ["1 messages", "3 messages"] {
        let parts: Vec<_> = session.ask_stream("hi").await.unwrap().try_collect().await.unwrap();
        assert_eq!(parts[0], ReplyPart::Text(expected.into()));
    }
    drop(session.ask_stream("given up").await.unwrap());
    assert_eq!(session.history().len(), 4);
    assert_eq!(model.store().get(session.dialogue()).await.unwrap().turns.len(), 4);
}

#[tokio::test]
async fn a_question_that_was_not_answered_is_no_part_of_the_conversation() {
    let (model, _) = Answering::with(|r| match r.messages.last().unwrap().text().as_str() {
        "bad" => Err(ApiError::new(400, "no").into()),
        _ => Ok("ok".into()),
    })
    .build();
    let mut session = model.session();
    session.ask("good").await.unwrap();
    session.ask("bad").await.unwrap_err();
    assert_eq!(session.history().len(), 2);
}

#[tokio::test]
async fn asking_may_move_between_threads() {
    fn sendable<F: Send>(future: F) -> F {
        future
    }
    let (model, _) = Answering::with(|_| Ok("ok".into())).build();
    sendable(model.ask("single")).await.unwrap();
    sendable(model.session().ask("first")).await.unwrap();
    let mut session = model.session();
    drop(sendable(session.ask_stream("streamed")));
    drop(sendable(model.dynamic_train(facade::Learn::default())));
}
