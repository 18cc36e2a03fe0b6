//! Runs the engine as the peers in `peers/` are run, and prints what it cost as one line of JSON.
//!
//! How many threads it takes is said by `RAYON_NUM_THREADS`, as with any program that uses rayon.

mod answer;
mod train;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::time::{ClockId, clock_gettime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let report = match args[..] {
        ["train", model, data, steps] => train::run(model, data, steps.parse()?).await?,
        ["answer", model, prompt, answer, count, at_once] => {
            let asked = answer::Asked {
                prompt: prompt.parse()?,
                answer: answer.parse()?,
                count: count.parse()?,
                at_once: at_once.parse()?,
            };
            answer::run(model, asked).await?
        }
        _ => bail!("train MODEL DATA STEPS, or answer MODEL PROMPT ANSWER COUNT AT-ONCE"),
    };
    println!("{report}");
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
