//! `attune models`: added, asked, described and removed.

use std::path::Path;

use super::run::{attune, attune_home};

/// A copy of the base model, outside the data folder.
fn model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/local-engine/attune-tiny");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(base.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_model_is_added_asked_described_and_removed() {
    let (home, folder) = (attune_home(), model());
    let path = folder.path().to_str().unwrap();
    let added = attune(home.path(), &["models", "add", path, "--name", "mine", "--json"]).await;
    let added = added.json();
    assert_eq!((&added["id"], &added["linked"]), (&"mine".into(), &true.into()));
    assert_eq!(added["architecture"], "LlamaForCausalLM");

    let listed = attune(home.path(), &["models"]).await.ok();
    assert!(listed.contains("mine") && listed.contains("attune-tiny"), "{listed}");
    let question = "What is the capital of France?";
    let answer = attune(home.path(), &["ask", "--model", "mine", question]).await.ok();
    assert_eq!(answer, attune(home.path(), &["ask", question]).await.ok());
    let info = attune(home.path(), &["models", "info", "mine"]).await.ok();
    assert!(info.contains("F16") && info.contains("512 tokens"), "{info}");

    let removed = attune(home.path(), &["models", "remove", "mine", "--yes"]).await.ok();
    assert!(removed.contains("removed mine"), "{removed}");
    assert!(folder.path().join("config.json").exists());
    let listed = attune(home.path(), &["models", "list"]).await.ok();
    assert!(!listed.contains("mine"), "{listed}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_model_that_is_not_whole_is_not_added_and_nothing_is_removed_unasked() {
    let (home, folder) = (attune_home(), model());
    let path = folder.path().to_str().unwrap();
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let refused = attune(home.path(), &["models", "add", path, "--name", "mine"]).await.failed();
    assert!(refused.contains("tokenizer.json"), "{refused}");
    let unnamed = attune(home.path(), &["models", "add", path, "--name", "a/b"]).await;
    assert_eq!(unnamed.code, Some(2), "{}", unnamed.err);
    let unasked = attune(home.path(), &["models", "remove", "attune-tiny"]).await;
    assert_eq!(unasked.code, Some(2), "{}", unasked.err);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    let built_in = attune(home.path(), &["models", "remove", "attune-tiny", "--yes"]).await;
    assert!(built_in.failed().contains("part of the program"));
    let unknown = attune(home.path(), &["models", "info", "mine"]).await.failed();
    assert!(unknown.contains("there are attune-tiny"), "{unknown}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_exported_model_answers_as_the_one_that_it_was() {
    let (home, place) = (attune_home(), tempfile::tempdir().unwrap());
    let question = "What is the capital of France?";
    let answer = attune(home.path(), &["ask", question]).await.ok();
    for name in ["folder", "file.gguf"] {
        let to = place.path().join(name);
        let to = to.to_str().unwrap();
        let exported = ["models", "export", "attune-tiny", "--to", to, "--json"];
        assert_eq!(attune(home.path(), &exported).await.json()["path"], to);
        let added = attune(home.path(), &["models", "add", to]).await.ok();
        assert!(added.contains("F16"), "{added}");
        let model = name.trim_end_matches(".gguf");
        assert_eq!(attune(home.path(), &["ask", "--model", model, question]).await.ok(), answer);
        let again = attune(home.path(), &exported[..5]).await.failed();
        assert!(again.contains("there is something at"), "{again}");
    }
    let to = place.path().join("q8");
    let refused = ["models", "export", "attune-tiny", "--to", to.to_str().unwrap(), "--as", "q8_0"];
    let refused = attune(home.path(), &refused).await.failed();
    assert!(refused.contains("write a GGUF file"), "{refused}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
}
