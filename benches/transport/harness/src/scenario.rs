//! The scenarios.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::time::{ClockId, clock_gettime};

use crate::allocations::{self, Allocations};
use crate::{CONVERSATION, Chat, Seen};

/// Runs `SCENARIO BASE_URL COUNT SIZE`; of an upload the last is a path.
pub(crate) fn run<C: Chat>(args: &[String]) -> Result<String> {
    let [scenario, base_url, count, size] = args else {
        bail!("usage: SCENARIO BASE_URL COUNT SIZE");
    };
    let number = |text: &str| text.parse::<usize>().with_context(|| format!("{text} is no number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = C::connect(base_url);
        if scenario == "upload" {
            client.upload(Path::new(size)).await?;
            return peak();
        }
        let (count, size) = (number(count)?, number(size)?);
        match scenario.as_str() {
            "requests" => requests(&client, count, size).await,
            "chunks" => chunks(&client, count, size).await,
            "allocations" => allocations(&client, count, size).await,
            "events" => events(&client, count, size).await,
            "image" => {
                client.ask_about(png(count)).await?.check()?;
                peak()
            }
            _ => bail!("there is no scenario {scenario}"),
        }
    })
}

/// CPU time of `count` requests, `in_flight` of them at a time.
async fn requests<C: Chat>(client: &C, count: usize, in_flight: usize) -> Result<String> {
    // Connections are opened, and buffers have grown, before it counts.
    ask(client, (count / 10).max(2 * in_flight), in_flight).await?;
    let begin = cpu_time();
    ask(client, count, in_flight).await?;
    Ok(per_unit(cpu_time() - begin, count))
}

async fn ask<C: Chat>(client: &C, count: usize, in_flight: usize) -> Result<()> {
    let tasks: Vec<_> = (0..in_flight)
        .map(|nth| {
            let client = client.clone();
            let share = count / in_flight + usize::from(nth < count % in_flight);
            tokio::spawn(async move {
                for _ in 0..share {
                    client.complete(CONVERSATION).await?.check()?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// CPU time of `count` streams with `size` pieces of text each.
async fn chunks<C: Chat>(client: &C, count: usize, size: usize) -> Result<String> {
    let mut seen = Seen::expecting(fixture::pieces(size));
    read(client, count / 10 + 1, &mut seen).await?;
    let begin = cpu_time();
    read(client, count, &mut seen).await?;
    Ok(per_unit(cpu_time() - begin, count * size))
}

async fn read<C: Chat>(client: &C, count: usize, seen: &mut Seen) -> Result<()> {
    for _ in 0..count {
        seen.rewind();
        client.stream(CONVERSATION, seen).await?;
        seen.check()?;
    }
    Ok(())
}

/// What a stream with `size` pieces of text allocates from the request to its end: the mean of
/// `count` streams.
async fn allocations<C: Chat>(client: &C, count: usize, size: usize) -> Result<String> {
    let mut seen = Seen::expecting(fixture::pieces(size)).weighing(true);
    read(client, 2, &mut seen).await?;
    allocations::count();
    let (mut all, mut held) = (Allocations::default(), Allocations::default());
    for _ in 0..count {
        let before = Allocations::so_far();
        read(client, 1, &mut seen).await?;
        held.add(seen.held());
        all.add(Allocations::so_far().since(before).since(seen.held()));
    }
    let each = |n: u64| n as f64 / count as f64;
    Ok(format!(
        r#"{{"allocations":{},"bytes":{},"held":{},"held_bytes":{}}}"#,
        each(all.count),
        each(all.bytes),
        each(held.count),
        each(held.bytes),
    ))
}

/// CPU time of `count` streams of 8 MB of text in events of `size` MB.
async fn events<C: Chat>(client: &C, count: usize, size: usize) -> Result<String> {
    let piece = "x".repeat(size << 20);
    let mut seen = Seen::expecting(std::iter::repeat_n(&piece, 8 / size));
    read(client, 1, &mut seen).await?;
    let begin = cpu_time();
    read(client, count, &mut seen).await?;
    Ok(per_unit(cpu_time() - begin, count))
}

/// What looks like an image, of so many megabytes.
fn png(megabytes: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.reserve_exact(megabytes * 1_000_000 - bytes.len());
    bytes.extend((bytes.len()..megabytes * 1_000_000).map(|place| (place % 251) as u8));
    bytes
}

/// The most memory that this process ever had, by proc(5).
fn peak() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(format!(r#"{{"peak_kib":{}}}"#, kibibytes.context("the kernel tells no peak")?))
}

fn per_unit(cpu: Duration, count: usize) -> String {
    format!(r#"{{"cpu_ns":{:.1}}}"#, cpu.as_nanos() as f64 / count as f64)
}

/// CPU time of this process so far, its threads and the kernel's work for it included.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
