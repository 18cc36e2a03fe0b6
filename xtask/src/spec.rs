//! `cargo xtask spec`: the extract of OpenAI's specification that the tests read.

mod examples;
mod lenient;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use xshell::Shell;

use crate::flags;

/// Where the extract lies, from the repository's root.
pub(crate) const DIR: &str = "crates/openai-api/tests/spec";

/// The first segments of the paths that the client knows.
const FAMILIES: [&str; 13] = [
    "assistants",
    "batches",
    "chat",
    "completions",
    "conversations",
    "embeddings",
    "files",
    "fine_tuning",
    "models",
    "moderations",
    "responses",
    "threads",
    "uploads",
];

/// Writes `openapi.json` and `examples.json` from the whole specification.
pub(crate) fn run(sh: &Shell, flags: &flags::Spec) -> Result<bool> {
    let text = fs::read_to_string(&flags.whole)
        .with_context(|| format!("{} cannot be read", flags.whole.display()))?;
    let whole: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is no JSON", flags.whole.display()))?;
    let extract = Extract::of(&whole)?;
    let examples = examples::all(&whole, &extract)?;
    let dir = sh.current_dir().join(DIR);
    write(&dir.join("openapi.json"), &extract.to_text())?;
    write(&dir.join("examples.json"), &lines("[", examples.iter().map(Value::to_string), "]\n"))?;
    println!(
        "{} paths, {} schemas, {} examples",
        extract.paths.len(),
        extract.schemas().count(),
        examples.len()
    );
    Ok(true)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// The paths that the client knows, the webhooks, and all that they refer to.
#[derive(Debug)]
struct Extract {
    head: Map<String, Value>,
    paths: BTreeMap<String, Value>,
    webhooks: BTreeMap<String, Value>,
    components: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Extract {
    fn of(whole: &Value) -> Result<Self> {
        let head = ["openapi", "info", "servers", "security"];
        let head = head.map(|key| (key.to_owned(), whole[key].clone())).into_iter().collect();
        let paths: BTreeMap<_, _> = members(&whole["paths"])
            .filter(|(path, _)| is_known(path))
            .map(|(path, item)| (path.clone(), bare_members(item)))
            .collect();
        if paths.is_empty() {
            bail!("it is no specification of OpenAI's: it has none of the paths");
        }
        let webhooks: BTreeMap<_, _> = members(&whole["webhooks"])
            .map(|(name, item)| (name.clone(), bare_members(item)))
            .collect();
        let mut components: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for (name, scheme) in members(&whole["components"]["securitySchemes"]) {
            let schemes = components.entry("securitySchemes".to_owned()).or_default();
            schemes.insert(name.clone(), bare(scheme));
        }
        let mut wanted = Vec::new();
        paths.values().chain(webhooks.values()).for_each(|item| references(item, &mut wanted));
        while let Some((kind, name)) = wanted.pop() {
            let known = components.entry(kind.clone()).or_default();
            if known.contains_key(&name) {
                continue;
            }
            let component = match &whole["components"][&kind][&name] {
                Value::Null => bail!("the specification refers to {kind}/{name}, which it lacks"),
                component => bare(component),
            };
            references(&component, &mut wanted);
            known.insert(name, component);
        }
        Ok(Self { head, paths, webhooks, components })
    }

    fn schemas(&self) -> impl Iterator<Item = &String> {
        self.components.get("schemas").into_iter().flat_map(BTreeMap::keys)
    }

    /// JSON with one line per path and per component, so that a difference can be read.
    fn to_text(&self) -> String {
        let mut text = String::from("{");
        for (key, value) in &self.head {
            let _ = writeln!(text, "{}:{value},", json!(key));
        }
        text += &block("paths", &self.paths);
        text += ",\n";
        text += &block("webhooks", &self.webhooks);
        text += ",\n\"components\":";
        let kinds = self.components.iter().map(|(kind, members)| block(kind, members));
        text + &lines("{", kinds, "}}\n")
    }
}

/// Whether the client knows this path; the variants for the beta header are left out.
fn is_known(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    FAMILIES.contains(&first) && !path.contains('?')
}

fn block(name: &str, members: &BTreeMap<String, Value>) -> String {
    let members = members.iter().map(|(key, value)| format!("{}:{value}", json!(key)));
    format!("{}:{}", json!(name), lines("{", members, "}"))
}

fn lines(open: &str, items: impl Iterator<Item = String>, close: &str) -> String {
    format!("{open}\n{}\n{close}", items.collect::<Vec<_>>().join(",\n"))
}

/// A part of the specification without its prose and its code samples.
///
/// What is data, such as `default` or `enum`, stays as it is.
fn bare(node: &Value) -> Value {
    const PROSE: [&str; 5] =
        ["description", "summary", "externalDocs", "x-oaiMeta", "x-stainless-const"];
    const DATA: [&str; 5] = ["default", "enum", "const", "example", "examples"];
    const NAMED: [&str; 4] = ["properties", "patternProperties", "mapping", "$defs"];
    match node {
        Value::Object(node) => {
            let kept = node.iter().filter(|(key, _)| !PROSE.contains(&key.as_str()));
            let kept = kept.map(|(key, value)| {
                let value = match key.as_str() {
                    data if DATA.contains(&data) => value.clone(),
                    named if NAMED.contains(&named) => bare_members(value),
                    "responses" => described(bare_members(value)),
                    _ => bare(value),
                };
                (key.clone(), value)
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// [`bare`] for each member of an object whose keys are names, not keywords.
fn bare_members(node: &Value) -> Value {
    members(node).map(|(name, value)| (name.clone(), bare(value))).collect::<Map<_, _>>().into()
}

/// The format requires a description of each response, be it empty.
fn described(mut responses: Value) -> Value {
    for response in responses.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(response) = response.as_object_mut().filter(|r| !r.contains_key("$ref")) {
            response.insert("description".to_owned(), json!(""));
        }
    }
    responses
}

/// Adds the kind and name of each component that `node` refers to.
fn references(node: &Value, found: &mut Vec<(String, String)>) {
    match node {
        Value::Object(node) => node.values().for_each(|value| references(value, found)),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        // A discriminator's mapping refers without `$ref`.
        Value::String(text) => {
            let path = text.strip_prefix("#/components/").and_then(|path| path.split_once('/'));
            found.extend(path.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
        }
        _ => {}
    }
}

fn members(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests;
