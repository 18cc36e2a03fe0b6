use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dialogue_store::{MockDialogueStore, Speaker};
use facade::{Ask, Error, OpenAiModel, ReplyPart};
use futures_util::{StreamExt, TryStreamExt};
use openai_api::{ApiError, ChatChunk, Delta, FinishReason, MockChatBackend, Role};
use sentiment::{Label, MockSentimentAnalyzer};

use crate::support::{Answering, api};

#[tokio::test]
async fn a_reply_is_trimmed_judged_and_kept_with_its_question() {
    let (model, _) = Answering::with(|_| Ok("  Great!\n".into())).build();
    let reply = model.ask("Say \"hi\"\nна русском").await.unwrap();
    assert_eq!(reply.text, "Great!");
    assert_eq!(reply.sentiment.label, Label::Positive);
    let turns = model.dialogue().await.unwrap();
    let kept: Vec<_> = turns.iter().map(|t| (t.speaker.as_str(), t.text.as_str())).collect();
    assert_eq!(kept, [("user", "Say \"hi\"\nна русском"), ("assistant", "Great!")]);
    assert_eq!(turns[1].sentiment.as_ref().unwrap().label, "positive");
    assert_eq!(reply.turn, 1);
}

#[tokio::test]
async fn each_question_is_asked_without_the_ones_before() {
    let (model, requests) = Answering::with(|_| Ok("ok".into())).build();
    model.ask("one").await.unwrap();
    model.ask(Ask::new("two").with_system_instruction("Be brief.")).await.unwrap();
    let requests = requests.lock().unwrap();
    assert_eq!(requests[0].messages.len(), 1);
    let roles: Vec<_> = requests[1].messages.iter().map(|m| m.role.clone()).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!((requests[0].temperature, requests[0].max_tokens), (Some(0.0), Some(8000)));
}

#[tokio::test(start_paused = true)]
async fn what_can_succeed_on_retry_is_tried_again() {
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let (model, _) = Answering::with(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(api(503)),
        _ => Ok("at last".into()),
    })
    .build();
    assert_eq!(model.ask("hi").await.unwrap().text, "at last");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_and_then_the_last_error_is_given() {
    let (model, requests) = Answering::with(|_| Err(api(503))).build();
    let error = model.ask(Ask::new("hi").with_attempts(5)).await.unwrap_err();
    assert!(matches!(error, Error::Backend(_)), "{error:?}");
    assert_eq!(requests.lock().unwrap().len(), 5);
    assert_eq!(model.dialogue().await.unwrap(), []);
}

