//! `cargo xtask layers`: each crate imports only what ARCHITECTURE.md lets it.

use anyhow::Result;
use xshell::Shell;

use crate::metadata::{Dependency, Kind, Package, Workspace};

/// The crates of the product, bottom row first, with the siblings that each may
/// import. This is the diagram of ARCHITECTURE.md as data.
const LAYERS: &[Layer] = &[
    Layer { name: "openai-api", row: 0, may: &[] },
    Layer { name: "dialogue-store", row: 0, may: &[] },
    Layer { name: "sentiment", row: 1, may: &[optional("openai-api")] },
    Layer { name: "trainer", row: 1, may: &[always("openai-api")] },
    Layer { name: "server", row: 2, may: &[always("openai-api"), optional("trainer")] },
    Layer { name: "local-engine", row: 2, may: &[always("openai-api"), optional("trainer")] },
    Layer {
        name: "facade",
        row: 3,
        may: &[
            always("openai-api"),
            always("sentiment"),
            always("dialogue-store"),
            always("trainer"),
            optional("local-engine"),
        ],
    },
    Layer {
        name: "cli",
        row: 4,
        may: &[
            always("openai-api"),
            always("dialogue-store"),
            always("sentiment"),
            always("trainer"),
            always("server"),
            always("local-engine"),
            always("facade"),
        ],
    },
];

/// Members outside the product, and whether they may import it.
const OUTSIDE: &[(&str, bool)] = &[("integration-tests", true), ("xtask", false)];

/// Heavy dependencies and the crates that may name them. A trailing `*`
/// stands for any ending.
const HEAVY: &[Heavy] = &[
    Heavy { dependency: "reqwest", owners: &["openai-api"], what: "the HTTP client" },
    Heavy { dependency: "rusqlite", owners: &["dialogue-store"], what: "a database driver" },
    Heavy { dependency: "sqlx*", owners: &["dialogue-store"], what: "a database driver" },
    Heavy { dependency: "tokio-postgres", owners: &["dialogue-store"], what: "a database driver" },
    Heavy { dependency: "axum*", owners: &["server"], what: "the web framework" },
    Heavy { dependency: "gemm*", owners: &["local-engine"], what: "an inference library" },
    Heavy { dependency: "tokenizers", owners: &["local-engine", "trainer"], what: "tokenizers" },
];

/// Edges whose absence is a design decision, with the reason to print.
const NEVER: &[(&str, &str, &str)] = &[
    ("server", "local-engine", "the server serves any `Arc<dyn ChatBackend>`; the CLI joins them"),
    (
        "openai-api",
        "dialogue-store",
        "the wire schema is OpenAI's; `facade::convert` is the bridge",
    ),
    ("dialogue-store", "openai-api", "the stored schema is ours; `facade::convert` is the bridge"),
];

#[derive(Debug)]
struct Layer {
    name: &'static str,
    row: u8,
    may: &'static [Edge],
}

#[derive(Debug)]
struct Edge {
    to: &'static str,
    behind_a_feature: bool,
}

#[derive(Debug)]
struct Heavy {
    dependency: &'static str,
    owners: &'static [&'static str],
    what: &'static str,
}

const fn always(to: &'static str) -> Edge {
    Edge { to, behind_a_feature: false }
}

const fn optional(to: &'static str) -> Edge {
    Edge { to, behind_a_feature: true }
}

/// Prints every broken rule; `true` if there is none.
pub(crate) fn run(sh: &Shell) -> Result<bool> {
    let workspace = Workspace::load(sh)?;
    let broken = violations(&workspace);
    for violation in &broken {
        println!("{violation}");
    }
    if broken.is_empty() {
        println!("{} crates keep to their layers", product().count());
    }
    Ok(broken.is_empty())
}

/// The names of the product's crates, bottom row first.
pub(crate) fn product() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().map(|layer| layer.name)
}

/// Every broken rule, as a sentence that names the crate, the edge and the rule.
fn violations(workspace: &Workspace) -> Vec<String> {
    let missing = product()
        .filter(|name| workspace.package(name).is_none())
        .map(|name| format!("{name}: the layers name it, but the workspace has no such crate"));
    missing.chain(workspace.packages.iter().flat_map(violations_of)).collect()
}

fn violations_of(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    if let Some((_, may_import)) = OUTSIDE.iter().find(|(outside, _)| *outside == name) {
        let siblings = package.dependencies.iter().filter(|d| is_product(&d.name) && !may_import);
        return siblings
            .map(|d| format!("{name} -> {}: {name} imports no product crate", d.name))
            .collect();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![format!(
            "{name}: the crate has no layer; give it one in ARCHITECTURE.md and xtask/src/layers.rs"
        )];
    };
    // Tests may look upwards, so dev-dependencies are not held to the layers.
    let imports = package.dependencies.iter().filter(|d| d.kind != Kind::Dev);
    imports.filter_map(|d| sibling_rule(layer, d).or_else(|| heavy_rule(name, d))).collect()
}

