//! The training loop, the same for a base model and for a tuned one.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use trainer::{Metrics, Pace};

use crate::available::available_memory;
use crate::error::{Result, gigabytes};
use crate::network::Keep;
use crate::train::checkpoint::Checkpoint;
use crate::train::encode::Encoded;
use crate::train::forecast::{self, Load, SIDE_BY_SIDE};
use crate::train::learner::Learner;
use crate::train::objective::{self, mean_loss};
use crate::train::optimizer::{Optimizer, Rates};
use crate::train::pace;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) epochs: u32,
    pub(crate) batch_size: usize,
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// The share of each target that is spread over all tokens, which keeps a model from being
    /// too sure of itself.
    pub(crate) smoothing: f64,
    /// Training ends early once an epoch's mean loss is below this.
    pub(crate) enough: f64,
    /// How the learning rate goes, and whether the held-out loss may end the training.
    #[serde(default)]
    pub(crate) pace: Pace,
    pub(crate) seed: u64,
}

/// Remembered examples, some of which are trained on again beside each batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rehearsal {
    pub(crate) examples: Vec<Encoded>,
    pub(crate) per_step: usize,
}

/// What a training run tells of itself, and whether it may go on.
pub(crate) trait Observer {
    /// After each step, after each epoch (with a validation loss) and before the first step.
    fn measured(&mut self, metrics: Metrics) -> ControlFlow<()>;

    fn message(&mut self, text: String) -> ControlFlow<()>;

    /// After each step: whether the state is to be kept, so that the run can go on from there.
    fn wants_state(&mut self) -> bool;

    /// Keeps the state of a run.
    fn keep(&mut self, state: State<'_>) -> Result<()>;

    /// After each epoch, with the steps done so far.
    fn epoch_ended(&mut self, steps: u64, learner: &Learner) -> Result<()>;
}

/// Weights in training, what was spent on them, and who watches.
pub(crate) struct Run<'a> {
    pub(crate) learner: Learner,
    optimizer: Optimizer,
    validation: &'a [Encoded],
    observer: &'a mut dyn Observer,
    begun: Instant,
    /// The tokens that were gone through before that.
    tokens_before: u64,
    pub(crate) place: Place,
    /// What was learned by the best epoch, where that is asked for.
    best: Vec<Vec<f32>>,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The tokens gone through, and the steps done.
    pub(crate) tokens: u64,
    steps: u64,
    /// What is being trained, from 1, and how many steps were done before.
    phase: u32,
    before: u64,
    /// The epoch, from 1, how many of its batches are done, and the sum of their losses.
    epoch: u32,
    batches: usize,
    sum: f64,
    /// How many tokens a part of a batch may have.
    part: usize,
    /// What preferences are compared with, pair by pair.
    reference: Vec<f64>,
    /// The epoch with the lowest held-out loss, where that is asked for.
    #[serde(default)]
    best: Option<Best>,
}

/// An epoch, and the held-out loss after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    epoch: u32,
    loss: f64,
}

/// All that the rest of a run depends on, beside its data and settings.
#[derive(Debug)]
pub(crate) struct State<'a> {
    pub(crate) place: &'a Place,
    pub(crate) learner: &'a Learner,
    pub(crate) optimizer: &'a Optimizer,
    /// What was learned by the best epoch so far; empty where it is not asked for.
    pub(crate) best: &'a [Vec<f32>],
}