#[tokio::test]
async fn a_bad_key_is_not_tried_again() {
    let (model, requests) = Answering::with(|_| Err(api(401))).build();
    assert!(!model.ask("hi").await.unwrap_err().is_retryable());
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_model_names_its_neighbours() {
    let (model, _) =
        Answering::with(|r| Err(ApiError::model_not_found(r.model.as_str()).into())).build();
    model.use_model("gpt-4o-mimi");
    let error = model.ask("hi").await.unwrap_err();
    expect_test::expect!["unknown model gpt-4o-mimi; near names are: gpt-4o-mini, gpt-4o"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn two_models_built_separately_share_no_dialogue() {
    let (one, _) = Answering::with(|_| Ok("1".into())).build();
    let (other, _) = Answering::with(|_| Ok("2".into())).build();
    one.ask("hi").await.unwrap();
    assert_eq!(other.dialogue().await.unwrap(), []);
    assert_ne!(one.thread(), other.thread());
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_not_lost() {
    let mut store = MockDialogueStore::new();
    store.expect_append().returning(|id, _| Err(dialogue_store::Error::AlreadyExists(id.clone())));
    let (model, _) = {
        let mut answering = Answering::with(|_| Ok("precious".into()));
        answering.builder = answering.builder.store(Arc::new(store));
        answering.build()
    };
    let Err(Error::NotKept { reply, .. }) = model.ask("hi").await else { panic!("it was kept") };
    assert_eq!(reply.text, "precious");
    let error = Error::NotKept { reply, source: dialogue_store::Error::AlreadyExists(id()) };
    assert!(!format!("{error:?}").contains("precious"), "no text in an error's Debug");
}

fn id() -> dialogue_store::DialogueId {
    "some-id".parse().unwrap()
}

#[tokio::test]
async fn an_answer_that_cannot_be_judged_is_kept_without_a_judgement() {
    let mut analyzer = MockSentimentAnalyzer::new();
    analyzer.expect_analyze().returning(|_| Err(sentiment::Error::UnknownLabel));
    let mut answering = Answering::with(|_| Ok("precious".into()));
    answering.builder = answering.builder.analyzer(Arc::new(analyzer));
    let (model, _) = answering.build();
    let Err(Error::NotJudged { completion, .. }) = model.ask("hi").await else { panic!() };
    assert_eq!(completion.text(), "precious");
    let turns = model.dialogue().await.unwrap();
    assert_eq!((turns[1].text.as_str(), &turns[1].sentiment), ("precious", &None));
}

#[tokio::test]
async fn a_dialogue_that_somebody_deleted_is_begun_again() {
    let (model, _) = Answering::with(|_| Ok("ok".into())).build();
    model.ask("one").await.unwrap();
    model.store().delete(model.thread()).await.unwrap();
    model.ask("two").await.unwrap();
    assert_eq!(model.dialogue().await.unwrap()[0].text, "two");
}

#[tokio::test]
async fn a_setting_that_the_model_refuses_is_left_out() {
    let (model, requests) = Answering::with(|request| {
        let refuse = |param: &str| {
            let message = format!("Unsupported parameter: '{param}' is not supported.");
            let error = ApiError::invalid_request(param, message);
            Err(error.with_code("unsupported_parameter").into())
        };
        match request {
            request if request.max_tokens.is_some() => refuse("max_tokens"),
            request if request.temperature.is_some() => refuse("temperature"),
            _ => Ok("a reasoned answer".into()),
        }
    })
    .build();
    assert_eq!(model.ask("hi").await.unwrap().text, "a reasoned answer");
    let last = requests.lock().unwrap().pop().unwrap();
    assert_eq!((last.max_completion_tokens, last.temperature), (Some(8000), None));
}

#[tokio::test]
async fn a_streamed_reply_adds_up_and_is_kept() {
    let mut backend = MockChatBackend::new();
    backend.expect_stream().returning(|request| {
        let chunk = |delta, end| Ok(ChatChunk::new("c", request.model.clone(), delta, end));
        let chunks = vec![
            chunk(Delta::begin(), None),
            chunk(Delta::text("Wonder"), None),
            chunk(Delta::text("ful"), None),
            chunk(Delta::default(), Some(FinishReason::Stop)),
        ];
        Ok(futures_util::stream::iter(chunks).boxed())
    });
    let model = OpenAiModel::builder().backend(Arc::new(backend)).build().unwrap();
    let parts: Vec<_> = model.ask_stream("hi").await.unwrap().try_collect().await.unwrap();
    let [ReplyPart::Text(a), ReplyPart::Text(b), ReplyPart::Done(reply)] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!(format!("{a}{b}"), reply.text);
    assert_eq!(reply.sentiment.label, Label::Positive);
    assert_eq!(model.dialogue().await.unwrap()[1].speaker, Speaker::Assistant);
}

#[tokio::test]
async fn a_stream_cut_short_is_an_error_and_keeps_nothing() {
    let mut backend = MockChatBackend::new();
    backend.expect_stream().returning(|request| {
        let chunk = ChatChunk::new("c", request.model, Delta::text("half an ans"), None);
        Ok(futures_util::stream::iter([Ok(chunk)]).boxed())
    });
    let model = OpenAiModel::builder().backend(Arc::new(backend)).build().unwrap();
    let parts: Vec<_> = model.ask_stream("hi").await.unwrap().collect().await;
    assert!(matches!(parts.last().unwrap(), Err(Error::Backend(openai_api::Error::Truncated))));
    assert_eq!(model.dialogue().await.unwrap(), []);
}

#[tokio::test]
async fn an_assistant_brings_its_instructions_and_its_model() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("assistants.json");
    let entry = r#"[{"name":"Guide","id":"asst_1","instructions":"Guide.","model":"gpt-4o"}]"#;
    std::fs::write(&file, entry).unwrap();
    let mut answering = Answering::with(|_| Ok("ok".into()));
    answering.builder = answering.builder.assistants_file(&file).system_instruction("Own.");
    let (model, requests) = answering.build();

    model.set_assistant("asst_1").await.unwrap();
    model.ask("hi").await.unwrap();
    let unknown = model.set_assistant("asst_2").await.unwrap_err();
    expect_test::expect!["unknown assistant asst_2; the catalogue has: asst_1"]
        .assert_eq(&unknown.to_string());

    assert_eq!(model.assistant_id().as_deref(), Some("asst_1"), "the old assistant stays");
    let request = &requests.lock().unwrap()[0];
    assert_eq!((request.model.as_str(), request.messages[0].text()), ("gpt-4o", "Guide.".into()));
}
