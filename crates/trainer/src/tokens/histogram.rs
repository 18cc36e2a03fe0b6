//! How counts are spread.

mod bars;

pub use self::bars::Bars;

/// How counts are spread, in memory that does not grow: some 15 KB, however many there are.
///
/// Counts below 64 are kept exactly, larger ones in 32 buckets to each doubling. So a percentile is
/// at most one part in 64 (1.6 %) from a count that is there; the least, the greatest, the number
/// and the sum are exact.
///
/// # Examples
///
/// ```
/// use trainer::tokens::Histogram;
///
/// let histogram: Histogram = (1..=1_000).collect();
/// assert_eq!((histogram.least(), histogram.greatest()), (Some(1), Some(1_000)));
/// assert!(histogram.percentile(50.0).unwrap().abs_diff(500) <= 8);
/// println!("{}", histogram.bars(60));
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    number: u64,
    sum: u128,
    least: u64,
    greatest: u64,
}

/// Counts below this have a bucket of their own.
const EXACT: u64 = 64;
/// How many buckets each doubling has above.
const PARTS: u64 = 32;
/// The doublings from [`EXACT`] to the largest number.
const DOUBLINGS: u64 = (u64::BITS - EXACT.ilog2()) as u64;
const BUCKETS: u64 = EXACT + DOUBLINGS * PARTS;

impl Histogram {
    /// A histogram of no counts.
    #[must_use]
    pub fn new() -> Self {
        let buckets = vec![0; BUCKETS as usize];
        Self { buckets, number: 0, sum: 0, least: u64::MAX, greatest: 0 }
    }

    /// Adds a count.
    pub fn add(&mut self, count: u64) {
        self.buckets[bucket(count)] += 1;
        self.number += 1;
        self.sum += u128::from(count);
        self.least = self.least.min(count);
        self.greatest = self.greatest.max(count);
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *ours += theirs;
        }
        self.number += other.number;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }

    /// How many counts there are.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The sum of all counts.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The mean, of no counts `None`.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.number > 0).then(|| self.sum as f64 / self.number as f64)
    }

    /// The least count.
    #[must_use]
    pub fn least(&self) -> Option<u64> {
        (self.number > 0).then_some(self.least)
    }

    /// The greatest count.
    #[must_use]
    pub fn greatest(&self) -> Option<u64> {
        (self.number > 0).then_some(self.greatest)
    }

    /// The count that `percent` of all do not exceed, from 0 to 100, within one part in 64; what
    /// lies beyond is taken for these. Of no counts, `None`.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        if self.number == 0 {
            return None;
        }
        let share = (percent / 100.0).clamp(0.0, 1.0);
        // The rank of the nearest count, from 1 on.
        let rank = ((share * self.number as f64).ceil() as u64).clamp(1, self.number);
        if rank == self.number {
            return Some(self.greatest);
        }
        let mut below = 0;
        let found = self.buckets.iter().position(|number| {
            below += number;
            below >= rank
        });
        let (first, last) = range(found.unwrap_or(0) as u64);
        let middle = first + (last - first) / 2;
        Some(middle.clamp(self.least, self.greatest))
    }

    /// How many counts are above a limit; within a bucket, those that share the limit's are taken
    /// to be at most the limit, so a limit of `2^n - 1` or below 64 is exact.
    #[must_use]
    pub fn above(&self, limit: u64) -> u64 {
        self.buckets[bucket(limit) + 1..].iter().sum()
    }

    /// Bars to show in a terminal, in lines of at most `width` characters; below 30, of 30.
    #[must_use]
    pub fn bars(&self, width: usize) -> Bars<'_> {
        Bars::new(self, width)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<u64> for Histogram {
    fn from_iter<T: IntoIterator<Item = u64>>(counts: T) -> Self {
        let mut histogram = Self::new();
        histogram.extend(counts);
        histogram
    }
}

impl Extend<u64> for Histogram {
    fn extend<T: IntoIterator<Item = u64>>(&mut self, counts: T) {
        counts.into_iter().for_each(|count| self.add(count));
    }
}

/// The bucket of a count.
fn bucket(count: u64) -> usize {
    if count < EXACT {
        return count as usize;
    }
    let doubling = count.ilog2() - EXACT.ilog2();
    let part = (count >> (count.ilog2() - PARTS.ilog2())) - PARTS;
    (EXACT + u64::from(doubling) * PARTS + part) as usize
}

/// The counts of a bucket, first and last.
fn range(bucket: u64) -> (u64, u64) {
    let Some(above) = bucket.checked_sub(EXACT) else { return (bucket, bucket) };
    let shift = above / PARTS + u64::from(EXACT.ilog2() - PARTS.ilog2());
    let first = (PARTS + above % PARTS) << shift;
    (first, first + ((1 << shift) - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BUCKETS, Histogram, bucket, range};

    #[test]
    fn buckets_follow_each_other_up_to_the_largest_number() {
        let mut next = 0;
        for number in 0..BUCKETS {
            let (first, last) = range(number);
            assert_eq!(first, next);
            assert_eq!((bucket(first), bucket(last)), (number as usize, number as usize));
            next = last.wrapping_add(1);
        }
        assert_eq!(next, 0);
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        let histogram = Histogram::new();
        assert_eq!((histogram.least(), histogram.greatest()), (None, None));
        assert_eq!((histogram.percentile(50.0), histogram.mean()), (None, None));
        assert_eq!((histogram.number(), histogram.above(0)), (0, 0));
    }

    #[test]
    fn counts_above_a_power_of_two_are_known_exactly() {
        let histogram: Histogram = [65_535, 65_536, 65_537, 70_000].into_iter().collect();
        assert_eq!(histogram.above(65_535), 3);
        assert_eq!(histogram.above(u64::MAX), 0);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_one_part_in_64(
            mut counts in prop::collection::vec(prop_oneof![0..100_u64, 0..1_000_000_u64, any::<u64>()], 1..200),
            percent in 0.0..=100.0_f64,
        ) {
            let histogram: Histogram = counts.iter().copied().collect();
            counts.sort_unstable();
            let rank = ((percent / 100.0 * counts.len() as f64).ceil() as usize).max(1);
            let exact = counts[rank - 1];
            let found = histogram.percentile(percent).unwrap();
            prop_assert!(found.abs_diff(exact) <= exact / 64, "{} for {}", found, exact);
            prop_assert_eq!(histogram.sum(), counts.iter().map(|it| u128::from(*it)).sum::<u128>());
        }

        #[test]
        fn parts_make_the_whole(
            counts in prop::collection::vec(any::<u64>(), 0..100),
            at in any::<prop::sample::Index>(),
        ) {
            let (first, second) = counts.split_at(at.index(counts.len() + 1));
            let mut merged: Histogram = first.iter().copied().collect();
            merged.merge(&second.iter().copied().collect());
            let whole: Histogram = counts.iter().copied().collect();
            prop_assert_eq!(format!("{merged:?}"), format!("{whole:?}"));
        }
    }
}
