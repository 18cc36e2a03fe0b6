use std::path::Path;

use super::run::{attune, attune_home};
use crate::support::example;

/// Runs `attune` on a file with this content and gives the complaint.
async fn complaint_of_training(name: &str, content: &[u8]) -> String {
    let home = attune_home();
    let file = home.path().join(name);
    std::fs::write(&file, content).unwrap();
    let ran = attune(home.path(), &["train", file.to_str().unwrap()]).await;
    assert!(!home.path().join("job_ids.json").exists(), "nothing was changed");
    ran.failed()
}

#[track_caller]
fn says(complaint: &str, parts: &[&str]) {
    for part in parts {
        assert!(complaint.contains(part), "no {part:?} in: {complaint}");
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_csv_with_a_missing_column_is_refused() {
    let csv = b"prompt,notes\nWhy?,because\n";
    let complaint = complaint_of_training("data.csv", csv).await;
    says(&complaint, &["data.csv", "line 1", "completion", "notes"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_unclosed_quote_is_refused_with_its_line() {
    let csv = b"prompt,completion\nWhy?,because\nHow?,\"so and so\nWhen?,now\n";
    let complaint = complaint_of_training("data.csv", csv).await;
    says(&complaint, &["data.csv", "line 3", "quote"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_empty_file_is_refused() {
    let complaint = complaint_of_training("data.csv", b"").await;
    says(&complaint, &["data.csv", "empty"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_folder_with_no_csv_is_refused() {
    let home = attune_home();
    let dir = home.path().join("training");
    std::fs::create_dir(&dir).unwrap();
    let args = ["train", "--dir", dir.to_str().unwrap()];
    let ran = attune(home.path(), &args).await;
    says(&ran.failed(), &["training", "CSV"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_image_that_is_text_is_refused() {
    let home = attune_home();
    let image = example("images/not-an-image.jpg");
    let ran = attune(home.path(), &["image", image.to_str().unwrap()]).await;
    says(&ran.failed(), &["JPEG", "PNG", "WebP", "GIF"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_unknown_model_is_refused_with_near_names() {
    let home = attune_home();
    let ran = attune(home.path(), &["ask", "hi", "--model", "atune-tiny"]).await;
    says(&ran.failed(), &["atune-tiny", "near names are: attune-tiny"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_unknown_assistant_is_refused_with_those_there_are() {
    let home = attune_home();
    std::fs::copy(example("assistants.json"), home.path().join("assistants.json")).unwrap();
    let ran = attune(home.path(), &["ask", "hi", "--assistant", "asst_x"]).await;
    says(&ran.failed(), &["asst_x", "asst_lakeguide"]);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_store_file_cut_in_half_is_refused_and_left_as_it_was() {
    let home = attune_home();
    let ran = attune(home.path(), &["ask", "Hello!"]).await;
    ran.ok();
    let file = home.path().join("dialogues.sqlite");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    remove_write_ahead_log(&file);
    let complaint = attune(home.path(), &["dialogues", "list"]).await.failed();
    says(&complaint, &["dialogues.sqlite", "damaged"]);
    assert_eq!(std::fs::read(&file).unwrap(), &whole[..whole.len() / 2]);
}

fn remove_write_ahead_log(database: &Path) {
    for ending in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        let _ = std::fs::remove_file(name);
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_failure_is_a_json_object_for_machines() {
    let home = attune_home();
    let args = ["ask", "hi", "--model", "nobody", "--json"];
    let ran = attune(home.path(), &args).await;
    assert_eq!(ran.code, Some(1));
    let out: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(out["error"]["message"].as_str().unwrap().contains("nobody"), "{out}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_wrong_command_line_is_exit_code_2() {
    let home = attune_home();
    let ran = attune(home.path(), &["train", "--epochs", "many"]).await;
    assert_eq!(ran.code, Some(2));
}
