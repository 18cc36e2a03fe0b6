//! Jobs and events as the fine-tuning API tells them, both ways.
//!
//! A server and a client of that API meet here, so what goes out of one comes back in the other.

use openai_api::{
    AutoOr, CreateFineTuningJob, FineTuningError, FineTuningEvent, FineTuningJob, FineTuningMethod,
    FineTuningStatus,
};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::job::{
    EventLevel, Hyperparameters, JobError, JobState, JobStatus, Method, Metrics, TrainingEvent,
};

impl Metrics {
    /// The metrics in a line for people: `Step 10/96: training loss=1.23`.
    ///
    /// ```
    /// let mut metrics = trainer::Metrics::new(10, 96);
    /// metrics.train_loss = Some(1.2345);
    /// assert_eq!(metrics.summary(), "Step 10/96: training loss=1.23");
    /// ```
    #[must_use]
    pub fn summary(&self) -> String {
        let losses = [("training", self.train_loss), ("validation", self.valid_loss)];
        let losses: Vec<String> = losses
            .into_iter()
            .filter_map(|(name, loss)| Some(format!("{name} loss={:.2}", loss?)))
            .collect();
        let step = format!("Step {}/{}", self.step, self.total_steps);
        if losses.is_empty() { step } else { format!("{step}: {}", losses.join(", ")) }
    }

    /// The metrics in an event's `data`, if it holds any.
    fn from_data(data: &Value) -> Option<Self> {
        let number = |name: &str| data.get(name)?.as_f64();
        // Steps beyond 2^53 are not to be feared.
        let count = |name: &str| number(name).map(|count| count as u64);
        let epoch = |name: &str| number(name).map(|epoch| epoch.ceil() as u32);
        Some(Self {
            step: count("step")?,
            total_steps: count("total_steps").unwrap_or_default(),
            epoch: epoch("epoch"),
            epochs: epoch("epochs"),
            train_loss: number("train_loss"),
            valid_loss: number("valid_loss").or_else(|| number("full_valid_loss")),
            learning_rate: number("learning_rate"),
            gradient_norm: number("gradient_norm"),
            tokens_per_second: number("tokens_per_second"),
        })
    }
}

impl From<TrainingEvent> for FineTuningEvent {
    /// An event with metrics is of the type `metrics` and has them in `data`; if it has no text
    /// of its own, it gets [`Metrics::summary`].
    fn from(event: TrainingEvent) -> Self {
        let mut wire = Self::new(event.id, event.at, event.message);
        wire.level = match event.level {
            EventLevel::Info => "info",
            EventLevel::Warn => "warn",
            EventLevel::Error => "error",
        }
        .into();
        if let Some(metrics) = event.metrics {
            wire.kind = METRICS.into();
            if wire.message.is_empty() {
                wire.message = metrics.summary();
            }
            wire.data = serde_json::to_value(metrics).ok();
        }
        wire
    }
}

impl From<FineTuningEvent> for TrainingEvent {
    /// An event without an id gets one from its time and text.
    fn from(wire: FineTuningEvent) -> Self {
        let metrics = wire.data.as_ref().and_then(Metrics::from_data);
        let id = match wire.id {
            id if id.is_empty() => format!("{}-{}", wire.created_at, wire.message),
            id => id,
        };
        let level = match wire.level.to_lowercase().as_str() {
            "warn" | "warning" => EventLevel::Warn,
            "error" | "fatal" => EventLevel::Error,
            _ => EventLevel::Info,
        };
        Self { id, at: wire.created_at, level, message: wire.message, metrics }
    }
}

