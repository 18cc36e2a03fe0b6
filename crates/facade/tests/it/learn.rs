use std::sync::{Arc, Mutex};

use dialogue_store::{Feedback, NewDialogue, Query, Rating, Speaker, Turn};
use facade::{Error, Learn, OpenAiModel, Train, Unrated};
use trainer::{JobId, MockTrainer, Problem, TrainingJob};

use crate::support::Answering;

/// A model whose trainer takes every job and notes it.
fn learning(answer: &'static str) -> (OpenAiModel, Arc<Mutex<Vec<TrainingJob>>>) {
    let jobs = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&jobs);
    let mut trainer = MockTrainer::new();
    trainer.expect_submit().returning(move |job| {
        job.check()?;
        noted.lock().unwrap().push(job);
        Ok(JobId::new("ftjob-1"))
    });
    let mut answering = Answering::with(move |_| Ok(answer.to_owned()));
    answering.builder = answering.builder.trainer(Arc::new(trainer));
    (answering.build().0, jobs)
}

#[tokio::test]
async fn an_answer_rated_up_is_learned() {
    let (model, jobs) = learning("It is 1642 metres deep.");
    let reply = model.ask("How deep?").await.unwrap();
    model.rate(&reply, Feedback::new(Rating::Up)).await.unwrap();
    let submitted = model.dynamic_train(Learn::default()).await.unwrap();
    assert_eq!((submitted.supervised, submitted.preferences), (1, 0));
    assert_eq!(model.current_job_id(), Some(JobId::new("ftjob-1")));
    let job = &jobs.lock().unwrap()[0];
    let texts: Vec<_> =
        job.training.supervised[0].messages.iter().map(openai_api::Message::text).collect();
    assert_eq!(texts, ["How deep?", "It is 1642 metres deep."]);
    assert_eq!(job.base_model, "gpt-4o-mini");
}

#[tokio::test]
async fn a_correction_is_learned_in_place_of_the_answer_and_makes_a_pair() {
    let (model, jobs) = learning("No idea.");
    let reply = model.ask("How deep?").await.unwrap();
    let feedback = Feedback::new(Rating::Down).with_correction("1642 metres.");
    model.rate(&reply, feedback).await.unwrap();
    model.dynamic_train(Learn::default()).await.unwrap();
    let set = &jobs.lock().unwrap()[0].training;
    assert_eq!(set.supervised[0].answer().unwrap().text(), "1642 metres.");
    assert_eq!(set.preferences[0].rejected.text(), "No idea.");
}

#[tokio::test]
async fn an_answer_nobody_rated_is_learned_only_as_told() {
    let (model, jobs) = learning("It is a lake.");
    model.ask("What?").await.unwrap();
    let error = model.dynamic_train(Learn::default()).await.unwrap_err();
    assert!(matches!(error, Error::NothingToLearn { dialogues: 1, exchanges: 1 }), "{error:?}");
    let learn = Learn::default().with_unrated(Unrated::NotNegative);
    model.dynamic_train(learn).await.unwrap();
    assert_eq!(jobs.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_trainer_refuses_is_left_out_and_told() {
    let mut trainer = MockTrainer::new();
    trainer.expect_submit().returning(|job| {
        let too_long = |example: &&trainer::Example| example.messages[0].text().len() > 100;
        let refused = job.training.supervised.iter().filter(too_long);
        let problems: Vec<_> =
            refused.map(|example| Problem::new(example.origin.clone(), "too long")).collect();
        if problems.is_empty() {
            Ok(JobId::new("j"))
        } else {
            Err(trainer::Error::InvalidData(problems))
        }
    });
    let mut answering = Answering::with(|_| Ok("Great!".into()));
    answering.builder = answering.builder.trainer(Arc::new(trainer));
    let (model, _) = answering.build();
    model.ask("short").await.unwrap();
    model.ask("long ".repeat(50)).await.unwrap();
    let submitted = model.dynamic_train(Learn::default()).await.unwrap();
    assert_eq!(submitted.supervised, 1);
    let place = &submitted.left_out[0].origin;
    assert_eq!(place.line, 4, "the fourth turn");
    assert!(place.to_string().contains(model.thread().as_str()), "{place}");
}

#[tokio::test]
async fn a_blank_turn_and_an_unknown_speaker_are_passed_over() {
    let (model, jobs) = learning("");
    let turns = vec![
        Turn::system("  "),
        Turn::new(Speaker::Other("narrator".into()), "Meanwhile"),
        Turn::user("What?"),
        Turn::assistant("That.").with_feedback(Feedback::new(Rating::Up)),
    ];
    model.store().create(NewDialogue::new().with_turns(turns)).await.unwrap();
    model.dynamic_train(Learn::default()).await.unwrap();
    assert_eq!(jobs.lock().unwrap()[0].training.supervised[0].messages.len(), 2);
}

#[tokio::test]
async fn the_query_chooses_the_dialogues() {
    let (model, _) = learning("Great!");
    model.ask("What?").await.unwrap();
    let learn = Learn::default().with_query(Query::new().with_model("another"));
    let error = model.dynamic_train(learn).await.unwrap_err();
    assert!(matches!(error, Error::NothingToLearn { dialogues: 0, .. }), "{error:?}");
}

#[tokio::test]
async fn in_a_session_only_the_judged_answer_is_trained_on() {
    let (model, jobs) = learning("Great!");
    let mut session = model.session();
    session.ask("one").await.unwrap();
    session.ask("two").await.unwrap();
    model.dynamic_train(Learn::default()).await.unwrap();
    let examples = &jobs.lock().unwrap()[0].training.supervised;
    assert_eq!(examples.len(), 2);
    let weights: Vec<_> = examples[1].messages.iter().map(|m| m.extra.get("weight")).collect();
    assert_eq!(weights, [None, Some(&0.into()), None, None]);
}

#[tokio::test]
async fn a_prompt_with_a_good_and_a_bad_answer_becomes_a_preference() {
    let (model, jobs) = learning("");
    let data = "question,answer,label\n2+2?,4,positive\n2+2?,5,negative\n3+3?,7,negative\n";
    let submitted = model.train(Train::data(data)).await.unwrap();
    assert_eq!((submitted.supervised, submitted.preferences, submitted.unpaired.len()), (1, 1, 1));
    assert_eq!(jobs.lock().unwrap()[0].training.preferences[0].preferred.text(), "4");
}

#[tokio::test]
async fn negatives_alone_are_never_trained_on() {
    let (model, jobs) = learning("");
    let data = Train::data("question,answer\n2+2?,5\n").with_label(trainer::Label::Negative);
    let error = model.train(data).await.unwrap_err();
    assert!(matches!(error, Error::Training(trainer::Error::NothingToTrain { negatives: 1 })));
    assert_eq!(jobs.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_job_is_noted_in_the_original_format() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job_ids.json");
    let mut answering = Answering::with(|_| Ok(String::new()));
    answering.builder = answering.builder.job_registry(&file);
    let (model, _) = answering.build();
    model.save_job_id(&JobId::new("job_123"), "Training model with new data").await.unwrap();
    let written: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written[0]["id"], "job_123");
    assert_eq!(written[0]["description"], "Training model with new data");
    assert!(written[0]["created"].is_f64());
}
