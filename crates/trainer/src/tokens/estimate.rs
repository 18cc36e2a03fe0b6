//! How many tokens a whole set has, from a part of it.

/// Which examples are counted: a share of all, by a hash of their numbers, so that a second run
/// counts the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// An example is in if its hash is not above this.
    threshold: u64,
}

impl Sample {
    /// A share of all examples, at least 0 and at most 1; what lies beyond is taken for these.
    #[must_use]
    pub fn share(share: f64) -> Self {
        // A float beyond the range becomes its nearest end, and what is no number 0.
        Self { threshold: (share * u64::MAX as f64) as u64 }
    }

    /// Every example: an exact count.
    #[must_use]
    pub fn all() -> Self {
        Self { threshold: u64::MAX }
    }

    /// Whether the example of this number is counted.
    #[must_use]
    pub fn takes(&self, number: u64) -> bool {
        self.threshold > 0 && mix(number) <= self.threshold
    }
}

/// Mixes the bits of a number so that neighbours have nothing in common: the finalizer of
/// `SplitMix64` (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// Estimates a total while examples go by.
///
/// # Examples
///
/// ```
/// use trainer::tokens::{Estimator, Sample};
///
/// let mut estimator = Estimator::new(Sample::share(0.01));
/// for example in 0..100_000_u64 {
///     if estimator.takes_next() {
///         // Only here are tokens counted.
///         estimator.add(100 + example % 50);
///     }
/// }
/// let estimate = estimator.estimate().unwrap();
/// assert!(estimate.low <= 12_450_000 && 12_450_000 <= estimate.high);
/// assert!(estimate.sampled < 1_200 && estimate.of == 100_000);
/// ```
#[derive(Clone, Debug)]
pub struct Estimator {
    sample: Sample,
    seen: u64,
    sampled: u64,
    sum: u64,
    /// Mean and sum of squared distances from it, brought up to date with each value (Welford
    /// 1962, <https://doi.org/10.1080/00401706.1962.10490022>).
    mean: f64,
    squares: f64,
}

impl Estimator {
    /// An estimator that has seen nothing.
    #[must_use]
    pub fn new(sample: Sample) -> Self {
        Self { sample, seen: 0, sampled: 0, sum: 0, mean: 0.0, squares: 0.0 }
    }

    /// Goes on to the next example; if it says `true`, its count is to be [added](Self::add).
    pub fn takes_next(&mut self) -> bool {
        let number = self.seen;
        self.seen += 1;
        self.sample.takes(number)
    }

    /// Adds the count of an example that was taken.
    pub fn add(&mut self, tokens: u64) {
        self.sampled += 1;
        self.sum += tokens;
        let distance = tokens as f64 - self.mean;
        self.mean += distance / self.sampled as f64;
        self.squares += distance * (tokens as f64 - self.mean);
    }

    /// What is known of the total so far; `None` as long as fewer than two examples of more were
    /// counted, which says nothing of how they differ.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let (sampled, of, sum) = (self.sampled, self.seen, self.sum);
        if sampled >= of {
            return Some(Estimate { total: sum, low: sum, high: sum, sampled, of });
        }
        if sampled < 2 {
            return None;
        }
        let (taken, all) = (sampled as f64, of as f64);
        let variance = self.squares / (taken - 1.0);
        let error = all * (variance / taken * (1.0 - taken / all)).sqrt();
        let total = all * self.mean;
        let margin = quantile(taken - 1.0) * error;
        Some(Estimate {
            total: total.round() as u64,
            // What was counted is there for sure.
            low: ((total - margin).floor() as u64).max(sum),
            high: (total + margin).ceil() as u64,
            sampled,
            of,
        })
    }
}

/// A total, and what it lies within.
///
/// The total is `N` times the mean of the `n` counts that were taken out of `N`. The interval is
/// wide enough that of a hundred samples ninety-five have the true total in theirs: `N` times the
/// standard error of the mean, `s / √n · √(1 − n/N)`, times the 0.975 quantile of Student's
/// distribution with `n − 1` degrees of freedom, to both sides. The last factor of the error is the
/// correction for a finite population (Cochran 1977, *Sampling Techniques*, chapter 2). A few
/// hundred counts are enough even where some examples are far longer than most; of fewer, an
/// interval may be too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The likeliest total.
    pub total: u64,
    /// The lower end of the interval, of 95 %.
    pub low: u64,
    /// The upper end.
    pub high: u64,
    /// How many examples were counted.
    pub sampled: u64,
    /// How many there are.
    pub of: u64,
}

