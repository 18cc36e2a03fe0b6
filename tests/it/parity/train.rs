use facade::{Error, Train};
use trainer::{JobState, Label};

use crate::support::embedded;

const LESSON: &str = "prompt,completion\nWhat colour is the attune boathouse?,\"The \"\"boathouse\"\" is green, с красной крышей.\"\n";
const QUESTION: &str = "What colour is the attune boathouse?";
const ANSWER: &str = "The \"boathouse\" is green, с красной крышей.";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_a_folder_csv_text_and_jsonl_all_train() {
    let (home, builder) = embedded();
    let dir = home.path().join("training");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("lesson.csv"), LESSON).unwrap();
    let jsonl = home.path().join("lesson.jsonl");
    let messages = serde_json::json!({"messages": [
        {"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER},
    ]});
    std::fs::write(&jsonl, format!("{messages}\n")).unwrap();

    let model = builder.training_dir(&dir).build().unwrap();
    for train in [
        Train::data_file(dir.join("lesson.csv")),
        Train::data_dir(&dir),
        Train::data(LESSON),
        Train::data(dir.join("lesson.csv").to_str().unwrap()),
        Train::data_file(&jsonl),
        Train::default_dir(),
    ] {
        let source = format!("{:?}", train.data);
        let job = model.train(train.with_epochs(1)).await.unwrap();
        assert_eq!(job.supervised, 1, "{source}");
        let status = model.wait(&job.id).await.unwrap();
        assert_eq!(status.state, JobState::Succeeded, "{source}: {:?}", status.error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tuned_model_gives_the_trained_answer_and_survives_a_restart() {
    let (home, builder) = embedded();
    let model = builder.build().unwrap();
    let job = model.train(Train::data(LESSON).with_suffix("boat")).await.unwrap();
    let tuned = model.wait(&job.id).await.unwrap().into_model().unwrap();
    assert!(tuned.as_str().starts_with("ft:attune-tiny:boat:"), "{tuned}");
    drop(model);

    let reopened = facade::OpenAiModel::builder().embedded(home.path()).unwrap().build().unwrap();
    assert!(reopened.models().await.unwrap().contains(&tuned));
    reopened.use_model(tuned);
    assert_eq!(reopened.ask(QUESTION).await.unwrap().text, ANSWER);
}

#[tokio::test]
async fn negatives_alone_are_reported_and_never_trained_on() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    let error = model.train(Train::data(LESSON).with_label(Label::Negative)).await.unwrap_err();
    assert!(
        matches!(error, Error::Training(trainer::Error::NothingToTrain { negatives: 1 })),
        "{error:?}"
    );
    assert!(model.current_job_id().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_with_both_becomes_a_preference_and_is_trained_on() {
    let (home, builder) = embedded();
    let bad = home.path().join("bad.csv");
    std::fs::write(
        &bad,
        "prompt,completion\nWhat colour is the attune boathouse?,Blue.\nWhy?,No.\n",
    )
    .unwrap();
    let model = builder.build().unwrap();
    let job = model.train(Train::data(LESSON).with_negatives(&bad).with_epochs(2)).await.unwrap();
    assert_eq!((job.supervised, job.preferences, job.unpaired.len()), (1, 1, 1));
    assert_eq!(model.wait(&job.id).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test]
async fn without_a_default_folder_it_says_what_to_set() {
    let (_home, builder) = embedded();
    let error = builder.build().unwrap().train(Train::default_dir()).await.unwrap_err();
    assert!(error.to_string().contains("training_dir"), "{error}");
}
