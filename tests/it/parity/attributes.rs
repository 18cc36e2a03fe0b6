use facade::Train;

use crate::support::{embedded, example};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_facts_are_there_by_accessor() {
    let (home, builder) = embedded();
    let model = builder
        .json_log(home.path().join("log"))
        .unwrap()
        .assistants_file(example("assistants.json"))
        .system_instruction("You are a helpful assistant.")
        .build()
        .unwrap();
    assert_eq!(model.current_job_id(), None);
    assert_eq!(model.assistant_id(), None);
    assert_eq!(model.system_instruction().as_deref(), Some("You are a helpful assistant."));
    assert!(model.dialogue().await.unwrap().is_empty());

    model.set_assistant("asst_lakeguide").await.unwrap();
    assert_eq!(model.assistant().unwrap().name.as_deref(), Some("Lake Guide"));
    assert_ne!(model.system_instruction().as_deref(), Some("You are a helpful assistant."));
    let reply = model.ask("Hello!").await.unwrap();
    assert_eq!(&reply.dialogue, model.thread());
    assert_eq!(model.dialogue().await.unwrap().len(), 3);
    assert!(model.dialogue_log_path().unwrap().is_file());
    assert_eq!(model.assistants().unwrap().entries().len(), 3);
    assert!(model.models().await.unwrap().contains(&model.model()));

    let train = Train::data("prompt,completion\nq,a\n").with_epochs(1);
    let job = model.train(train).await.unwrap();
    assert_eq!(model.current_job_id(), Some(job.id.clone()));
    model.wait(&job.id).await.unwrap();
}
