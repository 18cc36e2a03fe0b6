//! A request for a job as those want it who do not follow OpenAI here.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::fine_tuning::{AutoOr, CreateFineTuningJob, Hyperparameters, Integration, WANDB};

/// In whose words a fine-tuning job is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FineTuningDialect {
    /// As OpenAI defines it; Azure's `/openai/v1` and Nebius understand it too.
    #[default]
    OpenAi,
    /// As [Mistral] wants it: `training_files`, `validation_files`, `auto_start`, and `epochs`,
    /// `training_steps` and `learning_rate` among the hyper-parameters.
    ///
    /// [Mistral]: https://docs.mistral.ai/api/endpoint/fine-tuning
    Mistral,
}

impl CreateFineTuningJob {
    /// The request's body in a dialect.
    ///
    /// A job that names no number of epochs or steps leaves it to the server, and Mistral's job
    /// starts by itself unless `auto_start` in `extra` says otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] names what the dialect has no word for: Mistral's has none for a
    /// seed, a batch size, a learning-rate multiplier, nor for preference and reinforcement training.
    pub fn to_body(&self, dialect: FineTuningDialect) -> Result<Value> {
        match dialect {
            FineTuningDialect::OpenAi => {
                serde_json::to_value(self).map_err(|error| Error::no_json(&error))
            }
            FineTuningDialect::Mistral => self.to_mistral(),
        }
    }

    fn to_mistral(&self) -> Result<Value> {
        if self.method.as_ref().is_some_and(|method| method.kind != "supervised") {
            return Err(Error::invalid(
                "method",
                "Mistral trains on good answers (`supervised`) only",
            ));
        }
        refuse_if("seed", self.seed.is_some(), "Mistral takes none; leave it out")?;
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("model", json!(self.model));
        set("training_files", json!([{"file_id": self.training_file, "weight": 1.0}]));
        if let Some(file) = &self.validation_file {
            set("validation_files", json!([file]));
        }
        if let Some(suffix) = &self.suffix {
            set("suffix", json!(suffix));
        }
        if !self.integrations.is_empty() {
            set("integrations", self.integrations.iter().map(flat).collect());
        }
        if !self.metadata.is_empty() {
            set("metadata", json!(self.metadata));
        }
        set("auto_start", true.into());
        set("hyperparameters", in_mistrals_words(&self.effective_hyperparameters())?.into());
        body.extend(self.extra.clone());
        Ok(body.into())
    }
}

fn in_mistrals_words(given: &Hyperparameters) -> Result<Map<String, Value>> {
    let chosen = |value: Option<AutoOr<f64>>| value.and_then(AutoOr::value).is_some();
    refuse_if(
        "learning_rate_multiplier",
        chosen(given.learning_rate_multiplier),
        "Mistral takes the learning rate itself; set `learning_rate`",
    )?;
    refuse_if(
        "beta",
        chosen(given.beta),
        "is for preference training, which Mistral does not offer",
    )?;
    refuse_if(
        "batch_size",
        given.batch_size.and_then(AutoOr::value).is_some(),
        "Mistral chooses it; leave it out",
    )?;
    let mut words = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            words.insert(name.to_owned(), value);
        }
    };
    set("epochs", given.n_epochs.and_then(AutoOr::value).map(Value::from));
    set("training_steps", given.training_steps.map(Value::from));
    set("learning_rate", given.learning_rate.map(Value::from));
    words.extend(given.extra.clone());
    Ok(words)
}

fn refuse_if(field: &'static str, is_set: bool, problem: &str) -> Result<()> {
    if is_set { Err(Error::invalid(field, problem)) } else { Ok(()) }
}

/// An integration with its settings beside its type.
fn flat(integration: &Integration) -> Value {
    let mut flat = integration.extra.clone();
    flat.insert("type".to_owned(), integration.kind.clone().into());
    if let Some(wandb) = integration.wandb.as_ref().filter(|_| integration.kind == WANDB) {
        flat.insert("project".to_owned(), wandb.project.clone().into());
        if let Some(name) = &wandb.name {
            flat.insert("name".to_owned(), name.clone().into());
        }
        // Such as `api_key`, which Mistral wants.
        flat.extend(wandb.extra.clone());
    }
    flat.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fine_tuning::{FineTuningMethod, Wandb};

    fn job(settings: Hyperparameters) -> CreateFineTuningJob {
        CreateFineTuningJob::new("open-mistral-7b", "f1")
            .with_method(FineTuningMethod::supervised(settings))
    }

    #[test]
    fn a_job_is_told_in_mistrals_words() {
        let settings = Hyperparameters {
            n_epochs: Some(AutoOr::Value(3)),
            batch_size: Some(AutoOr::Auto),
            learning_rate: Some(0.5),
            ..Hyperparameters::default()
        };
        let mut wandb = Wandb::new("lakes");
        wandb.extra.insert("api_key".to_owned(), "key".into());
        let mut job = job(settings).with_validation_file("f2").with_suffix("lake");
        job.extra.insert("invalid_sample_skip_percentage".to_owned(), 1.into());
        let body =
            job.with_integration(Integration::wandb(wandb)).to_body(FineTuningDialect::Mistral);
        let expected = json!({
            "model": "open-mistral-7b",
            "training_files": [{"file_id": "f1", "weight": 1.0}],
            "validation_files": ["f2"],
            "suffix": "lake",
            "integrations": [{"type": "wandb", "project": "lakes", "api_key": "key"}],
            "auto_start": true,
            "hyperparameters": {"epochs": 3, "learning_rate": 0.5},
            "invalid_sample_skip_percentage": 1,
        });
        assert_eq!(body.unwrap(), expected);
    }

    #[test]
    fn what_mistral_has_no_word_for_is_refused() {
        let multiplied = Hyperparameters {
            learning_rate_multiplier: Some(AutoOr::Value(2.0)),
            ..Hyperparameters::default()
        };
        let batched =
            Hyperparameters { batch_size: Some(AutoOr::Value(2)), ..Hyperparameters::default() };
        let dpo = FineTuningMethod::dpo(Hyperparameters::default());
        for (job, field) in [
            (job(multiplied), "learning_rate_multiplier"),
            (job(batched), "batch_size"),
            (job(Hyperparameters::default()).with_seed(1), "seed"),
            (job(Hyperparameters::default()).with_method(dpo), "method"),
        ] {
            let error = job.to_body(FineTuningDialect::Mistral).unwrap_err();
            assert!(
                matches!(&error, Error::InvalidRequest { field: named, .. } if *named == field)
            );
            assert!(job.to_body(FineTuningDialect::OpenAi).is_ok());
        }
    }
}
