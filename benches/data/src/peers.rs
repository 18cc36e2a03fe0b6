//! What a Rust programmer would write without us, and what no conversion can beat.

use std::fs::File;
use std::io::{BufWriter, Read, Write};

use anyhow::Result;
use serde::Serialize;

/// The `csv` crate and `serde_json`, with a look at every cell.
pub(crate) fn csv_and_serde_json(from: &str, to: &str) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 18).from_path(from)?;
    let mut out = BufWriter::with_capacity(1 << 18, File::create(to)?);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let (prompt, completion) = (&record[0], &record[1]);
        anyhow::ensure!(!prompt.trim().is_empty() && !completion.trim().is_empty(), "empty");
        let messages = [
            Message { role: "user", content: prompt },
            Message { role: "assistant", content: completion },
        ];
        serde_json::to_writer(&mut out, &Chat { messages })?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

#[derive(Serialize)]
struct Chat<'a> {
    messages: [Message<'a>; 2],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// Reads and writes, and does nothing in between.
pub(crate) fn copy(from: &str, to: &str) -> Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            n => to.write_all(&buffer[..n])?,
        }
    }
}
