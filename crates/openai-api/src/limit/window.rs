//! A limit set by hand: at most so much in any minute.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What was let in within the last minute.
///
/// A bucket would be smaller, but lets twice its size through in its first minute, and whoever
/// sets a limit by hand means that many.
#[derive(Debug)]
pub(super) struct Window {
    limit: u64,
    /// Oldest first.
    entries: VecDeque<Entry>,
    sum: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    at: Instant,
    cost: u64,
}

impl Window {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: limit.max(1), entries: VecDeque::new(), sum: 0 }
    }

    /// When so much can be let in: now, or later.
    pub(super) fn ready_at(&mut self, cost: u64, now: Instant) -> Instant {
        while self.entries.front().is_some_and(|entry| entry.at + MINUTE <= now) {
            self.sum -= self.entries.pop_front().map_or(0, |entry| entry.cost);
        }
        let cost = cost.min(self.limit);
        let mut sum = self.sum;
        let mut ready = now;
        for entry in &self.entries {
            if sum.saturating_add(cost) <= self.limit {
                break;
            }
            sum -= entry.cost;
            ready = entry.at + MINUTE;
        }
        ready
    }

    pub(super) fn take(&mut self, id: u64, cost: u64, now: Instant) {
        // The sum must hold whatever is estimated.
        let cost = cost.min(MOST);
        self.sum += cost;
        self.entries.push_back(Entry { id, at: now, cost });
    }

    /// Sets what was let in as `id` to what it cost in the end.
    pub(super) fn correct(&mut self, id: u64, cost: u64) {
        if let Ok(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) {
            let entry = &mut self.entries[place];
            let cost = cost.min(MOST);
            self.sum = self.sum - entry.cost + cost;
            entry.cost = cost;
        }
    }
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
const MOST: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn room_is_there_when_enough_is_a_minute_old() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(10);
        window.take(1, 4, at(0));
        window.take(2, 4, at(20));
        assert_eq!(window.ready_at(2, at(30)), at(30));
        assert_eq!(window.ready_at(3, at(30)), at(60));
        assert_eq!(window.ready_at(7, at(30)), at(80));
        // More than the limit needs all of it.
        assert_eq!(window.ready_at(u64::MAX, at(30)), at(80));
        window.correct(2, 0);
        assert_eq!(window.ready_at(6, at(30)), at(30));
        assert_eq!(window.ready_at(10, at(60)), at(60));
    }

    proptest! {
        #[test]
        fn no_minute_ever_holds_more_than_the_limit(
            limit in 1..20_u64,
            asked in prop::collection::vec((0..30_u64, 0..40_000_u64), 0..60),
        ) {
            let mut now = Instant::now();
            let mut window = Window::new(limit);
            let mut taken = Vec::new();
            for (id, (cost, pause)) in asked.into_iter().enumerate() {
                now += Duration::from_millis(pause);
                now = window.ready_at(cost, now);
                prop_assert_eq!(window.ready_at(cost, now), now);
                window.take(id as u64, cost, now);
                taken.push((now, cost.min(limit)));
                let lately = taken.iter().filter(|(at, _)| *at + MINUTE > now);
                prop_assert!(lately.map(|(_, cost)| cost).sum::<u64>() <= limit);
            }
        }
    }
}
