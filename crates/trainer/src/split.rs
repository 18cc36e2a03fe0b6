//! What is trained on and what is held out.

use std::fmt;

use crate::scan::hash128;
use crate::scan::similar::Similar;

/// Which part of a data set an example belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A model learns from it.
    Training,
    /// It is held out, to measure on.
    Validation,
}

/// Holds out a share of the prompts, by a hash of each.
///
/// A prompt is always on the same side, on every machine and whatever else is in the set, so a set
/// that grows keeps its split. A larger share holds out what a smaller one does, and more. The
/// share is that of an infinite set: of `n` different prompts, `n · fraction` are held out with a
/// standard deviation of `sqrt(n · fraction · (1 - fraction))`.
///
/// # Examples
///
/// ```
/// use trainer::{Side, Split};
///
/// let split = Split::new(0.1, 42);
/// let prompts: Vec<String> = (0..1000).map(|n| format!("What is {n} squared?")).collect();
/// let held_out = prompts.iter().filter(|prompt| split.side(prompt) == Side::Validation).count();
/// assert!((80..=120).contains(&held_out));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// What is below is held out, of 2⁶⁴.
    below: u128,
    seed: u64,
}

impl Split {
    /// Holds out `fraction` of the prompts, from 0 to 1; what lies outside counts as the nearer
    /// end. Another `seed` chooses others.
    #[must_use]
    pub fn new(fraction: f64, seed: u64) -> Self {
        let fraction = fraction.clamp(0.0, 1.0);
        Self { below: (fraction * 2.0_f64.powi(64)) as u128, seed }
    }

    /// The side of all examples with this prompt.
    ///
    /// A prompt of several messages is written as one text by whoever calls this, always in the
    /// same way.
    #[must_use]
    pub fn side(&self, prompt: &str) -> Side {
        let drawn = hash128(prompt.as_bytes(), self.seed) >> 64;
        if drawn < self.below { Side::Validation } else { Side::Training }
    }
}

/// Holds out a share of the prompts, and keeps those that are nearly the same on one side.
///
/// Prompts come one after another. One that is like an earlier one ([`Similar`]) goes where that
/// went, to the most similar if there are several; any other goes where [`Split`] puts it. So a set
/// that grows at its end keeps its split, and no prompt is found in validation whose near-duplicate
/// a model learned from, with two exceptions: a prompt that is like two others, which are not like
/// each other and on different sides; and what `Similar` misses, one pair in fifty of those that
/// are just as alike as the threshold, and less of those more alike.
///
/// Takes the memory of [`Similar`], and a byte for each prompt.
///
/// # Examples
///
/// ```
/// use trainer::{GroupedSplit, Split};
///
/// let mut split = GroupedSplit::new(Split::new(0.5, 7), 0.8);
/// let first = split.side("How deep is Lake Baikal at its deepest point?");
/// assert_eq!(split.side("how deep is lake baikal at its deepest point"), first);
/// ```
#[derive(Clone)]
pub struct GroupedSplit {
    split: Split,
    similar: Similar,
    sides: Vec<Side>,
}

impl GroupedSplit {
    /// Splits as `split` does, but for prompts that are at least as alike as `threshold`, from 0.5
    /// to 1.
    #[must_use]
    pub fn new(split: Split, threshold: f64) -> Self {
        Self { split, similar: Similar::new(threshold), sides: Vec::new() }
    }

    /// Takes the next prompt in, and tells its side.
    pub fn side(&mut self, prompt: &str) -> Side {
        let first = self.similar.insert(prompt).and_then(|found| self.sides.get(found.index));
        let side = first.copied().unwrap_or_else(|| self.split.side(prompt));
        self.sides.push(side);
        side
    }

    /// How many prompts there are on a side.
    #[must_use]
    pub fn count(&self, side: Side) -> usize {
        self.sides.iter().filter(|placed| **placed == side).count()
    }
}

