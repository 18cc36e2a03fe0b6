//! Medians and quartiles.

/// The middle of some values, and what half of them lie within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of values in any order; all zero if there are none.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            let Some(last) = values.len().checked_sub(1) else { return 0.0 };
            // Between two values, in proportion.
            let (place, rest) = (last * quarter / 4, last * quarter % 4);
            let next = values[(place + 1).min(last)];
            values[place] + (next - values[place]) * [0.0, 0.25, 0.5, 0.75][rest]
        };
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[track_caller]
    fn check(values: &[f64], low: f64, median: f64, high: f64) {
        assert_eq!(Spread::of(values.to_vec()), Spread { low, median, high });
    }

    #[test]
    fn quartiles_lie_between_the_values_in_proportion() {
        check(&[], 0.0, 0.0, 0.0);
        check(&[7.0], 7.0, 7.0, 7.0);
        check(&[2.0, 1.0], 1.25, 1.5, 1.75);
        check(&[5.0, 1.0, 4.0, 2.0, 3.0], 2.0, 3.0, 4.0);
        check(&[1.0, 2.0, 3.0, 4.0], 1.75, 2.5, 3.25);
    }
}
