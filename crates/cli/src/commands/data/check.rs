//! `attune data check`: faults in training data, before anything is trained on it.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use trainer::{Dataset, Label, Problem};

use crate::Outcome;
use crate::failure;
use crate::render::{Output, count, fields};

pub(crate) fn run(output: Output, paths: &[PathBuf], label: Label) -> Result<Outcome> {
    let mut dataset = Dataset::default();
    let mut problems: Vec<Problem> = Vec::new();
    for path in paths {
        match Dataset::from_path(path, label) {
            Ok(read) => dataset.extend(read),
            Err(trainer::Error::InvalidData(found)) => problems.extend(found),
            Err(error) => return Err(error.into()),
        }
    }
    let examples = dataset.examples.len();
    let negative = dataset.examples.iter().filter(|e| e.label == Label::Negative).count();
    let set = dataset.curate();
    let fine = problems.is_empty();
    output.either(
        || {
            json!({
                "ok": fine,
                "examples": examples,
                "positive": examples - negative,
                "negative": negative,
                "supervised": set.supervised.len(),
                "preferences": set.preferences.len(),
                "unpaired": set.unpaired.len(),
                "problems": problems.iter().map(failure::problem).collect::<Vec<_>>(),
            })
        },
        || {
            let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            if fine || examples > 0 {
                let counted = |n: usize| Some(n.to_string());
                lines.push(fields(&[
                    ("examples", counted(examples)),
                    ("  to learn", counted(examples - negative)),
                    ("  to avoid", counted(negative)),
                    ("preference pairs", counted(set.preferences.len())),
                    ("to avoid, unpaired", counted(set.unpaired.len())),
                ]));
            }
            lines.join("\n")
        },
    )?;
    if fine {
        return Ok(Outcome::Done);
    }
    output.note(format_args!("attune: {} in the data", count(problems.len(), "problem")));
    Ok(Outcome::Failed)
}
