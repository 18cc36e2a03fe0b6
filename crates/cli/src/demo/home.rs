//! The demo's folder and the files in it, which come with the binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::context::{Context, make_private_folder};

/// Where everything is.
#[derive(Debug, Serialize)]
pub(super) struct Home {
    /// The folder: a data folder like any other, so `--home` takes it.
    pub(super) path: PathBuf,
    pub(super) training: PathBuf,
    pub(super) held_out: PathBuf,
    pub(super) image: PathBuf,
}

impl Home {
    /// Makes the folder anew, or with `keep` goes on in the one there is.
    pub(super) fn prepare(context: &Context, keep: bool) -> Result<Self> {
        let named = context.global.home.clone();
        Self::prepare_in(named.unwrap_or_else(|| context.home().join("demo")), keep)
    }

    fn prepare_in(path: PathBuf, keep: bool) -> Result<Self> {
        let path = std::path::absolute(&path).unwrap_or(path);
        let marker = path.join(MARKER);
        let holds_something = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if holds_something && !marker.exists() {
            bail!(
                "{} holds something that no demo made; name a new or an empty folder with --home",
                path.display()
            );
        }
        if holds_something && !keep {
            fs::remove_dir_all(&path)
                .with_context(|| format!("could not empty {}", path.display()))?;
        }
        // The folder above it may be the data folder, which is made here on the first run.
        make_private_folder(&path)?;
        write(&marker, b"Made anew by each `attune demo`.\n")?;
        for (name, bytes) in FILES {
            write(&path.join(name), bytes)?;
        }
        Ok(Self {
            training: path.join(TRAINING),
            held_out: path.join(HELD_OUT),
            image: path.join(IMAGE),
            path,
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes))
        .with_context(|| format!("could not write {}", path.display()))
}

const MARKER: &str = ".attune-demo";
const TRAINING: &str = "training/training_data.csv";
const HELD_OUT: &str = "data/held_out.csv";
const IMAGE: &str = "data/lake.jpg";

macro_rules! example {
    ($name:literal) => {
        include_bytes!(concat!("../../../../examples/data/", $name))
    };
}

const FILES: [(&str, &[u8]); 6] = [
    (TRAINING, example!("training_data.csv")),
    (HELD_OUT, example!("held_out.csv")),
    (IMAGE, example!("images/lake.jpg")),
    ("data/badge.png", example!("images/badge.png")),
    ("data/dialogue.json", example!("dialogue.json")),
    ("assistants.json", example!("assistants.json")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_made_anew_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo");
        let left = path.join("models/left");
        let prepare = |keep| Home::prepare_in(path.clone(), keep).unwrap();

        let home = prepare(false);
        assert!(home.training.exists() && home.held_out.exists() && home.image.exists());
        write(&left, b"").unwrap();
        prepare(true);
        assert!(left.exists());
        prepare(false);
        assert!(!left.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_and_a_data_folder_made_with_it_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        Home::prepare_in(home.join("demo"), false).unwrap();
        for folder in [home.join("demo"), home] {
            assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_folder_that_no_demo_made_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mine = dir.path().join("thesis.tex");
        fs::write(&mine, "years of work").unwrap();
        for keep in [false, true] {
            let error = Home::prepare_in(dir.path().to_owned(), keep).unwrap_err();
            assert!(error.to_string().contains("no demo made"), "{error}");
        }
        assert!(mine.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