impl From<JobState> for FineTuningStatus {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Paused => Self::Paused,
            JobState::Succeeded => Self::Succeeded,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<&FineTuningStatus> for JobState {
    /// A status that is not known has not ended, so it counts as running.
    fn from(status: &FineTuningStatus) -> Self {
        match status {
            FineTuningStatus::ValidatingFiles
            | FineTuningStatus::Validated
            | FineTuningStatus::Queued => Self::Queued,
            FineTuningStatus::Paused => Self::Paused,
            FineTuningStatus::Succeeded => Self::Succeeded,
            FineTuningStatus::Failed => Self::Failed,
            FineTuningStatus::Cancelled => Self::Cancelled,
            _ => Self::Running,
        }
    }
}

impl From<JobStatus> for FineTuningJob {
    /// Files, method and organisation are the server's to add.
    fn from(status: JobStatus) -> Self {
        let mut job = Self::new(status.id.as_str(), status.base_model, status.state.into());
        job.created_at = status.created_at;
        job.finished_at = status.finished_at;
        job.fine_tuned_model = status.fine_tuned_model;
        job.trained_tokens = status.trained_tokens;
        job.hyperparameters = Some(status.hyperparameters.into());
        job.seed = status.seed.map(u64::cast_signed);
        job.error = status.error.map(|error| FineTuningError::new(error.code, error.message));
        job
    }
}

impl From<FineTuningJob> for JobStatus {
    fn from(job: FineTuningJob) -> Self {
        let error = job.failure().map(|failure| {
            let code = failure.code.clone().unwrap_or_default();
            let message = failure.message.clone().filter(|message| !message.is_empty());
            // Some servers tell a code alone, and a failure without a word helps nobody.
            JobError::new(code.clone(), message.unwrap_or(code))
        });
        let of_method = job.method.as_ref().and_then(FineTuningMethod::hyperparameters);
        let hyperparameters = of_method.or(job.hyperparameters.as_ref());
        let mut status = Self::new(job.id, job.model, JobState::from(&*job.status));
        status.hyperparameters = hyperparameters.map(Hyperparameters::from).unwrap_or_default();
        status.fine_tuned_model = job.fine_tuned_model;
        status.created_at = job.created_at;
        status.finished_at = job.finished_at;
        status.trained_tokens = job.trained_tokens;
        status.seed = job.seed.map(i64::cast_unsigned);
        status.error = error;
        status
    }
}

impl From<Hyperparameters> for openai_api::Hyperparameters {
    /// What is not set becomes `"auto"`; `beta`, which supervised training does not know, is left
    /// out.
    fn from(settings: Hyperparameters) -> Self {
        let mut wire = Self::default();
        wire.n_epochs = Some(auto_or(settings.epochs));
        wire.batch_size = Some(auto_or(settings.batch_size));
        wire.learning_rate_multiplier = Some(auto_or(settings.learning_rate_multiplier));
        wire.beta = settings.beta.map(AutoOr::Value);
        wire
    }
}

impl From<&openai_api::Hyperparameters> for Hyperparameters {
    fn from(wire: &openai_api::Hyperparameters) -> Self {
        Self {
            epochs: wire.n_epochs.and_then(AutoOr::value),
            batch_size: wire.batch_size.and_then(AutoOr::value),
            learning_rate_multiplier: wire.learning_rate_multiplier.and_then(AutoOr::value),
            beta: wire.beta.and_then(AutoOr::value),
        }
    }
}

fn auto_or<T>(value: Option<T>) -> AutoOr<T> {
    value.map_or(AutoOr::Auto, AutoOr::Value)
}

impl Hyperparameters {
    /// What a request sets, in whichever of the two places.
    #[must_use]
    pub fn from_request(request: &CreateFineTuningJob) -> Self {
        Self::from(&request.effective_hyperparameters())
    }
}

impl Method {
    /// The method that a request names; [`Method::Auto`] if it names none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidJob`] if it names a method that is none of ours.
    pub fn from_request(request: &CreateFineTuningJob) -> Result<Self> {
        match request.method.as_ref().map(|method| method.kind.as_str()) {
            None => Ok(Self::Auto),
            Some(SUPERVISED) => Ok(Self::Supervised),
            Some(DPO) => Ok(Self::Dpo),
            Some(_) => {
                Err(Error::invalid_job("method.type", format!("must be {SUPERVISED} or {DPO}")))
            }
        }
    }

