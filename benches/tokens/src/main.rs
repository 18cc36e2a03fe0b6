//! Counts the tokens of the texts in a file, as `peers/count.py` does, and prints as one line of
//! JSON how many there are and how much CPU time it took.
//!
//! `tests/python/tiktoken/README.md` says what is in the file.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use trainer::tokens::{Encoding, OpenAiCounter};

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("tokens-bench FILE")?;
    let bytes = std::fs::read(&path).with_context(|| format!("{path} cannot be read"))?;
    let texts = texts(&bytes).with_context(|| format!("{path} holds no texts"))?;
    let mut report = json!({});
    for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
        report[encoding.name()] = measure(encoding, &texts)?;
    }
    println!("{report}");
    Ok(())
}

/// The texts of a file, each after twelve bytes of numbers, of which the first is its length.
fn texts(mut rest: &[u8]) -> Option<Vec<&str>> {
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        texts.push(std::str::from_utf8(rest.get(12..12 + length)?).ok()?);
        rest = &rest[12 + length..];
    }
    Some(texts)
}

fn measure(encoding: Encoding, texts: &[&str]) -> Result<Value> {
    // The peer's vocabulary is read before its time begins, too.
    let mut counter = OpenAiCounter::new(encoding);
    let start = cpu_time()?;
    let tokens: u64 = texts.iter().map(|text| counter.count(text)).sum();
    let took = cpu_time()? - start;
    Ok(json!({ "tokens": tokens, "seconds": took.as_secs_f64() }))
}

/// The CPU time that this thread, the only one, has taken.
fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?)
}
