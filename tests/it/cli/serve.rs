use super::run::{Serving, attune, attune_home};

#[tokio::test]
async fn one_attune_asks_another_over_http() {
    let home = attune_home();
    let Some(serving) = Serving::start(&home, &[]).await else { return };
    let elsewhere = attune_home();
    let url = serving.base_url();
    let question = "Hello! Who are you?";
    let asked = ["ask", question, "--model", "attune-tiny", "--base-url", url];
    let over_http = attune(elsewhere.path(), &asked).await.unwrap().ok();
    let in_process = attune(elsewhere.path(), &["ask", question]).await.unwrap().ok();
    assert_eq!(over_http, in_process);
    let models = attune(elsewhere.path(), &["models", "--base-url", url]).await.unwrap().ok();
    assert!(models.contains("attune-tiny"), "{models}");
}

#[tokio::test]
async fn a_job_of_another_attune_can_be_shown() {
    let home = attune_home();
    let data = "prompt,completion\nWhat colour is the boathouse?,Green.\n";
    let train = ["train", "--data", data, "--epochs", "1", "--json"];
    let Some(trained) = attune(home.path(), &train).await else { return };
    trained.ok();
    let serving = Serving::start(&home, &[]).await.unwrap();
    let jobs = crate::support::read_json(&home.path().join("job_ids.json"));
    let id = jobs[0]["id"].as_str().unwrap();
    let elsewhere = attune_home();
    let args = ["jobs", "show", id, "--json", "--base-url", serving.base_url()];
    let shown = attune(elsewhere.path(), &args).await.unwrap().json();
    assert_eq!(shown["state"], "succeeded", "{shown}");
}

#[tokio::test]
async fn a_key_that_is_asked_for_is_checked() {
    let home = attune_home();
    let Some(serving) = Serving::start(&home, &["--api-key", "sk-secret"]).await else { return };
    let args = ["models", "--base-url", serving.base_url()];
    let refused = attune(attune_home().path(), &args).await.unwrap().failed();
    assert!(refused.contains("401"), "{refused}");
}
