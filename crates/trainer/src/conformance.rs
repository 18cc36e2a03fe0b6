//! The suite that every [`Trainer`] must pass, one function per behaviour.
//!
//! [`trainer_conformance!`](crate::trainer_conformance) makes a named test of each. What a trainer
//! cannot do is declared in its [`Offer`] and printed, never skipped in silence.
//!
//! # Panics
//!
//! Each function panics where the trainer does not do as it says.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    reason = "a suite tells its result by these"
)]

use std::collections::HashSet;
use std::fmt::{self, Debug};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use openai_api::ModelId;

use crate::dataset::{Dataset, Example, Label, TrainingSet};
use crate::error::{Error, Result};
use crate::job::{Hyperparameters, JobId, JobState, JobStatus, TrainingEvent, TrainingJob};
use crate::pace::Pace;
use crate::trainer::{EventStream, Trainer, TrainerExt as _};
use crate::tuning::{Lora, Tuning};

/// What a trainer under test offers: a model to start from, a set to train on, and what it cannot
/// do.
#[derive(Clone, Debug)]
pub struct Offer {
    base_model: ModelId,
    training: TrainingSet,
    hyperparameters: Hyperparameters,
    long_epochs: u32,
    missing: Vec<(Ability, String)>,
}

/// Something that a trainer may have to declare it cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// A job that was just submitted can be cancelled before it ends.
    CancelInTime,
    /// A job can be paused before it ends, and resumed.
    Pauses,
    /// Events carry the training loss.
    TrainingLoss,
    /// The training loss is lower at the end than at the beginning.
    FallingLoss,
    /// Events carry the validation loss.
    ValidationLoss,
    /// A base model that cannot be trained is refused when the job is submitted.
    RefusesUnknownModels,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CancelInTime => "cancelling in time",
            Self::Pauses => "pausing",
            Self::TrainingLoss => "training loss",
            Self::FallingLoss => "falling loss",
            Self::ValidationLoss => "validation loss",
            Self::RefusesUnknownModels => "refusing unknown models",
        })
    }
}

impl Offer {
    /// Offers a model that the trainer can start from, ten short examples, and every ability.
    pub fn new(base_model: impl Into<ModelId>) -> Self {
        let numbers =
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        let examples = numbers.iter().enumerate().map(|(number, name)| {
            Example::pair(format!("How is {number} written?"), format!("As {name}."))
        });
        Self {
            base_model: base_model.into(),
            training: Dataset::new(examples.collect()).curate(),
            hyperparameters: Hyperparameters::default().with_epochs(3),
            long_epochs: 100_000,
            missing: Vec::new(),
        }
    }

    /// Sets what to train on; there must be a supervised example in it.
    #[must_use]
    pub fn with_training(mut self, training: TrainingSet) -> Self {
        self.training = training;
        self
    }

    /// Sets the settings of the jobs; three epochs by default.
    #[must_use]
    pub fn with_hyperparameters(mut self, hyperparameters: Hyperparameters) -> Self {
        self.hyperparameters = hyperparameters;
        self
    }

    /// Sets the epochs of a job that is to be cancelled; 100,000 by default.
    #[must_use]
    pub fn with_long_epochs(mut self, epochs: u32) -> Self {
        self.long_epochs = epochs;
        self
    }

    /// Declares what the trainer cannot do, and why.
    #[must_use]
    pub fn without(mut self, ability: Ability, reason: impl Into<String>) -> Self {
        self.missing.push((ability, reason.into()));
        self
    }

    fn lacks(&self, ability: Ability) -> bool {
        let missing = self.missing.iter().find(|(missing, _)| *missing == ability);
        if let Some((ability, reason)) = missing {
            println!("not offered: {ability} ({reason})");
        }
        missing.is_some()
    }

    fn job(&self) -> TrainingJob {
        self.job_on(self.training.clone())
    }

    fn job_on(&self, training: TrainingSet) -> TrainingJob {
        TrainingJob::new(self.base_model.clone(), training)
            .with_hyperparameters(self.hyperparameters.clone())
            .with_suffix("suite")
            .with_seed(7)
    }
}

/// A trainer together with what must outlive it, such as a server or a temporary folder.
#[derive(Debug)]
pub struct Guarded<T, G> {
    trainer: T,
    _guard: G,
}