impl fmt::Debug for GroupedSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupedSplit")
            .field("split", &self.split)
            .field("similar", &self.similar)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_split_is_the_same_on_every_machine() {
        let split = Split::new(0.3, 42);
        let sides: String = (0..40)
            .map(|n| match split.side(&format!("prompt {n}")) {
                Side::Training => '.',
                Side::Validation => 'v',
            })
            .collect();
        expect![".....v......v........v.vvv..v.vvvvv....."].assert_eq(&sides);
    }

    #[test]
    fn the_share_is_what_was_asked_for() {
        let prompts: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
        for (fraction, seed) in [(0.0, 1), (0.01, 2), (0.1, 3), (0.5, 4), (1.0, 5)] {
            let split = Split::new(fraction, seed);
            let held_out =
                prompts.iter().filter(|prompt| split.side(prompt) == Side::Validation).count();
            let deviation = (20_000.0 * fraction * (1.0 - fraction)).sqrt();
            assert!((held_out as f64 - 20_000.0 * fraction).abs() <= 4.0 * deviation, "{held_out}");
        }
    }

    #[test]
    fn fractions_outside_the_range_count_as_the_nearer_end() {
        for (given, taken) in [(-1.0, 0.0), (f64::NAN, 0.0), (2.0, 1.0)] {
            assert_eq!(Split::new(given, 0), Split::new(taken, 0));
        }
    }

    #[test]
    fn another_seed_holds_out_others() {
        let side = |seed| {
            let split = Split::new(0.5, seed);
            (0..64).map(|n| split.side(&n.to_string())).collect::<Vec<_>>()
        };
        assert_ne!(side(1), side(2));
    }

    #[test]
    fn near_duplicates_are_on_the_side_of_the_first_of_their_group() {
        let mut split = GroupedSplit::new(Split::new(0.5, 7), 0.8);
        let mut alone = 0;
        for n in 0..200 {
            let prompt = format!("Which {n} of the {} lakes of country {n} is deepest?", n * n);
            let side = split.side(&prompt);
            let like = format!("Which {n} of the {} lakes of country {n} is deepest", n * n);
            assert_eq!(split.side(&like), side, "{n}");
            alone += usize::from(split.split.side(&like) != side);
        }
        assert!(alone > 50, "by its hash alone, every other one would be on the other side");
        assert_eq!(split.count(Side::Training) + split.count(Side::Validation), 400);
    }

    fn prompts() -> impl Strategy<Value = Vec<String>> {
        const STARTS: [&str; 3] =
            ["What is the depth of the lake that is called ", "湖有多深", "Да"];
        let near =
            (prop::sample::select(&STARTS[..]), "[a-c]{0,3}").prop_map(|(a, b)| a.to_owned() + &b);
        prop::collection::vec(prop_oneof![near, "\\PC{0,12}"], 1..40)
    }

    proptest! {
        #[test]
        fn a_set_that_grows_at_its_end_keeps_its_split(
            prompts in prompts(),
            fraction in 0.0..=1.0_f64,
            seed: u64,
            cut: prop::sample::Index,
        ) {
            let split = Split::new(fraction, seed);
            let place = |prompts: &[String]| -> Vec<Side> {
                let mut split = GroupedSplit::new(split, 0.8);
                prompts.iter().map(|prompt| split.side(prompt)).collect()
            };
            let all = place(&prompts);
            let first = &prompts[..cut.index(prompts.len())];
            prop_assert_eq!(&all[..first.len()], place(first));

            let mut sides = HashMap::new();
            for (prompt, side) in prompts.iter().zip(all) {
                prop_assert_eq!(*sides.entry(prompt).or_insert(side), side);
                prop_assert_eq!(split.side(prompt), Split::new(fraction, seed).side(prompt));
            }
        }

        #[test]
        fn a_larger_share_holds_out_what_a_smaller_one_does(
            prompt in "\\PC{0,20}", less in 0.0..=1.0_f64, more in 0.0..=1.0_f64, seed: u64,
        ) {
            let (less, more) = (less.min(more), less.max(more));
            if Split::new(less, seed).side(&prompt) == Side::Validation {
                prop_assert_eq!(Split::new(more, seed).side(&prompt), Side::Validation);
            }
        }
    }
}
