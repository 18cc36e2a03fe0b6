//! Bringing a file up to date.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};
use crate::sqlite::database::{corrupt, failed};

/// Applies the migrations that the file has not seen, all or none of them.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let sql = |error| failed(path, error);
    if version(connection).map_err(sql)? == LATEST {
        return Ok(());
    }
    // Whoever waited here for another process finds the file up to date.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let found = version(&transaction).map_err(sql)?;
    if found > LATEST {
        return Err(Error::NewerFormat { path: path.to_owned(), found, supported: LATEST });
    }
    if found == 0 && !is_empty(&transaction).map_err(sql)? {
        let hint = "it is another program's database, so name another file".to_owned();
        return Err(corrupt(path, hint, None));
    }
    let seen = |(version, _): &(i64, &str)| version.unsigned_abs() <= found;
    for (version, migration) in (1_i64..).zip(MIGRATIONS).skip_while(seen) {
        transaction.execute_batch(migration).map_err(sql)?;
        transaction.pragma_update(None, VERSION, version).map_err(sql)?;
    }
    transaction.commit().map_err(sql)
}

fn version(connection: &Connection) -> rusqlite::Result<u64> {
    let version: i64 = connection.pragma_query_value(None, VERSION, |row| row.get(0))?;
    // A negative version is none of ours; as a huge one it is refused.
    Ok(u64::try_from(version).unwrap_or(u64::MAX))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

const VERSION: &str = "user_version";
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_dialogues.sql")];
const LATEST: u64 = MIGRATIONS.len() as u64;