impl<T, G> Guarded<T, G> {
    /// Keeps `guard` for as long as `trainer`.
    pub fn new(trainer: T, guard: G) -> Self {
        Self { trainer, _guard: guard }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Trainer, G: Debug + Send + Sync + 'static> Trainer for Guarded<T, G> {
    async fn submit(&self, job: TrainingJob) -> Result<JobId> {
        self.trainer.submit(job).await
    }

    async fn status(&self, id: &JobId) -> Result<JobStatus> {
        self.trainer.status(id).await
    }

    async fn jobs(&self) -> Result<Vec<JobStatus>> {
        self.trainer.jobs().await
    }

    async fn events(&self, id: &JobId) -> Result<EventStream> {
        self.trainer.events(id).await
    }

    async fn cancel(&self, id: &JobId) -> Result<()> {
        self.trainer.cancel(id).await
    }

    async fn pause(&self, id: &JobId) -> Result<()> {
        self.trainer.pause(id).await
    }

    async fn resume(&self, id: &JobId) -> Result<()> {
        self.trainer.resume(id).await
    }
}

/// Submitting gives an id, and asking for it gives the job.
pub async fn submit_returns_an_id_and_status_knows_it(trainer: &dyn Trainer, offer: &Offer) {
    let id = submit(trainer, offer.job()).await;
    let status = status(trainer, &id).await;
    assert_eq!(status.id, id);
    assert_eq!(status.base_model, offer.base_model);
    good("waiting", trainer.wait(&id).await);
}

/// A good job succeeds, has a model, no error, and an end that is not before its beginning.
pub async fn the_job_ends_succeeded_with_a_model(trainer: &dyn Trainer, offer: &Offer) {
    let status = run(trainer, offer.job()).await;
    assert_eq!((status.state, &status.error), (JobState::Succeeded, &None));
    assert!(status.fine_tuned_model.is_some(), "no model");
    assert!(status.finished_at >= Some(status.created_at), "{status:?}");
    good("taking the model", status.into_model());
}

/// Events come oldest first, none twice, and the stream ends once the job has.
pub async fn events_come_oldest_first_without_doubles_and_end(
    trainer: &dyn Trainer,
    offer: &Offer,
) {
    let id = submit(trainer, offer.job()).await;
    let events = events(trainer, &id).await;
    assert!(status(trainer, &id).await.state.is_terminal(), "the stream ended before the job");
    assert!(!events.is_empty(), "no event");
    assert!(events.is_sorted_by_key(|event| event.at), "not oldest first: {events:?}");
    let steps = || events.iter().filter_map(|event| Some(event.metrics.as_ref()?.step));
    assert!(steps().is_sorted(), "steps out of order: {events:?}");
    let ids: HashSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), events.len(), "an event came twice: {events:?}");
}

/// Events carry the training loss, which is finite, and lower at the end.
pub async fn events_carry_a_falling_or_finite_loss(trainer: &dyn Trainer, offer: &Offer) {
    if offer.lacks(Ability::TrainingLoss) {
        return;
    }
    let id = submit(trainer, offer.job()).await;
    let losses: Vec<f64> = events(trainer, &id)
        .await
        .iter()
        .filter_map(|event| event.metrics.as_ref()?.train_loss)
        .collect();
    assert!(!losses.is_empty(), "no event with a training loss");
    assert!(losses.iter().all(|loss| loss.is_finite() && *loss >= 0.0), "{losses:?}");
    if offer.lacks(Ability::FallingLoss) {
        return;
    }
    let third = losses.len().div_ceil(3);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..third]), mean(&losses[losses.len() - third..]));
    assert!(last < first, "the loss does not fall: {losses:?}");
}

/// A stream that is opened later tells all that an earlier one did.
pub async fn a_second_stream_tells_the_same_events(trainer: &dyn Trainer, offer: &Offer) {
    let id = submit(trainer, offer.job()).await;
    let first = events(trainer, &id).await;
    let second = events(trainer, &id).await;
    assert_eq!(first, second);
}

/// Waiting gives what asking for the status then gives.
pub async fn wait_returns_the_terminal_status(trainer: &dyn Trainer, offer: &Offer) {
    let waited = run(trainer, offer.job()).await;
    assert!(waited.state.is_terminal(), "{waited:?}");
    assert_eq!(status(trainer, &waited.id).await, waited);
}

/// The job submitted last comes first in the list.
pub async fn jobs_lists_newest_first(trainer: &dyn Trainer, offer: &Offer) {
    let older = run(trainer, offer.job()).await;
    let newer = run(trainer, offer.job()).await;
    assert_ne!(older.id, newer.id);
    let listed = good("listing jobs", trainer.jobs().await);
    let listed: Vec<&JobStatus> =
        listed.iter().filter(|job| [&older.id, &newer.id].contains(&&job.id)).collect();
    assert_eq!(listed, [&newer, &older]);
}

