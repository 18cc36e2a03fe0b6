use std::fs;

use expect_test::{Expect, expect};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::error::Error;

crate::dialogue_store_conformance!(sqlite, async { new_store() });

#[tokio::test]
async fn dialogues_survive_reopening() {
    let (folder, store) = new_store();
    let id = store.create(new("kept", "one")).await.unwrap();
    store.append(&id, vec![Turn::user("two")]).await.unwrap();
    let before = store.get(&id).await.unwrap();
    drop(store);
    assert_eq!(open(&folder).unwrap().get(&id).await.unwrap(), before);
}

#[tokio::test]
async fn a_closed_store_is_one_whole_file() {
    let (folder, store) = new_store();
    let id = store.create(new("kept", "one")).await.unwrap();
    let queued = store.append(&id, vec![Turn::user("two")]);
    // Polled once, so it is queued; then given up.
    let _ = futures_util::FutureExt::now_or_never(queued);
    drop(store);
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["dialogues.db"], "no write-ahead log is left behind");
    assert_eq!(open(&folder).unwrap().get(&id).await.unwrap().turns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_one_file_lose_nothing_to_each_other() {
    let (folder, store) = new_store();
    let id = store.create(new("shared", "0")).await.unwrap();
    let writers = (0..4).map(|_| {
        let (store, id) = (open(&folder).unwrap(), id.clone());
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

#[test]
fn many_may_create_a_file_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..6).map(|_| scope.spawn(|| open(&folder))).collect();
        for store in opened {
            store.join().unwrap().unwrap();
        }
    });
}

#[tokio::test]
async fn a_file_cut_in_half_says_so() {
    let folder = filled().await;
    let path = path(&folder);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();

    let error = open(&folder).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { path: it, .. } if *it == path));
    check(
        &folder,
        &error,
        expect![
            "FOLDER/dialogues.db is damaged; restore it from a copy, or save what is left with `sqlite3 FILE .recover`"
        ],
    );
    assert_eq!(fs::read(&path).unwrap().len(), bytes.len() / 2, "the damaged file was changed");
}

