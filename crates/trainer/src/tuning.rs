//! What of a model is trained.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What of a model is trained.
///
/// A service that trains for others decides that itself; its trainer takes [`Auto`](Self::Auto)
/// alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tuning {
    /// The trainer chooses.
    #[default]
    Auto,
    /// All of its weights.
    Full,
    /// An adapter beside its weights, which stay as they are.
    Lora(Lora),
}

/// A low-rank adapter ([Hu et al. 2021](https://arxiv.org/abs/2106.09685)).
///
/// Defaults are those of PEFT's `LoraConfig`, but for `alpha`, which is 8 there, and
/// `target_modules`, which depend on the model there. PEFT's names for the first three, `r`,
/// `lora_alpha` and `lora_dropout`, are read as well.
///
/// # Examples
///
/// ```
/// use trainer::{Dataset, Example, Lora, TrainingJob, Tuning};
///
/// let set = Dataset::new(vec![Example::pair("Ping?", "Pong.")]).curate();
/// let lora = Lora::default().with_rank(16).with_alpha(32.0).with_dropout(0.05);
/// let job = TrainingJob::new("my-model", set).with_tuning(Tuning::Lora(lora));
/// assert!(job.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Lora {
    /// The rank of the adapter's matrices, at least 1; 8 unless set.
    #[serde(alias = "r")]
    pub rank: u32,
    /// What the adapter's output is multiplied by, times the rank; above 0, 16 unless set.
    #[serde(alias = "lora_alpha")]
    pub alpha: f64,
    /// The share of its inputs that it does not see in training, at least 0 and below 1; 0 unless
    /// set.
    #[serde(alias = "lora_dropout")]
    pub dropout: f64,
    /// The modules that it stands beside, such as `q_proj`; all linear ones if there are none.
    pub target_modules: Vec<String>,
    /// Divides `alpha` by the root of the rank
    /// (`rsLoRA`, [Kalajdzievski 2023](https://arxiv.org/abs/2312.03732)).
    pub use_rslora: bool,
    /// Learns the lengths of the weights' rows as well
    /// (`DoRA`, [Liu et al. 2024](https://arxiv.org/abs/2402.09353)).
    pub use_dora: bool,
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16.0,
            dropout: 0.0,
            target_modules: Vec::new(),
            use_rslora: false,
            use_dora: false,
        }
    }
}

impl Lora {
    /// Sets the rank of the adapter's matrices.
    #[must_use]
    pub fn with_rank(mut self, rank: u32) -> Self {
        self.rank = rank;
        self
    }

    /// Sets what the adapter's output is multiplied by, times the rank.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the share of inputs that the adapter does not see in training.
    #[must_use]
    pub fn with_dropout(mut self, dropout: f64) -> Self {
        self.dropout = dropout;
        self
    }

    /// Sets the modules that the adapter stands beside.
    #[must_use]
    pub fn with_target_modules<T: Into<String>>(
        mut self,
        modules: impl IntoIterator<Item = T>,
    ) -> Self {
        self.target_modules = modules.into_iter().map(Into::into).collect();
        self
    }

    /// Divides `alpha` by the root of the rank, or by the rank.
    #[must_use]
    pub fn with_rslora(mut self, use_rslora: bool) -> Self {
        self.use_rslora = use_rslora;
        self
    }

    /// Learns the lengths of the weights' rows as well, or leaves them.
    #[must_use]
    pub fn with_dora(mut self, use_dora: bool) -> Self {
        self.use_dora = use_dora;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.rank == 0 {
            return Err(Error::invalid_job("tuning.rank", "must be at least 1, found 0"));
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            let problem = format!("must be above 0, found {}", self.alpha);
            return Err(Error::invalid_job("tuning.alpha", problem));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let problem = format!("must be at least 0 and below 1, found {}", self.dropout);
            return Err(Error::invalid_job("tuning.dropout", problem));
        }
        Ok(())
    }
}
