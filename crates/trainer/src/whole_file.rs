//! Files that are there whole or not at all.

use std::fs::File;
use std::io;
use std::path::Path;

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner alone.
    Owner,
    /// Whom the process lets read its files.
    Usual,
}

/// Puts what `write` writes in the place of the file at `path`, when it is whole and on the disk;
/// else the older one, if any, stays as it is.
///
/// # Errors
///
/// Whatever `write` fails with, and what `failed` makes of a fault of the disk.
pub(crate) fn replace<T, E>(
    path: &Path,
    readers: Readers,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    // A link stays one, and what is no file, such as a pipe, is written to as it is.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut open = File::options().write(true).open(path).map_err(&failed)?;
        return write(&mut open);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".attune-").suffix(".part");
    #[cfg(unix)]
    if readers == Readers::Usual {
        // The mask of the process takes away from it what others may not.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let mut draft = builder.tempfile_in(folder).map_err(&failed)?;
    let written = write(draft.as_file_mut())?;
    draft.as_file().sync_all().map_err(&failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    // The new name itself is on the disk only when the folder is.
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(&failed)?;
    Ok(written)
}
