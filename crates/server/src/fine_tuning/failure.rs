//! A trainer's errors, as OpenAI tells them.

use std::path::PathBuf;

use axum::http::StatusCode;
use trainer::{Error, Problem};

use crate::failure::Failure;

/// Faults in an uploaded file, each with its line.
pub(crate) fn bad_data(param: &str, filename: &str, problems: Vec<Problem>) -> Failure {
    let told: Vec<String> = problems
        .into_iter()
        .map(|mut problem| {
            // The path of the upload on this machine tells its client nothing.
            problem.origin.file = Some(PathBuf::from(filename));
            problem.to_string()
        })
        .collect();
    let code = format!("invalid_{param}");
    Failure::invalid(param, told.join("; ")).with_code(&code)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidData(problems) => {
                let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
                Self::invalid(TRAINING_FILE, told.join("; ")).with_code(INVALID_FILE)
            }
            Error::NothingToTrain { .. } => {
                Self::invalid(TRAINING_FILE, error.to_string()).with_code(INVALID_FILE)
            }
            Error::InvalidJob { field, problem } => Self::invalid(on_the_wire(field), problem),
            Error::UntrainableModel { .. } => {
                Self::invalid("model", error.to_string()).with_code("model_not_available")
            }
            Error::FineTuningClosed { .. } => Self::new(StatusCode::FORBIDDEN, error.to_string())
                .with_code("training_not_available"),
            Error::JobNotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "no fine-tuning job has this id")
                    .with_param("fine_tune_id")
                    .with_code("fine_tune_not_found")
            }
            Error::Api(error) => error.into(),
            Error::Io { .. } => Self::internal("the trainer could not use its files", error),
            other => Self::internal(other.to_string(), other),
        }
    }
}

/// What a request calls a setting.
fn on_the_wire(field: &str) -> &str {
    match field {
        "hyperparameters.epochs" => "hyperparameters.n_epochs",
        other => other,
    }
}

const INVALID_FILE: &str = "invalid_training_file";
const TRAINING_FILE: &str = "training_file";
