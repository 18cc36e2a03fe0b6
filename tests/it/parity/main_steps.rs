use dialogue_store::{Feedback, Rating};
use facade::{Learn, Train};

use crate::support::{embedded, example, read_json};

/// The original's `main()`, step by step, in its order; `attune demo` shows the same to people.
#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_main_run_with_no_key_and_no_network() {
    let (home, builder) = embedded();
    let registry = home.path().join("job_ids.json");
    let model = builder
        .system_instruction("You are a helpful assistant.")
        .assistants_file(example("assistants.json"))
        .job_registry(&registry)
        .build()
        .unwrap();
    assert!(model.models().await.unwrap().iter().any(|id| *id == "attune-tiny"));
    assert_eq!(model.assistants().unwrap().names().len(), 3);

    let reply = model.ask("Hello, how are you?").await.unwrap();
    assert!(!reply.text.is_empty());
    model.rate(&reply, Feedback::new(Rating::Up)).await.unwrap();
    let learned = model.dynamic_train(Learn::default()).await.unwrap();
    model.wait(&learned.id).await.unwrap().into_model().unwrap();

    let train = Train::data_file(example("training_data.csv")).with_epochs(1);
    let job = model.train(train).await.unwrap();
    model.save_job_id(&job.id, "Training model with new data").await.unwrap();
    assert_eq!(read_json(&registry)[0]["id"], job.id.as_str());
    model.wait(&job.id).await.unwrap().into_model().unwrap();

    let description = model.describe_image(example("images/lake.jpg")).await.unwrap();
    assert_eq!(description.json.unwrap()["vision_model"], false);
}