    /// The method and its settings as a request names them; `None` for [`Method::Auto`].
    #[must_use]
    pub fn to_wire(self, settings: Hyperparameters) -> Option<FineTuningMethod> {
        match self {
            Self::Auto => None,
            Self::Supervised => {
                let settings = Hyperparameters { beta: None, ..settings };
                Some(FineTuningMethod::supervised(settings.into()))
            }
            Self::Dpo => Some(FineTuningMethod::dpo(settings.into())),
        }
    }
}

const METRICS: &str = "metrics";
const SUPERVISED: &str = "supervised";
const DPO: &str = "dpo";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(value: Value) -> TrainingEvent {
        serde_json::from_value::<FineTuningEvent>(value).unwrap().into()
    }

    #[test]
    fn an_event_of_openai_is_read_with_its_metrics() {
        let event = event(json!({
            "object": "fine_tuning.job.event", "id": "ftevent-1", "created_at": 7, "level": "info",
            "message": "Step 10/96: training loss=1.23", "type": "metrics",
            "data": {"step": 10, "total_steps": 96, "train_loss": 1.23, "full_valid_loss": 1.5,
                     "train_mean_token_accuracy": 0.7},
        }));
        let metrics = event.metrics.unwrap();
        assert_eq!((event.id.as_str(), event.at, event.level), ("ftevent-1", 7, EventLevel::Info));
        assert_eq!((metrics.step, metrics.total_steps), (10, 96));
        assert_eq!((metrics.train_loss, metrics.valid_loss), (Some(1.23), Some(1.5)));
    }

    #[test]
    fn an_event_with_next_to_nothing_in_it_is_read_all_the_same() {
        for data in [json!(null), json!({}), json!({"step": "ten"}), json!([1])] {
            let event = event(json!({"message": "hm", "level": "warning", "data": data}));
            assert_eq!(event.metrics, None);
            assert_eq!((event.id.as_str(), event.level), ("0-hm", EventLevel::Warn));
        }
    }

    #[test]
    fn metrics_without_a_text_get_one() {
        let mut metrics = Metrics::new(10, 96);
        (metrics.train_loss, metrics.valid_loss) = (Some(1.234), Some(2.0));
        let wire = FineTuningEvent::from(TrainingEvent::new("e", 1, "").with_metrics(metrics));
        assert_eq!(wire.message, "Step 10/96: training loss=1.23, validation loss=2.00");
        assert_eq!(wire.kind, "metrics");
        assert_eq!(wire.data.unwrap()["total_steps"], 96);
    }

    #[test]
    fn a_status_that_is_not_known_has_not_ended() {
        let job: FineTuningJob =
            serde_json::from_value(json!({"id": "j", "status": "pausing"})).unwrap();
        assert_eq!(JobStatus::from(job).state, JobState::Running);
    }

    #[test]
    fn a_failure_that_has_only_a_code_is_told_by_it() {
        for message in [json!(null), json!("")] {
            let job: FineTuningJob = serde_json::from_value(json!({
                "id": "j", "status": "failed", "model": "m",
                "error": {"code": "invalid_n_epochs", "message": message},
            }))
            .unwrap();
            let error = JobStatus::from(job).into_model().unwrap_err().to_string();
            assert_eq!(error, "training job j ended as failed: invalid_n_epochs");
        }
    }

    #[test]
    fn settings_are_read_from_the_method_first_and_auto_is_unset() {
        let job: FineTuningJob = serde_json::from_value(json!({
            "id": "j", "status": "validating_files", "model": "m",
            "hyperparameters": {"n_epochs": 9},
            "method": {"type": "dpo", "dpo": {"hyperparameters": {
                "n_epochs": 2, "batch_size": "auto", "beta": 0.1}}},
        }))
        .unwrap();
        let status = JobStatus::from(job);
        assert_eq!(status.state, JobState::Queued);
        let expected = Hyperparameters::default().with_epochs(2).with_beta(0.1);
        assert_eq!(status.hyperparameters, expected);
    }

