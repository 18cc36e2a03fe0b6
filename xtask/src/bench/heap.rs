//! What is allocated per streamed chunk.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{
    bench::{
        Section,
        clients::{CLIENTS, Clients, OURS, Server},
        progress, verdict,
    },
    table::table,
};

/// The forms of a stream: each chunk read by itself, and many at once.
const FORMS: &[(&str, &str, &str)] =
    &[("one by one", "paced", "paced-short"), ("16 KB segments", "packed", "packed-short")];
/// What ours may allocate per chunk beyond what the chunk holds. The buffer that reqwest reads into
/// is replaced once in some twenty chunks.
const BEYOND: f64 = 0.1;

/// Counts, once for each client: the numbers are the same every time.
pub(crate) fn measure(clients: &Clients, server: &Server) -> Result<Section> {
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let mut is_met = true;
    for (name, long, short) in FORMS {
        for client in CLIENTS {
            progress(&format!("allocations, {name}: {client}"));
            let run = |form: &str, size: &str| {
                clients.run(client, &["allocations", &server.base_url(form), "2", size])
            };
            // What a stream of 400 chunks more takes more: what a request takes cancels out.
            let (long, short) = (run(long, "500")?, run(short, "100")?);
            let each = |field: &str| -> Result<f64> {
                let counted = long[field].as_f64().zip(short[field].as_f64());
                let (long, short) = counted.context("nothing is counted")?;
                Ok((long - short) / 400.0)
            };
            let (count, bytes) = (each("allocations")?, each("bytes")?);
            let (held, held_bytes) = (each("held")?, each("held_bytes")?);
            let beyond = (count - held).max(0.0);
            let target = (*client == OURS).then_some(BEYOND);
            let verdict = verdict(beyond, target);
            is_met &= verdict != "missed";
            rows.push([
                (*name).to_owned(),
                (*client).to_owned(),
                format!("{count:.2}"),
                format!("{held:.2}"),
                format!("{beyond:.2}"),
                target.map_or_else(String::new, |target| format!("{target:.2}")),
                format!("{bytes:.0}"),
                format!("{held_bytes:.0}"),
                verdict.to_owned(),
            ]);
            json.push(json!({
                "form": name,
                "client": client,
                "allocations": count,
                "held": held,
                "beyond": beyond,
                "bytes": bytes,
                "held_bytes": held_bytes,
                "target": target,
            }));
        }
    }
    let head = ["chunks", "client", "allocations", "held", "beyond", "target", "bytes", "held", ""];
    Ok(Section {
        name: "allocations",
        title: "allocations per streamed chunk, and those that the chunk holds".to_owned(),
        table: table(head, &rows),
        json: json!(json),
        is_met,
    })
}
