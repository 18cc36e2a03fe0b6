//! `@stoplight/prism-cli`: strict with the specification, and streams nothing.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use xshell::Shell;

use super::running::Launch;
use crate::{metadata::Workspace, npm, spec};

pub(super) fn launch(sh: &Shell, workspace: &Workspace, port: u16) -> Result<Launch> {
    let dir = npm::environment(sh, workspace)?;
    let specification = mended(sh, workspace)?;
    let launch = Launch::new("prism", npm::script(&dir, "prism"))
        .with_args(["mock", "--errors", "--host", "127.0.0.1", "--port", &port.to_string()])
        .with_args([specification])
        .ready_at("/models", Duration::from_secs(180));
    Ok(launch)
}

/// Writes the specification so that prism checks all of it.
fn mended(sh: &Shell, workspace: &Workspace) -> Result<PathBuf> {
    let from = sh.current_dir().join(spec::DIR).join("openapi.json");
    let text =
        fs::read_to_string(&from).with_context(|| format!("{} cannot be read", from.display()))?;
    let mut specification =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", from.display()))?;
    mend(&mut specification);
    let to = workspace.tools_dir().join("prism.json");
    fs::write(&to, specification.to_string())
        .with_context(|| format!("{} cannot be written", to.display()))?;
    Ok(to)
}

/// Rewrites each schema with `nullable` but no `type`, a slip since version 3.1, to say the
/// same with `anyOf`. As they are, prism skips every body that has one, without a word.
fn mend(node: &mut Value) {
    match node {
        Value::Object(members) => {
            members.values_mut().for_each(mend);
            if members.get("nullable") == Some(&json!(true)) && !members.contains_key("type") {
                members.remove("nullable");
                let rest = Value::Object(std::mem::take(members));
                *members = Map::from_iter([("anyOf".into(), json!([rest, {"type": "null"}]))]);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mend),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::mend;

    #[test]
    fn only_nullable_without_a_type_is_rewritten() {
        let mut node = json!({"properties": {
            "a": {"nullable": true, "oneOf": [{"nullable": true, "$ref": "#/x"}]},
            "b": {"nullable": true, "type": "string"},
        }});
        mend(&mut node);
        let inner = json!({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]});
        let expected = json!({"properties": {
            "a": {"anyOf": [{"oneOf": [inner]}, {"type": "null"}]},
            "b": {"nullable": true, "type": "string"},
        }});
        assert_eq!(node, expected);
    }
}
