use super::run::{attune, attune_home};

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_job_is_trained_noted_listed_and_shown() {
    let home = attune_home();
    let data = "prompt,completion\nWhat colour is the boathouse?,Green.\n";
    let args = ["train", "--data", data, "--epochs", "2", "--suffix", "boat", "--json"];
    let trained = attune(home.path(), &args).await;
    let trained = trained.json();
    let model = trained["model"].as_str().unwrap();
    assert!(model.starts_with("ft:attune-tiny:boat:"), "{trained}");
    let id = trained["id"].as_str().unwrap();

    let models = attune(home.path(), &["models"]).await.ok();
    assert!(models.contains(model), "{models}");
    let listed = attune(home.path(), &["jobs", "list"]).await.ok();
    assert!(listed.contains(id) && listed.contains("succeeded"), "{listed}");
    let shown = attune(home.path(), &["jobs", "show", id, "--json"]).await.json();
    assert_eq!(shown["fine_tuned_model"], model);
    let noted = crate::support::read_json(&home.path().join("job_ids.json"));
    assert_eq!(noted[0]["id"], id);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_adapter_is_trained_when_it_is_asked_for() {
    let home = attune_home();
    let data = "prompt,completion\nWhat colour is the boathouse?,Green.\n";
    let args = ["train", "--data", data, "--epochs", "1", "--lora", "--lora-rank", "4", "--json"];
    let trained = attune(home.path(), &args).await.json();
    let folder = trained["model"].as_str().unwrap().replace(':', "~");
    let folder = home.path().join("models").join(folder);
    let config = crate::support::read_json(&folder.join("adapter_config.json"));
    assert_eq!(config["r"], 4);

    let strange = ["train", "--data", data, "--lora", "--lora-modules", "q_proj,wq"];
    let complaint = attune(home.path(), &strange).await.failed();
    assert!(complaint.contains("tuning.target_modules") && complaint.contains("wq"), "{complaint}");
}