    #[test]
    fn a_request_names_its_method_and_settings() {
        let settings = Hyperparameters::default().with_epochs(3).with_beta(0.2);
        for method in [Method::Supervised, Method::Dpo] {
            let wire = method.to_wire(settings.clone()).unwrap();
            let request = CreateFineTuningJob::new("m", "f").with_method(wire);
            assert_eq!(Method::from_request(&request).unwrap(), method);
            let read = Hyperparameters::from_request(&request);
            assert_eq!(read.epochs, Some(3));
            assert_eq!(read.beta.is_some(), method == Method::Dpo);
        }
        let request = CreateFineTuningJob::new("m", "f");
        assert_eq!(Method::from_request(&request).unwrap(), Method::Auto);
        let request: CreateFineTuningJob = serde_json::from_value(json!({
            "model": "m", "training_file": "f", "method": {"type": "reinforcement"}}))
        .unwrap();
        let error = Method::from_request(&request).unwrap_err().to_string();
        assert_eq!(error, "method.type: must be supervised or dpo");
    }

    fn loss() -> impl Strategy<Value = Option<f64>> {
        prop::option::of(-1e3..1e3)
    }

    prop_compose! {
        fn metrics()(
            steps in (0..1u64 << 50, 0..1u64 << 50),
            epochs in (prop::option::of(any::<u32>()), prop::option::of(any::<u32>())),
            losses in (loss(), loss()),
            rates in (loss(), loss()),
        ) -> Metrics {
            let mut metrics = Metrics::new(steps.0, steps.1);
            (metrics.epoch, metrics.epochs) = epochs;
            (metrics.train_loss, metrics.valid_loss) = losses;
            (metrics.learning_rate, metrics.tokens_per_second) = rates;
            metrics
        }
    }

    fn over_the_wire<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn events_survive_a_round_trip(
            id in ".{1,8}", at in any::<u64>(), message in ".{1,20}",
            level in prop::sample::select(vec![EventLevel::Info, EventLevel::Warn, EventLevel::Error]),
            metrics in prop::option::of(metrics()),
        ) {
            let mut event = TrainingEvent::new(id, at, message).with_level(level);
            event.metrics = metrics;
            let wire = over_the_wire(&FineTuningEvent::from(event.clone()));
            prop_assert_eq!(TrainingEvent::from(wire), event);
        }

        #[test]
        fn jobs_survive_a_round_trip(
            state in prop::sample::select(vec![
                JobState::Queued, JobState::Running, JobState::Paused, JobState::Succeeded,
                JobState::Failed, JobState::Cancelled]),
            model in prop::option::of("[a-z:]{1,9}"),
            times in (any::<u64>(), prop::option::of(any::<u64>())),
            tokens in prop::option::of(any::<u64>()),
            seed in prop::option::of(any::<u64>()),
            settings in (
                prop::option::of(any::<u32>()), prop::option::of(any::<u32>()), loss(), loss()),
            error in prop::option::of(("[a-z]{1,5}", ".{1,9}")),
        ) {
            let mut status = JobStatus::new("ftjob-1", "base", state);
            status.fine_tuned_model = model.map(Into::into);
            (status.created_at, status.finished_at) = times;
            (status.trained_tokens, status.seed) = (tokens, seed);
            let (epochs, batch_size, learning_rate_multiplier, beta) = settings;
            status.hyperparameters =
                Hyperparameters { epochs, batch_size, learning_rate_multiplier, beta };
            status.error = error.map(|(code, message)| JobError::new(code, message));
            let wire = over_the_wire(&FineTuningJob::from(status.clone()));
            prop_assert_eq!(JobStatus::from(wire), status);
        }
    }
}