#[tokio::test]
async fn pages_overwritten_with_noise_are_found_when_they_are_read() {
    let folder = filled().await;
    let path = path(&folder);
    let mut bytes = fs::read(&path).unwrap();
    // All but the first page, which holds the schema.
    bytes[4096..].fill(0xa5);
    fs::write(&path, &bytes).unwrap();

    let error = match open(&folder) {
        Err(error) => error,
        Ok(store) => store.get(&"filled".parse().unwrap()).await.unwrap_err(),
    };
    assert!(matches!(&error, Error::Corrupt { path: it, .. } if *it == path), "{error:?}");
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    fs::write(&path, "dear diary, ".repeat(1000)).unwrap();
    let error = open(&folder).unwrap_err();
    check(
        &folder,
        &error,
        expect!["FOLDER/dialogues.db is damaged; it is no SQLite database, so name another file"],
    );

    fs::remove_file(&path).unwrap();
    let theirs = Connection::open(&path).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = open(&folder).unwrap_err();
    check(
        &folder,
        &error,
        expect![
            "FOLDER/dialogues.db is damaged; it is another program's database, so name another file"
        ],
    );
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(theirs.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    theirs.execute_batch("PRAGMA user_version = 7").unwrap();
    let error = open(&folder).unwrap_err();
    check(
        &folder,
        &error,
        expect![
            "FOLDER/dialogues.db has format 7, and this version reads up to 1; use a newer version"
        ],
    );
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_damage() {
    let (folder, store) = new_store();
    let id = store.create(new("odd", "secret")).await.unwrap();
    let raw = Connection::open(path(&folder)).unwrap();
    raw.execute_batch("UPDATE turns SET attributes = 'secret'").unwrap();
    let error = store.get(&id).await.unwrap_err();
    check(
        &folder,
        &error,
        expect![
            "FOLDER/dialogues.db is damaged; a row is not as this store writes it; restore the file from a copy"
        ],
    );
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_dialogue_that_cannot_be_read_leaves_the_rest_of_a_list() {
    let (folder, store) = new_store();
    // More than two pages; the last row of the first, and others, are not as the store writes them.
    let raw = Connection::open(path(&folder)).unwrap();
    raw.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
        INSERT INTO dialogues (id, created_at, updated_at, attributes, turns)
        SELECT format('d%03d', i), (i + 1) / 2, i, '{}', 0 FROM n;
        UPDATE dialogues SET id = 'no id' WHERE id = 'd008';
        UPDATE dialogues SET id = CAST(x'7aff' AS TEXT) WHERE id = 'd200';
        UPDATE dialogues SET title = CAST(x'ff' AS TEXT) WHERE id = 'd449';",
    )
    .unwrap();

    let list = async |query| -> Vec<String> {
        let rows = store.list(query).map(|row| match row {
            Ok(dialogue) => dialogue.id.to_string(),
            Err(Error::Corrupt { .. }) => "damaged".to_owned(),
            Err(other) => panic!("{other:?}"),
        });
        rows.collect().await
    };
    let expected = |n: u32| match n {
        8 | 200 | 449 => "damaged".to_owned(),
        n => format!("d{n:03}"),
    };
    // Every two rows share a moment, and then the raw id decides.
    let mut whole: Vec<String> = (1..=450).map(expected).collect();
    assert_eq!(list(Query::new()).await, whole);
    whole.reverse();
    assert_eq!(list(Query::new().with_newest_first()).await, whole);

    // The one that cannot be read does not use up the limit.
    assert_eq!(list(Query::new().with_limit(8)).await[6..], ["d007", "damaged", "d009"]);
}

#[tokio::test]
async fn what_is_deleted_is_not_left_in_the_file() {
    let (folder, store) = new_store();
    let id = store.create(new("gone", "a-very-private-sentence")).await.unwrap();
    store.delete(&id).await.unwrap();
    drop(store);
    checkpoint(&folder);
    let bytes = fs::read(path(&folder)).unwrap();
    let secret = b"a-very-private-sentence";
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
}

#[test]
fn a_store_that_is_held_is_busy_and_worth_another_try() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let path = path(&folder);
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut other = Connection::open(&path).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let refused = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map(|_| ())
        .unwrap_err();
    let error = database::failed(&path, refused);
    assert!(matches!(error, Error::Busy { .. }));
    assert!(error.is_retryable());
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/dialogues.db");
    let store = SqliteStore::open(&path).unwrap();
    store.create(new("mine", "private")).await.unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(folder.path().join("a/b")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and its index");
}

#[track_caller]
fn check(folder: &TempDir, error: &Error, expected: Expect) {
    let shown = error.to_string();
    expected.assert_eq(&shown.replace(&folder.path().display().to_string(), "FOLDER"));
}

/// A folder with a file of many pages, all of them in the file itself.
async fn filled() -> TempDir {
    let (folder, store) = new_store();
    let id = store.create(new("filled", "first")).await.unwrap();
    for n in 0..20 {
        store.append(&id, vec![Turn::user(format!("{n} ").repeat(2000))]).await.unwrap();
    }
    drop(store);
    checkpoint(&folder);
    folder
}

/// Moves everything from the log into the file, and removes the log.
fn checkpoint(folder: &TempDir) {
    let raw = Connection::open(path(folder)).unwrap();
    raw.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    loop {
        let mode: Result<String, _> =
            raw.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
        // The threads of a store that was dropped may not have ended yet.
        match mode {
            Ok(mode) if mode == "delete" => return,
            _ => std::thread::yield_now(),
        }
    }
}

fn new_store() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    (folder, store)
}

fn open(folder: &TempDir) -> crate::Result<SqliteStore> {
    SqliteStore::open(path(folder))
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("dialogues.db")
}

fn new(id: &str, text: &str) -> NewDialogue {
    NewDialogue::new().with_id(id.parse().unwrap()).with_turns(vec![Turn::user(text)])
}
