//! How much memory can still be had.

use std::fs;

/// The memory that can still be had, in bytes, where the system tells it (Linux does).
///
/// It counts what the system would drop at need, such as pages of files. In a container it is what
/// that one may still take, by the limit of its control group (version 2).
pub(crate) fn available_memory() -> Option<u64> {
    let free = fs::read_to_string("/proc/meminfo").ok().and_then(|text| free_memory(&text))?;
    let told = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok();
    let left = told("max").and_then(|most| {
        let (current, stat) = (told("current"), told("stat"));
        left_of(&most, &current.unwrap_or_default(), &stat.unwrap_or_default())
    });
    Some(left.map_or(free, |left| left.min(free)))
}

/// What `/proc/meminfo` calls available.
fn free_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What a control group leaves of its limit, by its `memory.max`, `memory.current` and
/// `memory.stat`; `None` if it has no limit.
///
/// Pages of files that nobody has looked at for a while are taken for free, as Kubernetes does: a
/// model that was just fetched would fill the group otherwise.
fn left_of(most: &str, current: &str, stat: &str) -> Option<u64> {
    let most: u64 = most.trim().parse().ok()?;
    let current: u64 = current.trim().parse().unwrap_or(0);
    let forgettable = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let forgettable: u64 = forgettable.and_then(|it| it.trim().parse().ok()).unwrap_or(0);
    Some(most.saturating_sub(current.saturating_sub(forgettable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_memory_is_read_from_the_line_that_tells_it() {
        let text = "MemTotal:  16384000 kB\nMemFree: 1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(free_memory(text), Some(2048 * 1024));
        assert_eq!(free_memory("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_container_has_what_its_limit_leaves_and_what_it_would_forget() {
        let stat = "anon 600\nactive_file 50\ninactive_file 200\n";
        assert_eq!(left_of("1000\n", "850\n", stat), Some(350));
        assert_eq!(left_of("1000\n", "850\n", ""), Some(150));
        assert_eq!(left_of("1000\n", "1200\n", ""), Some(0));
        assert_eq!(left_of("max\n", "850\n", stat), None);
    }
}
