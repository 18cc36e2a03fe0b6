//! A limit that the server reports.

use std::time::Duration;

use tokio::time::Instant;

use super::window::MINUTE;
use crate::meta::Window as Report;

/// What the server still takes, as far as its reports tell.
///
/// OpenAI and those who follow it fill a bucket little by little, and `reset` is when it is full:
/// `limit: 60, remaining: 59, reset: 1s`
/// (<https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers>). So the rate is
/// what is missing over the time until nothing is, be the limit one of a minute or of a day.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: f64,
    per_second: f64,
    available: f64,
    at: Instant,
}

impl Bucket {
    /// Takes a report into account, where it tells what is left.
    ///
    /// `under_way` is what was let in and has not been answered. Whether the server has counted it
    /// yet is not known, so what is available lies between what is left and that much less; our
    /// own account says where.
    pub(super) fn update(bucket: &mut Option<Self>, report: Report, under_way: u64, now: Instant) {
        let Some(remaining) = report.remaining else { return };
        let known = bucket.as_ref();
        let limit = report.limit.map(|limit| limit as f64).or(known.map(|bucket| bucket.limit));
        let remaining = remaining as f64;
        let limit = limit.unwrap_or(remaining).max(remaining);
        if limit < 1.0 {
            return;
        }
        let missing = limit - remaining;
        let per_second = match report.reset {
            Some(reset) if missing > 0.0 && !reset.is_zero() => missing / reset.as_secs_f64(),
            _ => limit / MINUTE.as_secs_f64(),
        };
        let least = remaining - under_way as f64;
        let available = known.map_or(least, |bucket| bucket.available(now).clamp(least, remaining));
        *bucket = Some(Self { limit, per_second, available, at: now });
    }

    /// When so much can be let in: now, or later.
    pub(super) fn ready_at(&self, cost: u64, now: Instant) -> Instant {
        let missing = (cost as f64).min(self.limit) - self.available(now);
        if missing < SLACK {
            return now;
        }
        let wait = Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(LONGEST);
        now + wait.min(LONGEST).max(SHORTEST)
    }

    pub(super) fn take(&mut self, cost: u64, now: Instant) {
        self.available = self.available(now) - (cost as f64).min(self.limit);
        self.at = now;
    }

    /// Whether it says nothing but its limit.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.available(now) >= self.limit
    }

    fn available(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.available + since * self.per_second).min(self.limit)
    }
}

/// Sums of floats come out a little short.
const SLACK: f64 = 1e-6;
/// What tokio's clock can tell apart.
const SHORTEST: Duration = Duration::from_millis(1);
/// No server's limit takes longer to fill up.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Meta;

    fn report(limit: &str, remaining: &str, reset: &str) -> Report {
        let headers = [
            ("x-ratelimit-limit-requests", limit),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", reset),
        ];
        Meta::new(200, headers).rate_limits().requests
    }

    /// How many seconds so much waits after a report.
    #[track_caller]
    fn check(report: Report, under_way: u64, cost: u64, expected: f64) {
        let now = Instant::now();
        let mut bucket = None;
        Bucket::update(&mut bucket, report, under_way, now);
        let wait = bucket.unwrap().ready_at(cost, now) - now;
        assert!((wait.as_secs_f64() - expected).abs() < 0.002, "{wait:?}");
    }

    #[test]
    fn a_bucket_fills_as_fast_as_the_server_says() {
        check(report("60", "59", "1s"), 0, 59, 0.0);
        check(report("60", "59", "1s"), 0, 60, 1.0);
        check(report("60", "0", "1m0s"), 0, 1, 1.0);
        check(report("10000", "0", "24h0m0s"), 0, 1, 8.64);
        check(report("60", "0", "1m0s"), 0, 600, 60.0);
    }

    #[test]
    fn what_a_report_leaves_out_is_taken_for_a_minutes() {
        check(report("60", "0", ""), 0, 1, 1.0);
        check(report("60", "0", "soon"), 0, 1, 1.0);
        check(report("", "30", ""), 0, 30, 0.0);
        check(report("60", "60", "0s"), 0, 60, 0.0);
    }

    #[test]
    fn what_is_under_way_may_not_have_been_counted() {
        check(report("60", "10", "50s"), 10, 1, 1.0);
        let now = Instant::now();
        let mut bucket = None;
        Bucket::update(&mut bucket, report("60", "60", "0s"), 0, now);
        bucket.as_mut().unwrap().take(10, now);
        // The server has counted all of it, or nothing: either way 50 are left.
        for remaining in ["60", "50"] {
            Bucket::update(&mut bucket, report("60", remaining, "10s"), 10, now);
            assert_eq!(bucket.as_ref().unwrap().ready_at(50, now), now);
            assert!(bucket.as_ref().unwrap().ready_at(51, now) > now);
        }
        // Someone else uses the same key.
        Bucket::update(&mut bucket, report("60", "3", "57s"), 10, now);
        assert!(bucket.as_ref().unwrap().ready_at(4, now) > now);
    }

    #[test]
    fn a_report_that_tells_nothing_changes_nothing() {
        for report in [Report::default(), report("60", "", ""), report("0", "0", "")] {
            let mut bucket = None;
            Bucket::update(&mut bucket, report, 0, Instant::now());
            assert!(bucket.is_none());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_reported_the_wait_ends(
            limit: Option<u64>, remaining: Option<u64>, reset in "[0-9]{1,9}(ms|s|d)?",
            under_way: u64, cost: u64,
        ) {
            let text = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
            let mut now = Instant::now();
            let mut bucket = None;
            let report = report(&text(limit), &text(remaining), &reset);
            // What is under way is never more than the rest of the world could count.
            Bucket::update(&mut bucket, report, under_way >> 32, now);
            if let Some(bucket) = &mut bucket {
                let ready = bucket.ready_at(cost, now);
                prop_assert!(ready >= now);
                now = ready;
                bucket.take(cost, now);
                prop_assert!(bucket.ready_at(cost, now) <= now + LONGEST);
            }
        }
    }
}