/// A job that there is not is not found, whatever is asked of it.
pub async fn an_unknown_job_is_not_found(trainer: &dyn Trainer, _: &Offer) {
    let id = JobId::new("ftjob-no-such-job");
    let errors = [
        trainer.status(&id).await.err(),
        trainer.events(&id).await.err(),
        trainer.cancel(&id).await.err(),
    ];
    for error in errors {
        assert!(matches!(&error, Some(Error::JobNotFound(found)) if *found == id), "{error:?}");
    }
}

/// A running job that is cancelled ends as cancelled and without a model.
pub async fn cancel_ends_the_job_as_cancelled(trainer: &dyn Trainer, offer: &Offer) {
    if offer.lacks(Ability::CancelInTime) {
        return;
    }
    let mut job = offer.job();
    job.hyperparameters.epochs = Some(offer.long_epochs);
    let id = submit(trainer, job).await;
    good("cancelling", trainer.cancel(&id).await);
    let status = good("waiting", trainer.wait(&id).await);
    assert_eq!((status.state, &status.fine_tuned_model), (JobState::Cancelled, &None));
}

/// A paused job is told as such, and goes on to its end once it is resumed; until then it can be
/// cancelled.
pub async fn a_paused_job_waits_until_it_is_resumed(trainer: &dyn Trainer, offer: &Offer) {
    if offer.lacks(Ability::Pauses) {
        return;
    }
    for ends_well in [true, false] {
        let mut job = offer.job();
        if !ends_well {
            job.hyperparameters.epochs = Some(offer.long_epochs);
        }
        let id = submit(trainer, job).await;
        good("pausing", trainer.pause(&id).await);
        let mut events = good("events", trainer.events(&id).await);
        let mut state = status(trainer, &id).await.state;
        // It may take a step, and a short job may have ended before.
        while state != JobState::Paused && !state.is_terminal() {
            // A stream that ends before its job does is what the next look finds.
            if let Some(event) = events.next().await {
                good("an event", event);
            }
            state = status(trainer, &id).await.state;
        }
        good("pausing again", trainer.pause(&id).await);
        if ends_well {
            good("resuming", trainer.resume(&id).await);
            good("resuming again", trainer.resume(&id).await);
        } else {
            good("cancelling", trainer.cancel(&id).await);
        }
        let ended = good("waiting", trainer.wait(&id).await);
        let expected = if ends_well { JobState::Succeeded } else { JobState::Cancelled };
        assert_eq!(ended.state, expected);
        good("resuming what has ended", trainer.resume(&id).await);
        assert_eq!(status(trainer, &id).await, ended);
    }
}

/// Cancelling a job that has ended is no error and changes nothing.
pub async fn cancel_after_the_end_changes_nothing(trainer: &dyn Trainer, offer: &Offer) {
    let ended = run(trainer, offer.job()).await;
    good("cancelling", trainer.cancel(&ended.id).await);
    assert_eq!(status(trainer, &ended.id).await, ended);
}

/// A job with nothing to train on is refused, and no job comes of it.
pub async fn an_empty_set_is_refused_before_anything_changes(trainer: &dyn Trainer, offer: &Offer) {
    let error = refusal(trainer, offer.job_on(TrainingSet::default())).await;
    assert!(matches!(error, Error::NothingToTrain { negatives: 0 }), "{error:?}");
}

/// A setting out of its range is refused by its name, and no job comes of it.
pub async fn bad_settings_are_refused_by_name(trainer: &dyn Trainer, offer: &Offer) {
    let with = |hyperparameters| offer.job().with_hyperparameters(hyperparameters);
    let lora = |lora| offer.job().with_tuning(Tuning::Lora(lora));
    let pace = |pace| offer.job().with_pace(pace);
    let auto = Hyperparameters::default;
    for (job, name) in [
        (with(auto().with_epochs(0)), "hyperparameters.epochs"),
        (with(auto().with_batch_size(0)), "hyperparameters.batch_size"),
        (
            with(auto().with_learning_rate_multiplier(-1.0)),
            "hyperparameters.learning_rate_multiplier",
        ),
        (with(auto().with_beta(0.0)), "hyperparameters.beta"),
        (lora(Lora::default().with_rank(0)), "tuning.rank"),
        (lora(Lora::default().with_alpha(f64::NAN)), "tuning.alpha"),
        (lora(Lora::default().with_dropout(1.0)), "tuning.dropout"),
        (pace(Pace::default().with_warmup_ratio(1.5)), "pace.warmup_ratio"),
        (pace(Pace::default().with_early_stopping_patience(0)), "pace.early_stopping_patience"),
        (offer.job().with_suffix("a b"), "suffix"),
    ] {
        let error = refusal(trainer, job).await;
        assert!(matches!(error, Error::InvalidJob { field, .. } if field == name), "{error:?}");
    }
}

