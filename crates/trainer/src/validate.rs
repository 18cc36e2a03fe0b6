//! The readers' checks, for sets that did not come from a file.

use crate::dataset::{Dataset, Example, Origin, Preference};
use crate::error::{Error, Problem, Result};
use crate::job::TrainingJob;
use crate::messages::{Fault, check_answer, check_conversation, check_prompt};

impl Dataset {
    /// Looks for what no trainer can use: the first fault of each example and preference.
    ///
    /// The readers have refused such faults already; this is for sets made in another way. An
    /// example that came from no file is named by its place, as `examples[3]`.
    ///
    /// ```
    /// use trainer::{Dataset, Example};
    ///
    /// let set = Dataset::new(vec![Example::pair("2+2?", "4"), Example::pair("3+3?", " ")]);
    /// assert_eq!(
    ///     set.validate()[0].to_string(),
    ///     "data, column examples[1].messages[1].content: is empty; there is nothing to learn",
    /// );
    /// ```
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let examples = of_examples(&self.examples, "examples");
        examples.chain(of_preferences(&self.preferences)).collect()
    }
}

impl TrainingJob {
    /// Looks for what no trainer can use in the examples of the job.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] with the first fault of each example and preference.
    pub fn check_data(&self) -> Result<()> {
        let problems: Vec<Problem> = of_examples(&self.training.supervised, "supervised")
            .chain(of_preferences(&self.training.preferences))
            .chain(of_examples(&self.validation, "validation"))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::InvalidData(problems)) }
    }
}

fn of_examples<'a>(
    examples: &'a [Example],
    name: &'static str,
) -> impl Iterator<Item = Problem> + 'a {
    examples.iter().enumerate().filter_map(move |(at, example)| {
        let fault = check_conversation(&example.messages)?;
        Some(problem(fault, &example.origin, name, at))
    })
}

fn of_preferences(pairs: &[Preference]) -> impl Iterator<Item = Problem> {
    pairs.iter().enumerate().filter_map(|(at, pair)| {
        let fault = check_prompt(&pair.prompt, "input.messages")
            .or_else(|| check_answer(&pair.preferred, "preferred_output[0]"))
            .or_else(|| check_answer(&pair.rejected, "non_preferred_output[0]"))?;
        Some(problem(fault, &pair.origin, "preferences", at))
    })
}

fn problem(fault: Fault, origin: &Origin, name: &str, at: usize) -> Problem {
    let field = match origin.line {
        0 => format!("{name}[{at}].{}", fault.field),
        _ => fault.field,
    };
    Problem::new(origin.clone().with_column(field), fault.message)
}
