//! Peak memory of requests that are large.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    bench::{
        Section,
        clients::{Clients, OURS, RAW, Server},
        verdict,
    },
    table::table,
};

/// Sends an image of 100 MB in a chat request, and uploads a file of 5 GB.
pub(crate) fn measure(clients: &Clients, server: &Server, target_dir: &Path) -> Result<Section> {
    let mut peaks = Vec::new();
    for client in [RAW, OURS] {
        let base_url = server.base_url("uploads");
        let report = clients.run(client, &["image", &base_url, IMAGE_MB, "0"])?;
        // Base64 makes four bytes of three.
        let received = checked(&server.uploads()?, 100_000_000 / 3 * 4)?;
        let target = (client == OURS).then_some(IMAGE_PEAK_MB);
        peaks.push(Peak::new("image of 100 MB", client, &report, target, received)?);
    }
    let file = target_dir.join("5-gb.jsonl");
    fs::File::create(&file)?.set_len(FILE_SIZE).context("no sparse file can be made")?;
    let path = file.to_string_lossy();
    let report = clients.run(OURS, &["upload", &server.base_url("uploads"), "1", &path]);
    fs::remove_file(&file)?;
    let received = checked(&server.uploads()?, FILE_SIZE)?;
    peaks.push(Peak::new("file of 5 GB", OURS, &report?, Some(FILE_PEAK_MB), received)?);

    let rows: Vec<_> = peaks.iter().map(Peak::row).collect();
    let head = ["sent", "client", "peak MB", "at most", "", "as the server saw it"];
    Ok(Section {
        name: "memory",
        title: "peak memory of the client's process".to_owned(),
        table: table(head, &rows),
        json: peaks.iter().map(Peak::json).collect(),
        is_met: peaks.iter().all(|peak| verdict(peak.megabytes, peak.target) != "missed"),
    })
}

#[derive(Debug)]
struct Peak {
    what: &'static str,
    client: &'static str,
    megabytes: f64,
    target: Option<f64>,
    received: String,
}

impl Peak {
    fn new(
        what: &'static str,
        client: &'static str,
        report: &Value,
        target: Option<f64>,
        received: String,
    ) -> Result<Self> {
        let kibibytes = report["peak_kib"].as_f64().context("no peak is reported")?;
        Ok(Self { what, client, megabytes: kibibytes * 1024.0 / 1e6, target, received })
    }

    fn row(&self) -> [String; 6] {
        [
            self.what.to_owned(),
            self.client.to_owned(),
            format!("{:.1}", self.megabytes),
            self.target.map_or_else(String::new, |target| target.to_string()),
            verdict(self.megabytes, self.target).to_owned(),
            self.received.clone(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what,
            "client": self.client,
            "peak_mb": self.megabytes,
            "target": self.target,
            "received": self.received,
        })
    }
}

/// Says what the server got, which must be `at_least` so much, with its length told beforehand.
fn checked(uploads: &[Value], at_least: u64) -> Result<String> {
    let received: u64 = uploads.iter().filter_map(|upload| upload["received"].as_u64()).sum();
    ensure!(received >= at_least, "the server got {received} bytes of at least {at_least}");
    let told = uploads.iter().all(|upload| upload["content_length"] == upload["received"]);
    ensure!(told, "the server was not told the length of what came");
    let s = if uploads.len() == 1 { "" } else { "s" };
    Ok(format!("{received} bytes in {} request{s}, with content-length", uploads.len()))
}

const IMAGE_MB: &str = "100";
const IMAGE_PEAK_MB: f64 = 240.0;
const FILE_SIZE: u64 = 5 << 30;
const FILE_PEAK_MB: f64 = 64.0;
