//! What a token costs in training an adapter: CPU time and memory.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::rig::Rig;
use crate::{
    bench::{
        Section,
        comparison::{Comparison, HEAD, Target},
        progress,
    },
    table::table,
};

/// Trains in alternating rounds, with one thread and with two.
pub(super) fn measure(rig: &Rig, rounds: usize) -> Result<Section> {
    let mut found = Vec::new();
    for threads in THREADS {
        for data in DATA {
            found.extend(compare(rig, rounds, threads, data)?);
        }
    }
    let rows: Vec<_> = found.iter().map(Comparison::row).collect();
    Ok(Section {
        name: "training",
        title: format!(
            "LoRA of rank 8 beside PyTorch and PEFT: 135 M parameters, 2 x 256 tokens a step, \
             medians of {rounds} alternating rounds of {STEPS} steps"
        ),
        table: table(HEAD, &rows),
        json: found.iter().map(Comparison::json).collect(),
        is_met: found.iter().all(Comparison::is_met),
    })
}

fn compare(rig: &Rig, rounds: usize, threads: usize, data: Data) -> Result<Vec<Comparison>> {
    let (model, file, count) = (rig.made("f32"), rig.made(data.file), threads.to_string());
    let peer = |steps, kind| rig.peer("train.py", &[&model, &file, steps, &count, kind]);
    let s = if threads == 1 { "" } else { "s" };
    let told = format!("{}, {threads} thread{s}", data.told);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        progress(&format!("training {told}: round {} of {rounds}", round + 1));
        // There and back again, so that a drift of the machine's favours nobody.
        for turn in [round % 2, 1 - round % 2] {
            match turn {
                0 => ours.push(rig.ours(threads, &["train", &model, &file, STEPS])?),
                _ => theirs.push(peer(STEPS, "f32")?),
            }
        }
    }
    let losses = [values(&ours, "first_loss", 1.0)?, values(&theirs, "first_loss", 1.0)?].concat();
    // Each begins with other conversations of the same kind.
    let is_same = losses.iter().all(|loss| (loss / losses[0] - 1.0).abs() < 0.03);
    ensure!(is_same, "the first losses are {losses:?}: that is not the same training");

    let figure = |(field, name, unit, scale): Field,
                  kind: &str,
                  theirs: &[Value],
                  target|
     -> Result<Comparison> {
        Ok(Comparison {
            what: format!("{name}, {told}"),
            peer: format!("PEFT {kind}"),
            unit,
            target,
            ..Comparison::of(&values(&ours, field, scale)?, &values(theirs, field, scale)?)
        })
    };
    let mut found = vec![
        figure(CPU, "f32", &theirs, Some(Target::AtMost(0.75)))?,
        figure(WALL, "f32", &theirs, None)?,
        figure(PEAK, "f32", &theirs, Some(Target::AtMost(0.4)))?,
    ];
    if data.file == DATA[0].file {
        // Where the processor has no instructions for it, a step takes minutes: one must do.
        progress(&format!("training {told} in bf16, once"));
        let once = vec![peer("1", "bf16")?; rounds];
        found.push(figure(CPU, "bf16, once", &once, Some(Target::AtMost(1.0)))?);
        found.push(figure(PEAK, "bf16, once", &once, None)?);
    }
    Ok(found)
}

/// What a field of the reports is called, its unit, and how many of that it counts.
type Field = (&'static str, &'static str, &'static str, f64);
const CPU: Field = ("cpu_ns_per_token", "CPU", "ms/token", 1e-6);
const WALL: Field = ("wall_ns_per_token", "time", "ms/token", 1e-6);
const PEAK: Field = ("peak_kib", "peak", "GB", 1024e-9);

fn values(reports: &[Value], field: &str, scale: f64) -> Result<Vec<f64>> {
    let values = reports.iter().map(|report| Some(report[field].as_f64()? * scale));
    values.collect::<Option<_>>().with_context(|| format!("{field} is not told"))
}

/// What is learned of each conversation.
#[derive(Debug, Clone, Copy)]
struct Data {
    file: &'static str,
    told: &'static str,
}

const DATA: [Data; 2] = [
    Data { file: "half.jsonl", told: "half learned" },
    Data { file: "all.jsonl", told: "all learned" },
];
const THREADS: [usize; 2] = [1, 2];
const STEPS: &str = "3";
