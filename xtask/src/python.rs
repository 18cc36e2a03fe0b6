//! The Python environments that the tests run.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use xshell::{Shell, cmd};

use crate::metadata::Workspace;

/// An environment of its own, as a folder of `tests/python` describes it.
///
/// `requirements.txt` names every package, with those that they need. Beside it may lie:
/// `source.txt`, packages to be built from source once those are there, and `prepare.py`, which is
/// run last, with an empty folder as its argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    folder: &'static str,
    /// The packages of this one are there as well.
    base: Option<&'static Self>,
    /// What is built from source is built with these arguments of `CMake`.
    cmake: &'static str,
}

impl Environment {
    pub(crate) const fn new(folder: &'static str) -> Self {
        Self { folder, base: None, cmake: "" }
    }

    /// Stands on another environment, whose packages it need not install again.
    pub(crate) const fn on(mut self, base: &'static Self) -> Self {
        self.base = Some(base);
        self
    }

    /// `HERE` in `cmake` stands for the folder that describes the environment.
    pub(crate) const fn with_cmake(mut self, cmake: &'static str) -> Self {
        self.cmake = cmake;
        self
    }

    /// Installs it, unless it is there and neither its description nor Python has changed since.
    ///
    /// # Errors
    ///
    /// There is no Python 3 with `venv`, or the packages cannot be had or built.
    pub(crate) fn install(&self, sh: &Shell, workspace: &Workspace) -> Result<Installed> {
        let here = self.description(sh);
        let base = self.base.map(|base| base.install(sh, workspace)).transpose()?;
        let Ok(version) = cmd!(sh, "python3 --version").quiet().ignore_stderr().read() else {
            bail!("python3 is not installed");
        };
        let dir = workspace.tools_dir().join("python").join(self.folder);
        let installed = Installed { made: dir.join("made"), dir };

        let packages = format!("{version}\n{}\n{}", self.cmake, self.packages(sh)?);
        once(&installed.dir.join("installed.txt"), &packages, || {
            println!("installing {} into {}", self.folder, installed.dir.display());
            sh.remove_path(&installed.dir)?;
            self.install_packages(sh, &here, &installed, base.as_ref())
        })?;
        let script = here.join("prepare.py");
        if script.exists() {
            once(&installed.dir.join("prepared.txt"), &contents(&here, is_script)?, || {
                let (python, made) = (installed.python(), &installed.made);
                sh.remove_path(made)?;
                sh.create_dir(made)?;
                quietly(cmd!(sh, "{python} -B {script} {made}"))
                    .with_context(|| format!("{} failed", script.display()))
            })?;
        }
        Ok(installed)
    }

    fn description(&self, sh: &Shell) -> PathBuf {
        sh.current_dir().join("tests/python").join(self.folder)
    }

    /// What says which packages there are, those of the base first.
    fn packages(&self, sh: &Shell) -> Result<String> {
        // What a script makes is made again without installing the packages again.
        let own = contents(&self.description(sh), |name| !is_script(name) && !is_prose(name))?;
        let base = self.base.map(|base| base.packages(sh)).transpose()?;
        Ok(base.unwrap_or_default() + &own)
    }

    fn install_packages(
        &self,
        sh: &Shell,
        here: &Path,
        installed: &Installed,
        base: Option<&Installed>,
    ) -> Result<()> {
        let dir = &installed.dir;
        quietly(cmd!(sh, "python3 -m venv {dir}"))
            .context("`python3 -m venv` failed; on Debian: apt-get install python3-venv")?;
        // What is built here may need what is there.
        base.map_or(Ok(()), |base| installed.stand_on(sh, base))?;
        let python = installed.python();
        let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"];
        let list = here.join("requirements.txt");
        quietly(cmd!(sh, "{python} {pip...} -r {list}"))
            .with_context(|| format!("pip could not install {}", list.display()))?;
        let sources = here.join("source.txt");
        if sources.exists() {
            // The tools of the build are packages of the environment, too.
            let mut path = vec![installed.scripts()];
            path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
            let cmake = self.cmake.replace("HERE", &here.display().to_string());
            println!("building {} once: some minutes", sources.display());
            // A wheel that pip kept may be of another build, whose arguments it does not ask about.
            quietly(
                cmd!(sh, "{python} {pip...} --no-cache-dir --no-build-isolation -r {sources}")
                    .env("PATH", env::join_paths(path)?)
                    .env("CMAKE_ARGS", cmake),
            )
            .with_context(|| format!("pip could not build {}", sources.display()))?;
        }
        Ok(())
    }
}