/// How a run, or a part of it, came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    BrokenOff,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        learner: Learner,
        validation: &'a [Encoded],
        observer: &'a mut dyn Observer,
    ) -> Self {
        let (optimizer, begun) = (Optimizer::new(&learner), Instant::now());
        let place = Place { part: usize::MAX, ..Place::default() };
        let (best, tokens_before) = (Vec::new(), 0);
        Self { learner, optimizer, validation, observer, begun, tokens_before, place, best }
    }

    /// All that the rest of the run depends on.
    pub(crate) fn state(&self) -> State<'_> {
        let Self { learner, optimizer, place, best, .. } = self;
        State { place, learner, optimizer, best }
    }

    /// Goes on from what was kept.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if it is of another training.
    pub(crate) fn restore(&mut self, kept: Checkpoint) -> Result<()> {
        kept.restore(&mut self.learner, &mut self.optimizer)?;
        (self.place, self.best) = (kept.place, kept.best);
        self.tokens_before = self.place.tokens;
        Ok(())
    }

    /// Goes through batches in parts that fit into the memory there is.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`](crate::Error::Memory) if nothing fits.
    pub(crate) fn fit(&mut self, load: Load) -> Result<Ended> {
        let available = available_memory();
        let fit = forecast::fit(&self.learner, load, available)?;
        self.learner.keep = fit.keep;
        // Sums are made part by part: a run that goes on has to make the same.
        if self.place.phase == 0 {
            self.place.part = fit.tokens;
        }
        let mut text = format!("training needs about {}", gigabytes(fit.bytes));
        if let Some(available) = available {
            text.push_str(&format!(" of {} that are free", gigabytes(available)));
        }
        if fit.tokens < load.batch.div_ceil(SIDE_BY_SIDE) {
            text.push_str(&format!("; a batch goes through in parts of {} tokens", fit.tokens));
        }
        if fit.keep == Keep::Inputs {
            text.push_str("; layers are run once more on the way back");
        }
        Ok(self.announce(text))
    }

    /// Trains on good answers, with some remembered ones beside them.
    pub(crate) fn supervised(
        &mut self,
        examples: &[Encoded],
        rehearsals: &[Rehearsal],
        plan: &Plan,
    ) -> Result<Ended> {
        if self.place.phase > SUPERVISED {
            return Ok(Ended::Done);
        }
        self.enter(SUPERVISED);
        self.epochs(examples.len(), plan, |run, batch, rates| {
            let step = run.place.steps;
            // The batch comes first and is what the step's loss tells of.
            let new: Vec<&Encoded> = batch.iter().map(|i| &examples[*i]).collect();
            let old = rehearsals.iter().zip(1..).flat_map(|(set, i)| {
                let drawn = draw(set.examples.len(), set.per_step, plan.seed ^ i, step);
                drawn.into_iter().map(|i| &set.examples[i])
            });
            let all: Vec<(bool, &Encoded)> = (new.iter().map(|example| (true, *example)))
                .chain(old.map(|example| (false, example)))
                .collect();
            run.place.tokens += all.iter().map(|(_, example)| example.tokens() as u64).sum::<u64>();
            let all_targets: usize = all.iter().map(|(_, example)| example.targets.len()).sum();
            let new_targets: usize = new.iter().map(|example| example.targets.len()).sum();
            let shards = shards(all, |(_, example)| example.tokens(), run.place.part);
            let sum =
                run.optimizer.step(&mut run.learner, &shards, rates, |learner, i, shard| {
                    let examples: Vec<&Encoded> =
                        shard.iter().map(|(_, example)| *example).collect();
                    let scale = 1.0 / all_targets as f64;
                    let seed = seed_of(plan.seed, step, i);
                    let (losses, gradients) =
                        objective::supervised(learner, &examples, scale, plan.smoothing, seed);
                    let new = shard.iter().zip(losses).filter(|((new, _), _)| *new);
                    (gradients, new.map(|(_, loss)| loss).sum())
                })?;
            Ok(sum / new_targets as f64)
        })
    }

    /// Trains on preferences; the reference is the model as it is now.
    pub(crate) fn preferences(
        &mut self,
        pairs: &[[Encoded; 2]],
        plan: &Plan,
        beta: f64,
    ) -> Result<Ended> {
        if self.place.phase < PREFERENCES {
            self.place.reference = objective::margins(&self.learner, pairs);
        }
        self.enter(PREFERENCES);
        let reference = self.place.reference.clone();
        self.epochs(pairs.len(), plan, |run, batch, rates| {
            let tokens = |i: &usize| pairs[*i].iter().map(Encoded::tokens).sum::<usize>();
            run.place.tokens += batch.iter().map(tokens).sum::<usize>() as u64;
            let shards = shards(batch.to_vec(), tokens, run.place.part);
            let sum =
                run.optimizer.step(&mut run.learner, &shards, rates, |learner, _, shard| {
                    let reference: Vec<f64> = shard.iter().map(|i| reference[*i]).collect();
                    let pairs: Vec<_> = shard.iter().map(|i| &pairs[*i]).collect();
                    let scale = 1.0 / batch.len() as f64;
                    let (losses, gradients) =
                        objective::preferences(learner, &pairs, &reference, beta, scale);
                    (gradients, losses.iter().sum())
                })?;
            Ok(sum / batch.len() as f64)
        })
    }

    /// Tells something for people.
    pub(crate) fn announce(&mut self, text: String) -> Ended {
        match self.observer.message(text) {
            ControlFlow::Continue(()) => Ended::Done,
            ControlFlow::Break(()) => Ended::BrokenOff,
        }
    }

    /// Begins a part of the run, unless it is that which the run goes on with.
    fn enter(&mut self, phase: u32) {
        if self.place.phase < phase {
            let place = &mut self.place;
            (place.phase, place.before, place.epoch) = (phase, place.steps, 1);
            (place.best, self.best) = (None, Vec::new());
        }
    }

    fn epochs(
        &mut self,
        examples: usize,
        plan: &Plan,
        mut step: impl FnMut(&mut Self, &[usize], Rates) -> Result<f64>,
    ) -> Result<Ended> {
        let per_epoch = examples.div_ceil(plan.batch_size) as u64;
        let total = per_epoch * u64::from(plan.epochs);
        let before = self.place.before;
        let mut metrics = Metrics::default();
        metrics.total_steps = before + total;
        metrics.epochs = Some(plan.epochs);
        if self.place.steps == 0 && self.validate(&mut metrics).is_break() {
            return Ok(Ended::BrokenOff);
        }
        while self.place.epoch <= plan.epochs {
            let epoch = self.place.epoch;
            metrics.epoch = Some(epoch);
            let order = shuffled(examples, plan.seed, u64::from(epoch));
            for batch in order.chunks(plan.batch_size).skip(self.place.batches) {
                let share = pace::share(&plan.pace, self.place.steps - before, total);
                let learning_rate = plan.learning_rate * share;
                let rates = Rates {
                    learning_rate,
                    weight_decay: plan.weight_decay,
                    betas: BETAS,
                    ..Rates::default()
                };
                let loss = step(self, batch, rates)?;
                let place = &mut self.place;
                place.steps += 1;
                place.batches += 1;
                place.sum += loss * batch.len() as f64;
                let seconds = self.begun.elapsed().as_secs_f64();
                metrics.step = place.steps;
                metrics.train_loss = Some(loss);
                metrics.learning_rate = Some(learning_rate);
                metrics.gradient_norm = Some(self.optimizer.last_norm());
                let tokens = place.tokens - self.tokens_before;
                metrics.tokens_per_second = Some(tokens as f64 / seconds.max(1e-9));
                if self.observer.measured(metrics.clone()).is_break() {
                    return Ok(Ended::BrokenOff);
                }
                if self.observer.wants_state() {
                    let Self { learner, optimizer, place, best, observer, .. } = self;
                    observer.keep(State { place, learner, optimizer, best })?;
                }
            }
            let ControlFlow::Continue(held_out) = self.validate(&mut metrics) else {
                return Ok(Ended::BrokenOff);
            };
            self.observer.epoch_ended(self.place.steps, &self.learner)?;
            let is_past_best = self.is_past_best(epoch, held_out, &plan.pace);
            let mean = self.place.sum / examples.max(1) as f64;
            (self.place.epoch, self.place.batches, self.place.sum) = (epoch + 1, 0, 0.0);
            if is_past_best && epoch < plan.epochs {
                self.place.epoch = plan.epochs + 1;
                let text = format!(
                    "stopped early after epoch {epoch} of {}: the held-out loss falls no more",
                    plan.epochs
                );
                if self.announce(text) == Ended::BrokenOff {
                    return Ok(Ended::BrokenOff);
                }
            } else if mean < plan.enough && epoch < plan.epochs {
                self.place.epoch = plan.epochs + 1;
                let text = format!(
                    "stopped early after epoch {epoch} of {}: the mean training loss of {mean:.4} \
                     is below {}",
                    plan.epochs, plan.enough
                );
                if self.announce(text) == Ended::BrokenOff {
                    return Ok(Ended::BrokenOff);
                }
            }
        }
        Ok(self.take_best())
    }

    /// After an epoch: whether there were too many since the one with the lowest held-out loss.
    fn is_past_best(&mut self, epoch: u32, held_out: Option<f64>, pace: &Pace) -> bool {
        let (Some(patience), Some(loss)) = (pace.early_stopping_patience, held_out) else {
            return false;
        };
        if loss.is_finite() && self.place.best.is_none_or(|best| loss < best.loss) {
            self.place.best = Some(Best { epoch, loss });
            self.best = self.learner.tensors().map(|it| it.values().to_vec()).collect();
        }
        let best = self.place.best.map_or(0, |best| best.epoch);
        epoch - best >= patience
    }

    /// Goes back to what the best epoch had learned.
    fn take_best(&mut self) -> Ended {
        let Some(Best { epoch, loss }) = self.place.best else { return Ended::Done };
        for (tensor, best) in self.learner.tensors_mut().zip(&self.best) {
            tensor.values_mut().copy_from_slice(best);
        }
        self.learner.changed();
        self.announce(format!("the model is that of epoch {epoch}: held-out loss {loss:.4}"))
    }

    /// Measures the validation loss, if there is anything to measure on.
    fn validate(&mut self, metrics: &mut Metrics) -> ControlFlow<(), Option<f64>> {
        if self.validation.is_empty() {
            return ControlFlow::Continue(None);
        }
        metrics.valid_loss = Some(mean_loss(&self.learner, self.validation));
        let flow = self.observer.measured(metrics.clone());
        let held_out = metrics.valid_loss.take();
        flow.map_continue(|()| held_out)
    }
}