fn sibling_rule(layer: &Layer, dependency: &Dependency) -> Option<String> {
    let (from, to) = (layer.name, dependency.name.as_str());
    let target = LAYERS.iter().find(|layer| layer.name == to)?;
    let Some(edge) = layer.may.iter().find(|edge| edge.to == to) else {
        let never = NEVER.iter().find(|never| (never.0, never.1) == (from, to));
        let rule = match never {
            Some((.., why)) => (*why).to_owned(),
            None if target.row >= layer.row => format!(
                "row {} imports only rows below it, and {to} is in row {}",
                layer.row, target.row
            ),
            None if layer.may.is_empty() => format!("{from} imports no sibling"),
            None => {
                let may: Vec<_> = layer.may.iter().map(|edge| edge.to).collect();
                format!("{from} may import {}", may.join(", "))
            }
        };
        return Some(format!("{from} -> {to}: {rule}"));
    };
    (edge.behind_a_feature && !dependency.optional)
        .then(|| format!("{from} -> {to}: this edge stands behind a feature, make it optional"))
}

fn heavy_rule(from: &str, dependency: &Dependency) -> Option<String> {
    let to = dependency.name.as_str();
    let Heavy { owners, what, .. } = HEAVY.iter().find(|heavy| heavy.covers(to))?;
    let owned = || format!("{from} -> {to}: only {} imports {what}", owners.join(" or "));
    (!owners.contains(&from)).then(owned)
}

fn is_product(name: &str) -> bool {
    product().any(|product| product == name)
}

impl Heavy {
    fn covers(&self, name: &str) -> bool {
        match self.dependency.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.dependency,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::{LAYERS, Workspace, violations_of};

    #[test]
    fn the_table_itself_only_points_down() {
        for layer in LAYERS {
            for edge in layer.may {
                let below = LAYERS.iter().find(|below| below.name == edge.to).unwrap();
                assert!(below.row < layer.row, "{} -> {}", layer.name, edge.to);
            }
        }
    }

    #[test]
    fn what_the_diagram_draws_is_allowed() {
        check("trainer", &[json!({"name": "openai-api"})], expect![""]);
        check("sentiment", &[json!({"name": "openai-api", "optional": true})], expect![""]);
        check("cli", &[json!({"name": "facade"}), json!({"name": "server"})], expect![""]);
        check("integration-tests", &[json!({"name": "cli"}), json!({"name": "axum"})], expect![""]);
    }

    #[test]
    fn a_crate_imports_only_rows_below_it() {
        check(
            "trainer",
            &[json!({"name": "local-engine", "optional": true})],
            expect![
                "trainer -> local-engine: row 1 imports only rows below it, and local-engine is in row 2"
            ],
        );
        check(
            "server",
            &[json!({"name": "sentiment"})],
            expect!["server -> sentiment: server may import openai-api, trainer"],
        );
    }

    #[test]
    fn an_absence_that_was_decided_gives_its_reason() {
        check(
            "server",
            &[json!({"name": "local-engine", "optional": true})],
            expect![
                "server -> local-engine: the server serves any `Arc<dyn ChatBackend>`; the CLI joins them"
            ],
        );
        check(
            "dialogue-store",
            &[json!({"name": "openai-api"})],
            expect![
                "dialogue-store -> openai-api: the stored schema is ours; `facade::convert` is the bridge"
            ],
        );
    }

    #[test]
    fn an_optional_edge_must_be_optional() {
        check(
            "sentiment",
            &[json!({"name": "openai-api"})],
            expect!["sentiment -> openai-api: this edge stands behind a feature, make it optional"],
        );
    }

    #[test]
    fn heavy_dependencies_stay_with_their_owner() {
        check("openai-api", &[json!({"name": "reqwest", "optional": true})], expect![""]);
        check(
            "trainer",
            &[json!({"name": "reqwest", "optional": true}), json!({"name": "gemm"})],
            expect![[r#"
                trainer -> reqwest: only openai-api imports the HTTP client
                trainer -> gemm: only local-engine imports an inference library"#]],
        );
    }

    #[test]
    fn tests_of_a_crate_may_look_upwards() {
        let dev =
            [json!({"name": "server", "kind": "dev"}), json!({"name": "reqwest", "kind": "dev"})];
        check("openai-api", &dev, expect![""]);
    }

    #[test]
    fn xtask_imports_no_product_crate_even_for_tests() {
        check(
            "xtask",
            &[json!({"name": "sentiment", "kind": "dev"})],
            expect!["xtask -> sentiment: xtask imports no product crate"],
        );
    }

    #[test]
    fn a_new_crate_must_be_given_a_layer() {
        check(
            "plugins",
            &[],
            expect![
                "plugins: the crate has no layer; give it one in ARCHITECTURE.md and xtask/src/layers.rs"
            ],
        );
    }

    #[track_caller]
    fn check(name: &str, dependencies: &[Value], expected: Expect) {
        let json = json!({"packages": [{"name": name, "dependencies": dependencies}]});
        let workspace = Workspace::parse(&json.to_string()).unwrap();
        let broken: Vec<_> = workspace.packages.iter().flat_map(violations_of).collect();
        expected.assert_eq(&broken.join("\n"));
    }
}
