//! CPU time per request, per streamed chunk and per huge event.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    bench::{
        Section,
        clients::{CLIENTS, Clients, OURS, RAW, Server},
        progress,
        statistics::Spread,
        verdict,
    },
    table::table,
};

/// What is measured, and how large a share of the time `raw` takes ours may take.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    scenario: &'static str,
    form: &'static str,
    /// Repetitions within a process, chosen to make it run for a quarter of a second.
    count: usize,
    size: usize,
    target: Option<f64>,
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "request, 1 in flight",
        scenario: "requests",
        form: "whole",
        count: 3000,
        size: 1,
        target: Some(1.05),
    },
    Figure {
        name: "request, 64 in flight",
        scenario: "requests",
        form: "whole",
        count: 6000,
        size: 64,
        target: Some(1.05),
    },
    Figure {
        name: "chunk, a segment each",
        scenario: "chunks",
        form: "segments",
        count: 60,
        size: 500,
        target: Some(1.00),
    },
    Figure {
        name: "chunk, 16 KB segments",
        scenario: "chunks",
        form: "packed",
        count: 200,
        size: 500,
        target: Some(1.00),
    },
];

/// Measures all clients in alternating rounds.
///
/// A machine is never idle and its clock never steady, so each round compares with what `raw` took
/// in the same round, and the ratio told is the median of those.
pub(crate) fn measure(clients: &Clients, server: &Server, quick: bool) -> Result<Section> {
    let rounds = if quick { 5 } else { 31 };
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let mut is_met = true;
    for figure in FIGURES {
        let all = figure.run(clients, server, rounds)?;
        let raw = all.iter().find(|(client, _)| *client == RAW).context("raw is not measured")?;
        for (client, times) in &all {
            let time = Spread::of(times.clone());
            let ratios = times.iter().zip(&raw.1).map(|(time, raw)| time / raw);
            let ratio = Spread::of(ratios.collect());
            let target = figure.target.filter(|_| *client == OURS);
            let verdict = verdict(ratio.median, target);
            is_met &= verdict != "missed";
            rows.push([
                figure.name.to_owned(),
                (*client).to_owned(),
                format!("{:.2}", time.median / 1000.0),
                format!("{:.2}..{:.2}", time.low / 1000.0, time.high / 1000.0),
                format!("{:.3}", ratio.median),
                format!("{:.3}..{:.3}", ratio.low, ratio.high),
                target.map_or_else(String::new, |target| format!("{target:.2}")),
                verdict.to_owned(),
            ]);
            json.push(json!({
                "figure": figure.name,
                "client": client,
                "cpu_ns": spread_json(time),
                "ratio_to_raw": spread_json(ratio),
                "target": target,
            }));
        }
    }
    let head = ["figure", "client", "µs CPU", "quartiles", "to raw", "quartiles", "target", ""];
    Ok(Section {
        name: "cpu",
        title: format!("CPU time of the client, medians of {rounds} alternating rounds"),
        table: table(head, &rows),
        json: json!({ "rounds": rounds, "figures": json }),
        is_met,
    })
}

impl Figure {
    /// Nanoseconds per unit, of each client in each round.
    fn run(
        &self,
        clients: &Clients,
        server: &Server,
        rounds: usize,
    ) -> Result<Vec<(&'static str, Vec<f64>)>> {
        let mut all: Vec<_> = CLIENTS.iter().map(|client| (*client, Vec::new())).collect();
        let (count, size) = (self.count.to_string(), self.size.to_string());
        let args = [self.scenario, &server.base_url(self.form), &count, &size];
        for round in 0..rounds {
            progress(&format!("{}: round {} of {rounds}", self.name, round + 1));
            for (client, times) in &mut all {
                let report = clients.run(client, &args)?;
                times.push(report["cpu_ns"].as_f64().context("no CPU time is reported")?);
            }
            // There and back again, so that a drift of the machine's favours nobody.
            all.reverse();
        }
        all.sort_by_key(|(client, _)| CLIENTS.iter().position(|name| name == client));
        Ok(all)
    }
}

fn spread_json(spread: Spread) -> Value {
    json!({ "median": spread.median, "low": spread.low, "high": spread.high })
}
