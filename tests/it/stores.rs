//! The suite of `DialogueStore` over each store, one module a cell.

use dialogue_store::{JsonFileStore, MemoryStore, SqliteStore};
use tempfile::TempDir;

dialogue_store::dialogue_store_conformance!(memory, async { ((), MemoryStore::new()) });
dialogue_store::dialogue_store_conformance!(json, in_a_folder(JsonFileStore::open));
dialogue_store::dialogue_store_conformance!(
    sqlite,
    in_a_folder(|dir| { SqliteStore::open(dir.join("dialogues.sqlite")) })
);

/// A store in a folder of its own.
async fn in_a_folder<S>(
    open: impl FnOnce(std::path::PathBuf) -> dialogue_store::Result<S>,
) -> (TempDir, S) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path().to_owned()).unwrap();
    (dir, store)
}
