use super::run::{Serving, attune, attune_home};

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn one_attune_asks_another_over_http() {
    let home = attune_home();
    let serving = Serving::start(&home, &[]).await;
    let elsewhere = attune_home();
    let url = serving.base_url();
    let question = "Hello! Who are you?";
    let asked = ["ask", question, "--model", "attune-tiny", "--base-url", url];
    let over_http = attune(elsewhere.path(), &asked).await.ok();
    let in_process = attune(elsewhere.path(), &["ask", question]).await.ok();
    assert_eq!(over_http, in_process);
    let models = attune(elsewhere.path(), &["models", "--base-url", url]).await.ok();
    assert!(models.contains("attune-tiny"), "{models}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_job_of_another_attune_can_be_shown() {
    let home = attune_home();
    let data = "prompt,completion\nWhat colour is the boathouse?,Green.\n";
    let train = ["train", "--data", data, "--epochs", "1", "--json"];
    let trained = attune(home.path(), &train).await;
    trained.ok();
    let serving = Serving::start(&home, &[]).await;
    let jobs = crate::support::read_json(&home.path().join("job_ids.json"));
    let id = jobs[0]["id"].as_str().unwrap();
    let elsewhere = attune_home();
    let args = ["jobs", "show", id, "--json", "--base-url", serving.base_url()];
    let shown = attune(elsewhere.path(), &args).await.json();
    assert_eq!(shown["state"], "succeeded", "{shown}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_key_that_is_asked_for_is_checked() {
    let home = attune_home();
    let serving = Serving::start(&home, &["--api-key", "sk-secret"]).await;
    let args = ["models", "--base-url", serving.base_url()];
    let refused = attune(attune_home().path(), &args).await.failed();
    assert!(refused.contains("401"), "{refused}");
}
