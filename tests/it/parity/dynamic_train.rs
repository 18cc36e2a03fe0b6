use dialogue_store::{Feedback, Query, Rating};
use facade::{Error, Learn};

use crate::support::embedded;

#[tokio::test(flavor = "multi_thread")]
async fn a_rated_dialogue_makes_a_better_model() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    let question = "What is the name of our office dog?";
    let before = model.ask(question).await.unwrap();
    let better = "Our office dog is called Biscuit.";
    let feedback = Feedback::new(Rating::Down).with_correction(better);
    model.rate(&before, feedback).await.unwrap();

    let job = model.dynamic_train(Learn::default()).await.unwrap();
    assert_eq!((job.supervised, job.preferences), (1, 1));
    assert_eq!(model.current_job_id().as_ref(), Some(&job.id));
    let tuned = model.wait(&job.id).await.unwrap().into_model().unwrap();
    model.use_model(tuned);
    assert_eq!(model.ask(question).await.unwrap().text, better);
}

#[tokio::test]
async fn with_nothing_good_in_the_dialogues_no_job_is_started() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    let error = model.dynamic_train(Learn::default()).await.unwrap_err();
    assert!(matches!(error, Error::NothingToLearn { dialogues: 0, exchanges: 0 }), "{error:?}");
    let learn = Learn::default().with_query(Query::new().with_rating(Rating::Up));
    assert!(model.dynamic_train(learn).await.is_err());
    assert!(model.current_job_id().is_none());
}
