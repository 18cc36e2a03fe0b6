//! Turns CSV into JSON Lines as the peers in `peers/` do, and prints what it cost as one line of
//! JSON.

mod generate;
mod peers;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use trainer::{Conversion, Format, Reader};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let start = Instant::now();
    match args[..] {
        ["generate", csv, megabytes] => generate::run(Path::new(csv), megabytes.parse()?)?,
        ["ours", csv, out, threads] => ours(csv, out, threads.parse()?, false)?,
        ["ours-deduplicated", csv, out, threads] => ours(csv, out, threads.parse()?, true)?,
        ["csv-serde-json", csv, out] => peers::csv_and_serde_json(csv, out)?,
        ["copy", csv, out] => peers::copy(csv, out)?,
        _ => bail!(
            "generate CSV MEGABYTES, ours or ours-deduplicated CSV OUT THREADS, \
             or csv-serde-json or copy CSV OUT"
        ),
    }
    println!(
        "{}",
        json!({
            "cpu": cpu_time()?.as_secs_f64(),
            "wall": start.elapsed().as_secs_f64(),
            "peak_kib": peak_kib()?,
        })
    );
    Ok(())
}

fn ours(csv: &str, out: &str, threads: NonZeroUsize, deduplicated: bool) -> Result<()> {
    let conversion = Conversion::new(Reader::open(&[csv])?, Format::OpenAi).with_threads(threads);
    let conversion = if deduplicated { conversion.without_duplicates() } else { conversion };
    // As the peers write: neither a draft nor a wait for the disk.
    conversion.write_to(std::fs::File::create(out)?)?;
    Ok(())
}

/// The CPU time that all threads of this process have taken.
fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::ProcessCPUTime).try_into()?)
}

/// The most memory that this process has had.
fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(peak.context("the system does not tell the peak of memory")?.parse()?)
}
