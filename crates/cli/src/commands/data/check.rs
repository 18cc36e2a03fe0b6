//! `attune data check`: faults in training data, and what is doubtful about it, before anything is
//! trained on it.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use trainer::{Check, Label, Reader, Remark, Report};

use crate::Outcome;
use crate::failure;
use crate::render::{Columns, Output, count, fields};

pub(crate) fn run(
    output: Output,
    paths: &[PathBuf],
    label: Label,
    similarity: Option<f64>,
) -> Result<Outcome> {
    let reader = Reader::open(paths)?.with_label(label);
    let report = Check::new(reader).with_similarity(similarity).run()?;
    output.either(|| to_json(&report), || to_text(&report))?;
    if report.is_usable() {
        return Ok(Outcome::Done);
    }
    let faults = count(report.faults_in_all as usize, "problem");
    output.note(format_args!("attune: {faults} in the data"));
    Ok(Outcome::Failed)
}

fn to_json(report: &Report) -> Value {
    let counts = report.counts.iter().map(|(code, count)| (code.name().to_owned(), json!(count)));
    let languages = report.languages.iter();
    json!({
        "ok": report.is_usable(),
        "examples": report.records - report.preferences,
        "positive": report.positive,
        "negative": report.negative,
        "preferences": report.preferences + report.paired,
        "unpaired": report.unpaired,
        "problems_in_all": report.faults_in_all,
        "problems": report.faults.iter().map(failure::problem).collect::<Vec<_>>(),
        "remarks_in_all": counts.collect::<serde_json::Map<_, _>>(),
        "remarks": report.remarks.iter().map(remark).collect::<Vec<_>>(),
        "languages": languages
            .map(|(language, count)| json!({ "language": language.name(), "answers": count }))
            .collect::<Vec<_>>(),
    })
}

fn remark(remark: &Remark) -> Value {
    let origin = &remark.origin;
    json!({
        "code": remark.code.name(),
        "file": origin.file.as_ref().map(|file| file.display().to_string()),
        "line": (origin.line > 0).then_some(origin.line),
        "message": remark.message,
    })
}

fn to_text(report: &Report) -> String {
    let mut parts: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    parts.extend(report.remarks.iter().map(ToString::to_string));
    if !report.counts.is_empty() {
        let mut table = Columns::new(&["doubtful", "#times"]);
        for (code, count) in &report.counts {
            table.row([code.to_string(), count.to_string()]);
        }
        parts.push(format!("\n{table}\n"));
    }
    let languages: Vec<String> =
        report.languages.iter().map(|(language, n)| format!("{} {n}", language.name())).collect();
    parts.push(fields(&[
        ("examples", Some((report.records - report.preferences).to_string())),
        ("  to learn", Some(report.positive.to_string())),
        ("  to avoid", Some(report.negative.to_string())),
        ("preference pairs", Some((report.preferences + report.paired).to_string())),
        ("to avoid, unpaired", Some(report.unpaired.to_string())),
        ("languages", Some(languages.join(", ")).filter(|told| !told.is_empty())),
    ]));
    parts.join("\n")
}
