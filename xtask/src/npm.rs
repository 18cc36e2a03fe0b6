//! The packages from npm that the tests run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use xshell::{Shell, cmd};

use crate::{metadata::Workspace, python::quietly};

/// A folder with what `tests/npm/package-lock.json` names installed, made again only when that file
/// or Node itself has changed.
///
/// # Errors
///
/// There is no Node.js with npm, or the packages cannot be had.
pub(crate) fn environment(sh: &Shell, workspace: &Workspace) -> Result<PathBuf> {
    let from = sh.current_dir().join("tests/npm");
    let lock = read(&from.join("package-lock.json"))?;
    let Ok(version) = cmd!(sh, "node --version").quiet().ignore_stderr().read() else {
        bail!("node is not installed");
    };
    let dir = workspace.tools_dir().join("npm");
    let stamp = dir.join("installed.txt");
    let wanted = format!("{version}\n{lock}");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(dir);
    }

    println!("installing the mock servers into {}", dir.display());
    sh.remove_path(&dir)?;
    sh.create_dir(&dir)?;
    for name in ["package.json", "package-lock.json"] {
        sh.copy_file(from.join(name), &dir)?;
    }
    quietly(cmd!(sh, "npm ci --prefix {dir} --ignore-scripts --no-audit --no-fund --omit=dev"))
        .context("npm could not install tests/npm/package-lock.json")?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(dir)
}

/// The script that a package of [`environment`] runs as.
pub(crate) fn script(dir: &Path, name: &str) -> PathBuf {
    dir.join("node_modules/.bin").join(name)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
