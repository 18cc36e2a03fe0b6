//! Files and folders that have no name before they are whole.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::error::{Error, Result};

/// Refuses a place where something is.
pub(super) fn check_free(to: &Path) -> Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(Error::Exists { path: to.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", to)(error)),
    }
}

/// Begins a file that is to be called so, once it is [finished](finish_file).
pub(super) fn file(to: &Path, needed: u64) -> Result<NamedTempFile> {
    let folder = beside(to, needed)?;
    builder(FILE_MODE).tempfile_in(folder).map_err(Error::io("write to", folder))
}

/// Begins a folder that is to be called so, once it is [finished](finish_folder).
pub(super) fn folder(to: &Path, needed: u64) -> Result<TempDir> {
    let folder = beside(to, needed)?;
    builder(FOLDER_MODE).tempdir_in(folder).map_err(Error::io("write to", folder))
}

pub(super) fn finish_file(draft: NamedTempFile, to: &Path) -> Result<()> {
    draft.as_file().sync_all().map_err(Error::io("write", to))?;
    draft.persist_noclobber(to).map(drop).map_err(|error| match error.error.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: to.to_owned() },
        _ => Error::io("write", to)(error.error),
    })?;
    sync_names(above(to)).map_err(Error::io("write", to))
}

/// The files in it are on the disk already; what they are called is to be so too.
pub(super) fn finish_folder(draft: TempDir, to: &Path) -> Result<()> {
    check_free(to)?;
    let written = || {
        for entry in fs::read_dir(draft.path())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                sync_names(&entry.path())?;
            }
        }
        sync_names(draft.path())?;
        fs::rename(draft.path(), to)
    };
    written().map_err(Error::io("write", to))?;
    // It has another name now, and there is nothing to remove.
    let _ = draft.keep();
    sync_names(above(to)).map_err(Error::io("write", to))
}

/// Waits until the names in a folder are on the disk, where the system lets one.
///
/// What they name is there already, so where it does not, nothing failed: a folder that one may
/// write to but not read cannot be opened (`EACCES`), and some mounts do not sync folders (`EINVAL`,
/// or that they do not support it). A disk that fails is told of.
fn sync_names(folder: &Path) -> std::io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and there is nothing of the kind to do.
    if !cfg!(unix) {
        return Ok(());
    }
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if is_refusal(error.kind()) => Ok(()),
        synced => synced,
    }
}

/// Whether a system does not do what it was asked for, rather than that it failed.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

/// The folder that a place is in, if it has so much room.
fn beside(to: &Path, needed: u64) -> Result<&Path> {
    let parent = above(to);
    parent.metadata().map_err(Error::io("find the folder", parent))?;
    match free(parent)? {
        Some(free) if free < needed => Err(Error::NoRoom { path: parent.to_owned(), needed, free }),
        _ => Ok(parent),
    }
}

fn above(to: &Path) -> &Path {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// How many bytes may be written to a folder; `None` where that is not known.
#[cfg(unix)]
fn free(folder: &Path) -> Result<Option<u64>> {
    let told = rustix::fs::statvfs(folder);
    let told = told.map_err(|error| Error::io("look at", folder)(error.into()))?;
    Ok(Some(told.f_bavail.saturating_mul(told.f_frsize)))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Result<Option<u64>> {
    Ok(None)
}

/// What the owner's own settings leave of all rights: others may be who serves it.
fn builder(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".export-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

const FILE_MODE: u32 = 0o666;
const FOLDER_MODE: u32 = 0o777;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_room_for_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("large");
        for refused in [file(&to, u64::MAX).map(drop), super::folder(&to, u64::MAX).map(drop)] {
            if cfg!(unix) {
                assert!(matches!(refused, Err(Error::NoRoom { needed: u64::MAX, .. })));
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_came_there_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("model");
        let (file, draft) = (file(&to, 1).unwrap(), super::folder(&to, 1).unwrap());
        fs::write(&to, "mine").unwrap();
        assert!(matches!(finish_file(file, &to), Err(Error::Exists { .. })));
        assert!(matches!(finish_folder(draft, &to), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&to).unwrap(), b"mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_synced_is_no_failure_and_a_disk_that_fails_is() {
        for (error, expected) in [(13, true), (22, true), (95, true), (5, false), (28, false)] {
            // As Linux numbers them.
            if cfg!(target_os = "linux") {
                let kind = std::io::Error::from_raw_os_error(error).kind();
                assert_eq!(is_refusal(kind), expected, "{kind:?}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_lies_in_a_folder_that_cannot_be_read_is_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("model");
        let draft = file(&to, 1).unwrap();
        let allow = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
        // Whoever may do anything on the machine reads it nevertheless.
        allow(0o300).unwrap();
        let finished = finish_file(draft, &to);
        allow(0o700).unwrap();
        finished.unwrap();
        assert!(to.exists());
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let to = folder.path().join("model");
        finish_file(file(&to, 1).unwrap(), &to).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&to), mode(&plain));
    }
}
