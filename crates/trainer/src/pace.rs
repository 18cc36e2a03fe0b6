//! How fast a model learns over a training, and when it has learned enough.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How fast a model learns over a training, and when it has learned enough.
///
/// Names are those of the trainer of Hugging Face's transformers. A service that trains for others
/// decides all this itself; its trainer takes the default alone.
///
/// # Examples
///
/// ```
/// use trainer::{Dataset, Example, Pace, Schedule, TrainingJob};
///
/// let set = Dataset::new(vec![Example::pair("Ping?", "Pong.")]).curate();
/// let held_out = Dataset::new(vec![Example::pair("Ping!", "Pong.")]).into_validation()?;
/// let pace = Pace::default()
///     .with_schedule(Schedule::Linear)
///     .with_warmup_ratio(0.1)
///     .with_early_stopping_patience(2);
/// let job = TrainingJob::new("my-model", set).with_validation(held_out).with_pace(pace);
/// assert!(job.check().is_ok());
/// # Ok::<_, trainer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Pace {
    /// How the learning rate falls once it has risen.
    pub schedule: Schedule,
    /// The share of all steps in which the learning rate rises from nothing, at least 0 and at most
    /// 1; the trainer chooses unless set.
    pub warmup_ratio: Option<f64>,
    /// After so many epochs in a row without a lower held-out loss, at least 1, training ends, and
    /// the model is that of the epoch with the lowest. Needs examples to measure on; without it,
    /// they are only measured.
    pub early_stopping_patience: Option<u32>,
}

/// How a learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Schedule {
    /// The trainer chooses.
    #[default]
    Auto,
    /// To nothing, along half a wave of a cosine
    /// ([Loshchilov and Hutter 2016](https://arxiv.org/abs/1608.03983), without restarts).
    Cosine,
    /// To nothing, in a straight line.
    Linear,
    /// Not at all.
    Constant,
}

impl Pace {
    /// Sets how the learning rate falls.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets the share of all steps in which the learning rate rises.
    #[must_use]
    pub fn with_warmup_ratio(mut self, ratio: f64) -> Self {
        self.warmup_ratio = Some(ratio);
        self
    }

    /// Ends the training after so many epochs without a lower held-out loss.
    #[must_use]
    pub fn with_early_stopping_patience(mut self, epochs: u32) -> Self {
        self.early_stopping_patience = Some(epochs);
        self
    }

    pub(crate) fn check(&self, is_measured: bool) -> Result<()> {
        if let Some(ratio) = self.warmup_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
            let problem = format!("must be at least 0 and at most 1, found {ratio}");
            return Err(Error::invalid_job("pace.warmup_ratio", problem));
        }
        let problem = match self.early_stopping_patience {
            Some(0) => "must be at least 1, found 0",
            Some(_) if !is_measured => "needs validation examples, and there are none",
            _ => return Ok(()),
        };
        Err(Error::invalid_job("pace.early_stopping_patience", problem))
    }
}
