//! `cargo xtask budget`: what each choice of crates costs in dependencies.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use xshell::{Shell, cmd};

use crate::{
    flags,
    metadata::{Kind, Workspace},
    table::table,
};

/// The choices and their ceilings: the table "One crate alone" of ARCHITECTURE.md.
const CHOICES: &[Choice] = &[
    choice("sentiment, lexicon", "sentiment", &["default"], Ceiling::AtMost(12)),
    choice("openai-api, types and seam", "openai-api", &[], Ceiling::AtMost(18)),
    choice("openai-api + http", "openai-api", &["http"], Ceiling::AtMost(100)),
    choice("dialogue-store, memory", "dialogue-store", &[], Ceiling::AtMost(20)),
    choice("dialogue-store + sqlite", "dialogue-store", &["sqlite"], Ceiling::AtMost(110)),
    choice("trainer, traits and datasets", "trainer", &[], Ceiling::AtMost(30)),
    choice("trainer + hosted", "trainer", &["hosted"], Ceiling::AtMost(110)),
    choice("trainer + tokens", "trainer", &["tokens"], Ceiling::AtMost(33)),
    choice("server", "server", &["default"], Ceiling::Above { sibling: "openai-api", by: 45 }),
    choice("local-engine", "local-engine", &["default"], Ceiling::None),
    choice("facade", "facade", &["default"], Ceiling::None),
    choice("cli", "cli", &["default"], Ceiling::None),
];

/// Crates one picks together: a package with some of its features.
#[derive(Debug)]
struct Choice {
    name: &'static str,
    package: &'static str,
    features: &'static [&'static str],
    ceiling: Ceiling,
}

#[derive(Debug)]
enum Ceiling {
    AtMost(usize),
    /// So many more than a sibling costs with the features this package asks of it.
    Above {
        sibling: &'static str,
        by: usize,
    },
    /// Counted for information.
    None,
}

const fn choice(
    name: &'static str,
    package: &'static str,
    features: &'static [&'static str],
    ceiling: Ceiling,
) -> Choice {
    Choice { name, package, features, ceiling }
}

/// A choice, counted.
#[derive(Debug)]
struct Count {
    name: &'static str,
    crates: usize,
    ceiling: Option<usize>,
}

/// Prints what each choice costs; `false` if one is above its ceiling.
pub(crate) fn run(sh: &Shell, flags: &flags::Budget) -> Result<bool> {
    let workspace = Workspace::load(sh)?;
    let counter = Counter { sh, workspace: &workspace, host: host(sh)? };
    let mut counts = Vec::new();
    let mut uncounted = Vec::new();
    for choice in CHOICES {
        match counter.count(choice) {
            Ok(count) => counts.push(count),
            Err(why) => uncounted.push((choice.name, why)),
        }
    }
    println!("{}", if flags.json { as_json(&counts) } else { as_table(&counts) }.trim_end());
    for (name, why) in &uncounted {
        eprintln!("{name}: {why:#}");
    }
    Ok(uncounted.is_empty() && !counts.iter().any(Count::is_over))
}

impl Count {
    fn is_over(&self) -> bool {
        self.ceiling.is_some_and(|ceiling| self.crates > ceiling)
    }
}

/// Counts with `cargo tree`, for the machine it runs on.
#[derive(Debug)]
struct Counter<'a> {
    sh: &'a Shell,
    workspace: &'a Workspace,
    host: String,
}

impl Counter<'_> {
    fn count(&self, choice: &Choice) -> Result<Count> {
        let features: Vec<_> = choice.features.iter().map(|&f| f.to_owned()).collect();
        let crates = self.crates(choice.package, &features)?;
        let ceiling = match choice.ceiling {
            Ceiling::AtMost(most) => Some(most),
            Ceiling::Above { sibling, by } => {
                let features = self.asked_of(choice.package, sibling)?;
                Some(self.crates(sibling, &features)? + by)
            }
            Ceiling::None => None,
        };
        Ok(Count { name: choice.name, crates, ceiling })
    }

    /// How many crates `package` is, itself included, with these features alone.
    fn crates(&self, package: &str, features: &[String]) -> Result<usize> {
        let Self { sh, workspace, host } = self;
        let Some(known) = workspace.package(package) else {
            bail!("the workspace has no crate {package}");
        };
        let (has, lacks): (Vec<_>, Vec<_>) =
            features.iter().map(String::as_str).partition(|f| known.features.contains(*f));
        // A crate that declares no default has an empty one.
        if let Some(unknown) = lacks.iter().find(|f| **f != "default") {
            bail!("{package} has no feature {unknown}; correct xtask/src/budget.rs");
        }
        let features = has.join(",");
        let tree = cmd!(
            sh,
            "cargo tree --edges normal --target {host} --package {package}
             --no-default-features --features {features} --prefix none"
        )
        .quiet()
        .read()
        .with_context(|| format!("the crates of {package} cannot be counted"))?;
        Ok(unique(&tree))
    }

    /// The features that `package` asks of `sibling`.
    fn asked_of(&self, package: &str, sibling: &str) -> Result<Vec<String>> {
        let package = self.workspace.package(package);
        let dependency = package
            .and_then(|p| p.dependencies.iter().find(|d| d.name == sibling && d.kind != Kind::Dev))
            .with_context(|| format!("the budget expects a dependency on {sibling}"))?;
        Ok(dependency.features.clone())
    }
}

/// Counts the crates in the output of `cargo tree --prefix none`, each name and
/// version once.
fn unique(tree: &str) -> usize {
    let crates: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    crates.len()
}

fn host(sh: &Shell) -> Result<String> {
    let version = cmd!(sh, "rustc --version --verbose").quiet().read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say which host it is for")?.to_owned())
}

fn as_table(counts: &[Count]) -> String {
    let rows: Vec<_> = counts
        .iter()
        .map(|count| {
            let ceiling = count.ceiling.map_or_else(|| "-".to_owned(), |c| c.to_string());
            let over = if count.is_over() { "over the ceiling" } else { "" };
            [count.name.to_owned(), count.crates.to_string(), ceiling, over.to_owned()]
        })
        .collect();
    table(["choice", "crates", "ceiling", ""], &rows)
}

fn as_json(counts: &[Count]) -> String {
    let counts: Vec<_> = counts
        .iter()
        .map(|count| {
            json!({
                "choice": count.name,
                "crates": count.crates,
                "ceiling": count.ceiling,
                "over": count.is_over(),
            })
        })
        .collect();
    format!("{:#}", json!(counts))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Count, as_table, unique};

    #[test]
    fn a_crate_counts_once_per_version() {
        // As `cargo tree` prints it, with repetitions marked by an asterisk.
        let tree = "\
sentiment v0.1.0 (/src/attune/crates/sentiment)
async-trait v0.1.92 (proc-macro)
proc-macro2 v1.0.106
unicode-ident v1.0.24
quote v1.0.45
proc-macro2 v1.0.106 (*)
syn v2.0.119
proc-macro2 v1.0.106 (*)
quote v1.0.45 (*)
syn v3.0.1
unicode-ident v1.0.24

";
        assert_eq!(unique(tree), 7);
    }

    #[test]
    fn a_choice_at_its_ceiling_is_within_it() {
        let counts = [
            Count { name: "small", crates: 12, ceiling: Some(12) },
            Count { name: "large", crates: 101, ceiling: Some(100) },
            Count { name: "free", crates: 300, ceiling: None },
        ];
        expect![[r#"
            choice  crates  ceiling
            small       12       12
            large      101      100  over the ceiling
            free       300        -
        "#]]
        .assert_eq(&as_table(&counts));
    }
}