/// A base model that there is not is refused, and no job comes of it.
pub async fn an_unknown_base_model_is_refused(trainer: &dyn Trainer, offer: &Offer) {
    if offer.lacks(Ability::RefusesUnknownModels) {
        return;
    }
    let mut job = offer.job();
    job.base_model = ModelId::new("no-such-model");
    let error = refusal(trainer, job).await;
    assert!(
        matches!(&error, Error::UntrainableModel { model, .. } if model == "no-such-model"),
        "{error:?}"
    );
}

/// Bad answers alone are never trained on.
pub async fn negatives_alone_are_refused(trainer: &dyn Trainer, offer: &Offer) {
    let bad = Example::pair("Two and two?", "Five.").with_label(Label::Negative);
    let error = refusal(trainer, offer.job_on(Dataset::new(vec![bad]).curate())).await;
    assert!(matches!(error, Error::NothingToTrain { negatives: 1 }), "{error:?}");
}

/// Validation examples are measured, and the loss is finite.
pub async fn validation_examples_are_measured(trainer: &dyn Trainer, offer: &Offer) {
    if offer.lacks(Ability::ValidationLoss) {
        return;
    }
    let held_out = Example::pair("How is ten written?", "As ten.");
    let id = submit(trainer, offer.job().with_validation(vec![held_out])).await;
    let losses: Vec<f64> = events(trainer, &id)
        .await
        .iter()
        .filter_map(|event| event.metrics.as_ref()?.valid_loss)
        .collect();
    assert!(!losses.is_empty(), "no event with a validation loss");
    assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
}

async fn submit(trainer: &dyn Trainer, job: TrainingJob) -> JobId {
    good("submitting", trainer.submit(job).await)
}

async fn status(trainer: &dyn Trainer, id: &JobId) -> JobStatus {
    good("asking for the status", trainer.status(id).await)
}

async fn run(trainer: &dyn Trainer, job: TrainingJob) -> JobStatus {
    let id = submit(trainer, job).await;
    good("waiting", trainer.wait(&id).await)
}

async fn events(trainer: &dyn Trainer, id: &JobId) -> Vec<TrainingEvent> {
    let events = good("opening the events", trainer.events(id).await);
    events.map(|event| good("reading an event", event)).collect().await
}

/// Why the trainer refuses a job; that it does, and keeps no trace of it.
async fn refusal(trainer: &dyn Trainer, job: TrainingJob) -> Error {
    let before = good("listing jobs", trainer.jobs().await);
    let Err(error) = trainer.submit(job).await else {
        panic!("the job was accepted");
    };
    let after = good("listing jobs", trainer.jobs().await);
    assert_eq!(before.len(), after.len(), "a job came of it");
    error
}

#[track_caller]
fn good<T>(what: &str, result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what} failed: {error}: {error:?}"),
    }
}

/// Makes a test of each function of [`conformance`](crate::conformance).
///
/// `trainer` is evaluated in each test, in an `async` block, and so may await; `offer` is an
/// [`Offer`]. The tests run on tokio, whose `macros` and `rt-multi-thread` they need.
///
/// ```text
/// mod conformance {
///     trainer::trainer_conformance! {
///         trainer: crate::trainer_in_a_temporary_folder().await,
///         offer: trainer::conformance::Offer::new("attune-tiny"),
///     }
/// }
/// ```
#[macro_export]
macro_rules! trainer_conformance {
    (trainer: $trainer:expr, offer: $offer:expr $(,)?) => {
        $crate::trainer_conformance! { @tests $trainer, $offer;
            submit_returns_an_id_and_status_knows_it
            the_job_ends_succeeded_with_a_model
            events_come_oldest_first_without_doubles_and_end
            events_carry_a_falling_or_finite_loss
            a_second_stream_tells_the_same_events
            wait_returns_the_terminal_status
            jobs_lists_newest_first
            an_unknown_job_is_not_found
            cancel_ends_the_job_as_cancelled
            a_paused_job_waits_until_it_is_resumed
            cancel_after_the_end_changes_nothing
            an_empty_set_is_refused_before_anything_changes
            bad_settings_are_refused_by_name
            an_unknown_base_model_is_refused
            negatives_alone_are_refused
            validation_examples_are_measured
        }
    };
    (@tests $trainer:expr, $offer:expr; $($name:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let trainer = $trainer;
                $crate::conformance::$name(&trainer, &$offer).await;
            }
        )+
    };
}

#[cfg(test)]
pub(crate) mod tests;