/// What decides which inputs one shard of a step does not see.
fn seed_of(seed: u64, step: u64, shard: usize) -> u64 {
    let mut rng = fastrand::Rng::with_seed(seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.u64(..).wrapping_add(shard as u64)
}

/// Divides a batch into parts of about the same cost, and of at most so much where one item does
/// not cost more; how many depends on the batch and that alone.
fn shards<T>(mut items: Vec<T>, cost: impl Fn(&T) -> usize, most: usize) -> Vec<Vec<T>> {
    let all: usize = items.iter().map(&cost).sum();
    let count = all.div_ceil(most.max(1)).max(SIDE_BY_SIDE).min(items.len());
    let mut shards: Vec<(usize, Vec<T>)> = (0..count).map(|_| (0, Vec::new())).collect();
    // The dearest go first, each to the shard that has least.
    items.sort_by_key(|item| std::cmp::Reverse(cost(item)));
    for item in items {
        if let Some((sum, shard)) = shards.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += cost(&item);
            shard.push(item);
        }
    }
    shards.into_iter().map(|(_, shard)| shard).collect()
}

/// The numbers below `count`, in an order that the seed and the round decide.
fn shuffled(count: usize, seed: u64, round: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let seed = seed ^ round.wrapping_mul(0xd134_2543_de82_ef95);
    fastrand::Rng::with_seed(seed).shuffle(&mut numbers);
    numbers
}

/// What is drawn for a step: each number below `count` comes once before any comes again.
fn draw(count: usize, per_step: usize, seed: u64, step: u64) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    let (all, per_step) = (count as u64, per_step.min(count) as u64);
    let places = step * per_step..(step + 1) * per_step;
    let mut round = (u64::MAX, Vec::new());
    let one = |place: u64| {
        if round.0 != place / all {
            round = (place / all, shuffled(count, seed, place / all));
        }
        round.1[(place % all) as usize]
    };
    places.map(one).collect()
}

/// The parts of a run, in order.
const SUPERVISED: u32 = 1;
const PREFERENCES: u32 = 2;
/// Runs are short, so that a mean of squares over a thousand steps would never settle.
const BETAS: [f64; 2] = [0.9, 0.99];