fn is_script(name: &str) -> bool {
    name.ends_with(".py")
}

fn is_prose(name: &str) -> bool {
    name.ends_with(".md")
}

/// Does what `make` does, unless that was done for the same input; `stamp` keeps the input.
fn once(stamp: &Path, input: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read_to_string(stamp).is_ok_and(|made| made == input) {
        return Ok(());
    }
    make()?;
    fs::write(stamp, input).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// An environment that is there.
#[derive(Debug)]
pub(crate) struct Installed {
    dir: PathBuf,
    /// What its `prepare.py` made lies here.
    pub(crate) made: PathBuf,
}

impl Installed {
    /// The interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        self.script("python")
    }

    /// A command that a package brought.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.scripts().join(name).with_extension(env::consts::EXE_EXTENSION)
    }

    /// Lets Python find the packages of `base`, and those that it stands on, after its own.
    fn stand_on(&self, sh: &Shell, base: &Self) -> Result<()> {
        let (link, packages) = (self.packages(sh)?.join(BASE), base.packages(sh)?);
        let below = fs::read_to_string(packages.join(BASE)).unwrap_or_default();
        let all = format!("{}\n{below}", packages.display());
        fs::write(&link, all).with_context(|| format!("{} cannot be written", link.display()))
    }

    /// Where its packages are.
    fn packages(&self, sh: &Shell) -> Result<PathBuf> {
        let (python, script) =
            (self.python(), "import sysconfig; print(sysconfig.get_path('purelib'))");
        Ok(cmd!(sh, "{python} -c {script}").quiet().read()?.into())
    }

    fn scripts(&self) -> PathBuf {
        self.dir.join(if cfg!(windows) { "Scripts" } else { "bin" })
    }
}

/// Where an environment names those that it stands on.
const BASE: &str = "base.pth";

/// The files of a folder whose names are `wanted`: names and text.
fn contents(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let read = || -> std::io::Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && wanted(&name) {
                files.insert(name, fs::read_to_string(entry.path())?);
            }
        }
        Ok(files)
    };
    let files = read().with_context(|| format!("{} cannot be read", dir.display()))?;
    Ok(files.iter().map(|(name, text)| format!("{name}\n{text}\n")).collect())
}

/// Runs a command and, only if it fails, says its last line.
pub(crate) fn quietly(command: xshell::Cmd<'_>) -> Result<()> {
    let output = command.quiet().ignore_status().output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    bail!("{}", last.unwrap_or("it said nothing"));
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, env, fs, process};

    use anyhow::bail;

    use super::once;

    #[test]
    fn what_was_made_is_made_again_only_from_another_input_or_after_a_failure() {
        let stamp = env::temp_dir().join(format!("attune-xtask-stamp-{}", process::id()));
        let made = Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            if made.get() == 1 { bail!("no network") } else { Ok(()) }
        };
        once(&stamp, "a", make).unwrap_err();
        once(&stamp, "a", make).unwrap();
        once(&stamp, "a", make).unwrap();
        assert_eq!(made.get(), 2);
        once(&stamp, "b", make).unwrap();
        assert_eq!(made.get(), 3);
        fs::remove_file(stamp).unwrap();
    }
}
