//! How many epochs OpenAI trains for.

/// How many epochs OpenAI trains for if the job leaves it to the server; of no examples, none.
///
/// It is three, unless that would show the model fewer than 100 or more than 25,000 examples: then
/// as many as come closest to these without exceeding them, at least 1 and at most 25. This is the
/// rule of OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning"
/// (`openai/openai-cookbook`, read 2026-11-22), there as an estimate: the server does not promise it.
///
/// # Examples
///
/// ```
/// use trainer::tokens::automatic_epochs;
///
/// assert_eq!(automatic_epochs(10), 10);
/// assert_eq!(automatic_epochs(1_000), 3);
/// assert_eq!(automatic_epochs(20_000), 1);
/// ```
#[must_use]
pub fn automatic_epochs(examples: u64) -> u32 {
    if examples == 0 {
        return 0;
    }
    let shown = examples.saturating_mul(TARGET.into());
    let epochs = if shown < FEWEST_SHOWN {
        (FEWEST_SHOWN / examples).min(MOST.into())
    } else if shown > MOST_SHOWN {
        (MOST_SHOWN / examples).max(LEAST.into())
    } else {
        TARGET.into()
    };
    // It is between the least and the most.
    u32::try_from(epochs).unwrap_or(MOST)
}

const TARGET: u32 = 3;
const FEWEST_SHOWN: u64 = 100;
const MOST_SHOWN: u64 = 25_000;
const LEAST: u32 = 1;
const MOST: u32 = 25;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::automatic_epochs;

    #[test]
    fn few_examples_are_shown_more_often_and_many_less() {
        let epochs = [0, 1, 4, 5, 10, 33, 34, 8_333, 8_334, 12_500, 12_501, 25_001, u64::MAX];
        assert_eq!(epochs.map(automatic_epochs), [0, 25, 25, 20, 10, 3, 3, 3, 2, 2, 1, 1, 1]);
    }

    proptest! {
        #[test]
        fn more_examples_never_have_more_epochs(examples in 1..100_000_u64) {
            prop_assert!(automatic_epochs(examples) >= automatic_epochs(examples + 1));
            prop_assert!((1..=25).contains(&automatic_epochs(examples)));
        }
    }
}
