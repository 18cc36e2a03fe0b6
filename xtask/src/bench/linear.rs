//! One event of 8 MB against eight of 1 MB.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{
    bench::{
        Section,
        clients::{CLIENTS, Clients, OURS, Server},
        progress,
        statistics::Spread,
        verdict,
    },
    table::table,
};

/// Measures all clients in alternating rounds.
pub(crate) fn measure(clients: &Clients, server: &Server, quick: bool) -> Result<Section> {
    let rounds = if quick { 1 } else { 5 };
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let mut is_met = true;
    for client in CLIENTS {
        progress(&format!("large events: {client}"));
        let (mut one, mut eight, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
        let measured = (0..rounds).try_for_each(|_| -> Result<()> {
            let (single, split) =
                (cpu(clients, server, client, 8)?, cpu(clients, server, client, 1)?);
            one.push(single);
            eight.push(split);
            ratio.push(single / split);
            Ok(())
        });
        if let Err(refusal) = measured {
            // Some refuse an event of that size; ours must not.
            is_met &= *client != OURS;
            let empty = String::new;
            rows.push([
                (*client).to_owned(),
                empty(),
                empty(),
                empty(),
                empty(),
                empty(),
                format!("{refusal:#}"),
            ]);
            continue;
        }
        let [one, eight, ratio] = [one, eight, ratio].map(Spread::of);
        let target = (*client == OURS).then_some(LINEAR);
        let verdict = verdict(ratio.median, target);
        is_met &= verdict != "missed";
        rows.push([
            (*client).to_owned(),
            format!("{:.1}", one.median),
            format!("{:.1}", eight.median),
            format!("{:.2}", ratio.median),
            format!("{:.2}..{:.2}", ratio.low, ratio.high),
            target.map_or_else(String::new, |target| format!("{target:.2}")),
            verdict.to_owned(),
        ]);
        json.push(json!({
            "client": client,
            "one_of_8_mb_cpu_ms": one.median,
            "eight_of_1_mb_cpu_ms": eight.median,
            "ratio": ratio.median,
            "target": target,
        }));
    }
    let head = ["client", "ms CPU, 1 × 8 MB", "8 × 1 MB", "ratio", "quartiles", "target", ""];
    Ok(Section {
        name: "large_events",
        title: format!("a stream of 8 MB in one event or in eight, medians of {rounds} rounds"),
        table: table(head, &rows),
        json: json!(json),
        is_met,
    })
}

/// Milliseconds of CPU time for a stream of 8 MB in events of `size` MB.
fn cpu(clients: &Clients, server: &Server, client: &str, size: usize) -> Result<f64> {
    let base_url = server.base_url(&format!("event-{size}-mb"));
    let report = clients.run(client, &["events", &base_url, "2", &size.to_string()])?;
    Ok(report["cpu_ns"].as_f64().context("no CPU time is reported")? / 1e6)
}

/// Linear, but for what caches and the allocator make of larger pieces.
const LINEAR: f64 = 1.5;