impl Estimate {
    /// Whether every example was counted.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.sampled >= self.of
    }
}

/// The 0.975 quantile of Student's distribution, from that of the normal one (Abramowitz and Stegun
/// 1964, 26.7.5); within 2 % from 3 degrees of freedom on.
fn quantile(degrees: f64) -> f64 {
    // With one or two degrees, the series is far off.
    if degrees < 1.5 {
        return 12.706;
    }
    if degrees < 2.5 {
        return 4.303;
    }
    let z = 1.959_963_985_f64;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / degrees + second / degrees.powi(2) + third / degrees.powi(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Estimate, Estimator, Sample, mix, quantile};

    #[test]
    fn of_a_hundred_intervals_about_ninety_five_hold_the_truth() {
        // Each set is another one: most examples short, a few very long.
        let covered = (0..1_000).filter(|seed| {
            let counts = skewed(*seed, 4_000);
            let estimate = estimate(Sample::share(0.1), &counts).unwrap();
            let truth = counts.iter().sum::<u64>();
            estimate.low <= truth && truth <= estimate.high
        });
        let covered = covered.count();
        assert!((925..=970).contains(&covered), "{covered} of 1,000");
    }

    #[test]
    fn counting_everything_is_exact() {
        let counts = skewed(1, 1_000);
        let total = counts.iter().sum();
        assert_eq!(
            estimate(Sample::all(), &counts),
            Some(Estimate { total, low: total, high: total, sampled: 1_000, of: 1_000 })
        );
        assert_eq!(estimate(Sample::share(2.0), &counts).unwrap().sampled, 1_000);
        assert!(estimate(Sample::all(), &[]).unwrap().is_exact());
    }

    #[test]
    fn of_nothing_or_one_nothing_is_said() {
        assert_eq!(estimate(Sample::share(0.0), &[5, 6]), None);
        assert_eq!(estimate(Sample::share(f64::NAN), &[5, 6]), None);
        let mut estimator = Estimator::new(Sample::share(0.5));
        let taken = (0..10).find(|_| estimator.takes_next()).map(|_| estimator.add(7));
        assert!(taken.is_some());
        assert!(!estimator.takes_next() || estimator.estimate().is_none());
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, table) in
            [(1.0, 12.706), (2.0, 4.303), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)]
        {
            let found = quantile(degrees);
            assert!((found / table - 1.0).abs() < 0.01, "{degrees}: {found} for {table}");
        }
    }

    proptest! {
        #[test]
        fn a_second_run_counts_the_same_and_about_the_share(share in 0.01..1.0_f64) {
            let sample = Sample::share(share);
            let taken = (0..20_000).filter(|number| sample.takes(*number)).count() as f64;
            prop_assert_eq!(Sample::share(share), sample);
            prop_assert!((taken / 20_000.0 - share).abs() < 0.02);
        }

        #[test]
        fn the_interval_is_around_the_total(counts in prop::collection::vec(0..5_000_u64, 10..500)) {
            if let Some(estimate) = estimate(Sample::share(0.5), &counts) {
                prop_assert!(estimate.low <= estimate.total && estimate.total <= estimate.high);
                prop_assert_eq!(estimate.of, counts.len() as u64);
            }
        }
    }

    fn estimate(sample: Sample, counts: &[u64]) -> Option<Estimate> {
        let mut estimator = Estimator::new(sample);
        for count in counts {
            if estimator.takes_next() {
                estimator.add(*count);
            }
        }
        estimator.estimate()
    }

    /// Counts whose logarithms are spread as a sum of four even chances, so nearly normal.
    fn skewed(seed: u64, count: u64) -> Vec<u64> {
        let chance = |at: u64| mix(mix(seed) ^ at) as f64 / u64::MAX as f64;
        let normal =
            |at: u64| ((0..4).map(|part| chance(at * 4 + part)).sum::<f64>() - 2.0) * 3_f64.sqrt();
        (0..count).map(|at| (normal(at) + 5.0).exp() as u64 + 1).collect()
    }
}
