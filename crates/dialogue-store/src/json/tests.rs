use std::fs;

use expect_test::{Expect, expect};
use futures_util::StreamExt;
use tempfile::TempDir;

use super::*;
use crate::dialogue::SINGLE_TURN;
use crate::error::Error;
use crate::time::Timestamp;
use crate::turn::{Rating, Speaker};

crate::dialogue_store_conformance!(json, async { new_store() });

#[tokio::test]
async fn dialogues_survive_reopening() {
    let (folder, store) = new_store();
    let id = store.create(new("kept", "one")).await.unwrap();
    store.append(&id, vec![Turn::user("two")]).await.unwrap();
    let before = store.get(&id).await.unwrap();
    drop(store);
    assert_eq!(open(&folder).get(&id).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_one_folder_lose_nothing_to_each_other() {
    let (folder, store) = new_store();
    let id = store.create(new("shared", "0")).await.unwrap();
    let writers = (0..4).map(|_| {
        let (store, id) = (open(&folder), id.clone());
        tokio::spawn(async move {
            for _ in 0..10 {
                store.append(&id, vec![Turn::user("more")]).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(store.get(&id).await.unwrap().turns.len(), 41);
}

#[tokio::test]
async fn a_file_cut_in_half_says_where_and_leaves_the_others_readable() {
    let (folder, store) = new_store();
    store.create(new("cut", "secret")).await.unwrap();
    let whole = store.create(new("whole", "fine")).await.unwrap();
    let path = folder.path().join("cut.json");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();

    let id = "cut".parse().unwrap();
    for error in [
        store.get(&id).await.unwrap_err(),
        store.append(&id, vec![Turn::user("more")]).await.unwrap_err(),
        store.rate(&id, 0, Feedback::new(Rating::Up)).await.unwrap_err(),
    ] {
        check(
            &folder,
            &error,
            expect![
                "FOLDER/cut.json is damaged at line 6, column 5; restore it from a copy, or move it away to go on without it"
            ],
        );
        assert!(matches!(&error, Error::Corrupt { path: it, line: Some(_), .. } if *it == path));
        assert!(!format!("{error:?}").contains("secret"));
    }
    assert_eq!(fs::read(&path).unwrap().len(), bytes.len() / 2, "the damaged file was changed");

    assert_eq!(store.get(&whole).await.unwrap().turns.len(), 1);
    let listed: Vec<_> = store.list(Query::new()).collect().await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].as_ref().unwrap().id, whole);
    assert!(matches!(listed[1], Err(Error::Corrupt { .. })));
    store.delete(&id).await.unwrap();
}

#[tokio::test]
async fn other_faulty_files_say_what_is_wrong() {
    let (folder, store) = new_store();
    let cases = [
        (
            "",
            expect![
                "FOLDER/it.json is damaged at line 1, column 0; restore it from a copy, or move it away to go on without it"
            ],
        ),
        (
            "\"secret\"",
            expect![
                "FOLDER/it.json is damaged at line 1, column 8; a field is missing or of another type; correct it, or move the file away"
            ],
        ),
        (
            r#"{"format": "secret", "version": 1}"#,
            expect![
                "FOLDER/it.json is damaged; its `format` is not `attune-dialogue`, so move it out of the folder"
            ],
        ),
        (
            r#"{"format": "attune-dialogue", "version": 2}"#,
            expect![
                "FOLDER/it.json has format 2, and this version reads up to 1; use a newer version"
            ],
        ),
        (
            "{\"format\": \"attune-dialogue\", \"version\": 1,\n\"id\": \"it\", \"created_at\": \"secret\"}",
            expect![
                "FOLDER/it.json is damaged at line 2, column 34; a field is missing or of another type; correct it, or move the file away"
            ],
        ),
        (
            r#"[{"role": "user", "content": ["secret"]}]"#,
            expect!["FOLDER/it.json is damaged; entry 0, field `content`: it is no string"],
        ),
        (
            "[\n{]",
            expect![
                "FOLDER/it.json is damaged at line 2, column 2; restore it from a copy, or move it away to go on without it"
            ],
        ),
    ];
    for (text, expected) in cases {
        fs::write(folder.path().join("it.json"), text).unwrap();
        let error = store.get(&"it".parse().unwrap()).await.unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
        check(&folder, &error, expected);
    }
}

#[tokio::test]
async fn a_bare_array_is_a_dialogue_and_becomes_a_document() {
    let (folder, store) = new_store();
    let path = folder.path().join("gpt-4o-mini_2024.json");
    let log = r#" [{"role": "system", "content": null}, {"role": "user", "content": "hi"}]"#;
    fs::write(&path, log).unwrap();

    let id = "gpt-4o-mini_2024".parse().unwrap();
    let read = store.get(&id).await.unwrap();
    assert_eq!((&read.turns[0].speaker, read.turns[0].text.as_str()), (&Speaker::User, "hi"));
    assert_eq!(read.turns[0].at, read.created_at);
    assert_eq!(read.tags, [SINGLE_TURN]);
    let query = Query::new().with_tag(SINGLE_TURN);
    assert_eq!(store.list(query.clone()).count().await, 1);
    assert_eq!(store.get(&id).await.unwrap(), read);

    assert_eq!(store.append(&id, vec![Turn::assistant("hello")]).await.unwrap(), 2);
    assert!(fs::read_to_string(&path).unwrap().contains("attune-dialogue"));
    assert_eq!(store.get(&id).await.unwrap().turns[0], read.turns[0]);
    assert_eq!(store.list(query).count().await, 1, "the tag stays");
}

#[tokio::test]
async fn what_a_dying_process_left_is_removed_and_strangers_stay() {
    let (folder, store) = new_store();
    drop(store);
    for name in [".tmp-Xa9", "notes.txt", "not an id.json"] {
        fs::write(folder.path().join(name), "half").unwrap();
    }
    let store = open(&folder);
    assert_eq!(store.list(Query::new()).count().await, 0);
    assert!(!folder.path().join(".tmp-Xa9").exists());
    assert!(folder.path().join("notes.txt").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let store = JsonFileStore::open(folder.path().join("a/b")).unwrap();
    store.create(new("mine", "private")).await.unwrap();
    let mode =
        |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("a/b"), 0o700);
    assert_eq!(mode("a/b/mine.json"), 0o600);
}

#[test]
fn a_file_is_no_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = JsonFileStore::open(file.path()).unwrap_err();
    assert!(matches!(&error, Error::Io { action: "create", path, .. } if path == file.path()));
}

#[track_caller]
fn check(folder: &TempDir, error: &Error, expected: Expect) {
    let shown = error.to_string();
    expected.assert_eq(&shown.replace(&folder.path().display().to_string(), "FOLDER"));
}

fn new_store() -> (TempDir, JsonFileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    (folder, store)
}

fn open(folder: &TempDir) -> JsonFileStore {
    JsonFileStore::open(folder.path()).unwrap()
}

fn new(id: &str, text: &str) -> NewDialogue {
    let at = Timestamp::from_unix_millis(1_000);
    NewDialogue::new()
        .with_id(id.parse().unwrap())
        .with_created_at(at)
        .with_turns(vec![Turn::user(text).with_at(at)])
}
