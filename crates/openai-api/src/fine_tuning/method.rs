//! How a model is trained: the method and what can be set of it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::wire::{Field, wire};

/// A value, or `"auto"`: the server shall choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoOr<T> {
    /// The server shall choose.
    #[default]
    Auto,
    /// This value.
    Value(T),
}

impl<T> AutoOr<T> {
    /// The value, unless the server shall choose.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for AutoOr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(AUTO),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl<T: Serialize> Serialize for AutoOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Field> Deserialize<'de> for AutoOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // Azure says -1 where the choice is its own.
        let is_minus_one = value.as_f64() == Some(-1.0);
        if value.is_null() || value == AUTO || is_minus_one {
            return Ok(Self::Auto);
        }
        let shown = value.to_string();
        match T::read(value) {
            Ok(Some(value)) => Ok(Self::Value(value)),
            _ => Err(serde::de::Error::custom(format_args!(
                "expected \"{AUTO}\" or a number, found {shown}"
            ))),
        }
    }
}

impl<T: Field> Field for AutoOr<T> {
    fn blank() -> Self {
        Self::Auto
    }

    /// It stands in an `Option`, which is what can be blank.
    fn is_blank(&self) -> bool {
        false
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(deserializer)
    }
}

wire! {
    /// What can be set of the training itself; `None` and `Auto` leave the choice to the server.
    ///
    /// Which of these a server knows depends on the server and the method. What it knows besides,
    /// such as Nebius' `lora` and `packing`, goes into `extra`.
    #[derive(Default)]
    pub struct Hyperparameters {
        /// How often all examples are gone through.
        pub n_epochs: Option<AutoOr<u32>>,
        /// How many examples make one step.
        pub batch_size: Option<AutoOr<u32>>,
        /// A factor on the server's own learning rate.
        pub learning_rate_multiplier: Option<AutoOr<f64>>,
        /// How far preference training (DPO) may move from the base model; larger moves less.
        pub beta: Option<AutoOr<f64>>,
        /// Reinforcement: how long the model may reason: `default`, `low`, `medium` or `high`.
        pub reasoning_effort: Option<String>,
        /// Reinforcement: a factor on how much is tried out in each step.
        pub compute_multiplier: Option<AutoOr<f64>>,
        /// Reinforcement: how many steps lie between two evaluations.
        pub eval_interval: Option<AutoOr<u32>>,
        /// Reinforcement: how many answers are sampled for each example of an evaluation.
        pub eval_samples: Option<AutoOr<u32>>,
        /// Mistral: how many steps are made, in place of epochs.
        pub training_steps: Option<u64>,
        /// Mistral: the learning rate itself.
        pub learning_rate: Option<f64>,
    }
}

wire! {
    /// How a model is trained.
    pub struct FineTuningMethod {
        /// `supervised`, `dpo` or `reinforcement`.
        pub kind as "type": String = required,
        /// Settings of supervised training.
        pub supervised: Option<MethodOptions>,
        /// Settings of preference training.
        pub dpo: Option<MethodOptions>,
        /// Settings of reinforcement training.
        pub reinforcement: Option<ReinforcementOptions>,
    }
}

impl FineTuningMethod {
    /// Training on good answers.
    #[must_use]
    pub fn supervised(hyperparameters: Hyperparameters) -> Self {
        let supervised = Some(MethodOptions::new(hyperparameters));
        Self { kind: SUPERVISED.into(), supervised, ..Self::blank() }
    }

    /// Training on pairs of a better and a worse answer.
    #[must_use]
    pub fn dpo(hyperparameters: Hyperparameters) -> Self {
        let dpo = Some(MethodOptions::new(hyperparameters));
        Self { kind: DPO.into(), dpo, ..Self::blank() }
    }

    /// Training on answers of its own, to which a [grader](ReinforcementOptions::grader) gives
    /// marks.
    #[must_use]
    pub fn reinforcement(grader: Value, hyperparameters: Hyperparameters) -> Self {
        let hyperparameters = Some(hyperparameters);
        let reinforcement =
            ReinforcementOptions { grader, hyperparameters, ..ReinforcementOptions::blank() };
        Self { kind: REINFORCEMENT.into(), reinforcement: Some(reinforcement), ..Self::blank() }
    }

    /// Whether this is preference training (DPO).
    #[must_use]
    pub fn is_dpo(&self) -> bool {
        self.kind == DPO
    }

    /// Whether this is reinforcement training.
    #[must_use]
    pub fn is_reinforcement(&self) -> bool {
        self.kind == REINFORCEMENT
    }

    /// The hyper-parameters of the method in use.
    #[must_use]
    pub fn hyperparameters(&self) -> Option<&Hyperparameters> {
        if self.is_reinforcement() {
            return self.reinforcement.as_ref()?.hyperparameters.as_ref();
        }
        let options = if self.is_dpo() { &self.dpo } else { &self.supervised };
        options.as_ref()?.hyperparameters.as_ref()
    }
}

wire! {
    /// Settings of a method.
    #[derive(Default)]
    pub struct MethodOptions {
        /// The hyper-parameters.
        pub hyperparameters: Option<Hyperparameters>,
    }
}

impl MethodOptions {
    fn new(hyperparameters: Hyperparameters) -> Self {
        Self { hyperparameters: Some(hyperparameters), ..Self::blank() }
    }
}

wire! {
    /// Settings of reinforcement training.
    pub struct ReinforcementOptions {
        /// What gives marks to answers, as JSON: a `string_check`, `text_similarity`, `python`,
        /// `score_model` or `multi` grader.
        ///
        /// `Client::validate_grader` asks the server whether it can be used.
        pub grader: Value = stated,
        /// The hyper-parameters.
        pub hyperparameters: Option<Hyperparameters>,
        /// The form that the answers must have.
        pub response_format: Option<Value>,
    }
}

const AUTO: &str = "auto";
const SUPERVISED: &str = "supervised";
const DPO: &str = "dpo";
const REINFORCEMENT: &str = "reinforcement";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_a_word_a_number_or_null() {
        let read = |json: &str| serde_json::from_str::<AutoOr<u32>>(json).ok();
        assert_eq!(read(r#""auto""#), Some(AutoOr::Auto));
        assert_eq!(read("null"), Some(AutoOr::Auto));
        assert_eq!(read("3"), Some(AutoOr::Value(3)));
        assert_eq!(read(r#""soon""#), None);
    }

    #[test]
    fn reinforcement_carries_its_grader_and_hyperparameters() {
        let grader = serde_json::json!({"type": "string_check", "operation": "eq"});
        let settings =
            Hyperparameters { eval_samples: Some(AutoOr::Value(2)), ..Hyperparameters::default() };
        let method = FineTuningMethod::reinforcement(grader.clone(), settings.clone());
        assert_eq!(method.hyperparameters(), Some(&settings));
        let expected = serde_json::json!({"type": "reinforcement", "reinforcement": {
            "grader": grader, "hyperparameters": {"eval_samples": 2},
        }});
        assert_eq!(serde_json::to_value(&method).unwrap(), expected);
    }
}
