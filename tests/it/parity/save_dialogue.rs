use std::sync::Arc;

use dialogue_store::{DialogueStore, DialogueStoreExt, NewDialogue, SqliteStore};
use facade::OpenAiModel;

use crate::support::{completion, example, hosted, read_json, scripted};

#[tokio::test]
async fn each_exchange_is_appended_to_a_file_named_after_the_model_and_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = scripted([completion("Great!"), completion("Fine.")]).await;
    let model = hosted(&server).json_log(dir.path()).unwrap().build().unwrap();
    model.ask("How are you?").await.unwrap();
    model.ask("And now?").await.unwrap();
    let path = model.dialogue_log_path().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("gpt-4o-mini_"), "{name}");
    let turns = &read_json(&path)["turns"];
    assert_eq!(turns.as_array().unwrap().len(), 4);
    assert_eq!(turns[1]["sentiment"]["label"], "positive");
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dialogues.sqlite");
    let server = scripted([completion("Great!")]).await;
    let id = {
        let store = Arc::new(SqliteStore::open(&file).unwrap());
        let model: OpenAiModel = hosted(&server).store(store).build().unwrap();
        model.ask("How are you?").await.unwrap().dialogue
    };
    let reopened = SqliteStore::open(&file).unwrap();
    assert_eq!(reopened.get(&id).await.unwrap().turns.len(), 2);
}

#[tokio::test]
async fn the_originals_array_can_be_imported_and_exported() {
    let store = dialogue_store::MemoryStore::default();
    let original = std::fs::read(example("dialogue.json")).unwrap();
    let id = store.import(NewDialogue::new(), &original[..]).await.unwrap();
    let mut exported = Vec::new();
    store.export(&id, &mut exported).await.unwrap();
    let (before, after): (serde_json::Value, serde_json::Value) =
        (serde_json::from_slice(&original).unwrap(), serde_json::from_slice(&exported).unwrap());
    assert_eq!(before, after);
}
