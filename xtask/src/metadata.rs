//! What `cargo metadata` says about the workspace, cut down to what is used here.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

/// The workspace's members and where they build to.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_dir: PathBuf,
}

/// One member.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeSet<String>,
    pub(crate) bins: Vec<String>,
}

/// One line of a member's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
    pub(crate) features: Vec<String>,
}

/// Which of the three tables a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    // Cargo says where this package is now; the path at compile time is for a
    // binary started by hand.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), Path::to_owned)
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load(sh: &Shell) -> Result<Self> {
        let json = cmd!(sh, "cargo metadata --format-version 1 --no-deps").quiet().read()?;
        Self::parse(&json)
    }

    /// Reads the output of `cargo metadata --no-deps`.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(json).context("cargo metadata printed no JSON")?;
        let packages = array(&json["packages"]).map(Package::parse).collect();
        Ok(Self { packages, target_dir: PathBuf::from(text(&json["target_directory"])) })
    }

    /// The member called `name`.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Where the tools that xtask installs for itself go.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.target_dir.join("tools")
    }
}

impl Package {
    fn parse(json: &Value) -> Self {
        let bins = array(&json["targets"])
            .filter(|target| array(&target["kind"]).any(|kind| kind == "bin"))
            .map(|target| text(&target["name"]))
            .collect();
        Self {
            name: text(&json["name"]),
            manifest: PathBuf::from(text(&json["manifest_path"])),
            dependencies: array(&json["dependencies"]).map(Dependency::parse).collect(),
            features: json["features"]
                .as_object()
                .map(|features| features.keys().cloned().collect())
                .unwrap_or_default(),
            bins,
        }
    }
}

impl Dependency {
    fn parse(json: &Value) -> Self {
        Self {
            name: text(&json["name"]),
            kind: match json["kind"].as_str() {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            },
            optional: json["optional"].as_bool().unwrap_or(false),
            features: array(&json["features"]).map(text).collect(),
        }
    }
}

fn array(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn text(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
