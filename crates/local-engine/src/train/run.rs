//! The training loop, the same for a base model and for a tuned one.

use std::ops::ControlFlow;
use std::time::Instant;

use trainer::Metrics;

use crate::error::{Result, gigabytes};
use crate::network::Keep;
use crate::train::encode::Encoded;
use crate::train::forecast::{self, Load, SIDE_BY_SIDE};
use crate::train::learner::Learner;
use crate::train::objective::{self, mean_loss};
use crate::train::optimizer::{Optimizer, Rates, schedule};

/// How to train.
#[derive(Clone, Debug, PartialEq)]
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
    pub(crate) seed: u64,
}

/// Remembered examples, some of which are trained on again beside each batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rehearsal {
    pub(crate) examples: Vec<Encoded>,
    pub(crate) per_step: usize,
}

/// What a training run tells of itself, and whether it may go on.
pub(crate) trait Observer {
    /// After each step, after each epoch (with a validation loss) and before the first step.
    fn measured(&mut self, metrics: Metrics) -> ControlFlow<()>;

    fn message(&mut self, text: String) -> ControlFlow<()>;

    /// After each epoch, with the steps done so far.
    fn epoch_ended(&mut self, steps: u64, learner: &Learner) -> Result<()>;
}

/// Weights in training, what was spent on them, and who watches.
pub(crate) struct Run<'a> {
    pub(crate) learner: Learner,
    optimizer: Optimizer,
    validation: &'a [Encoded],
    observer: &'a mut dyn Observer,
    /// How many tokens a part of a batch may have.
    part: usize,
    begun: Instant,
    pub(crate) tokens: u64,
    steps: u64,
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
        let part = usize::MAX;
        Self { learner, optimizer, validation, observer, part, begun, tokens: 0, steps: 0 }
    }

    /// Goes through batches in parts that fit into the memory there is.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`](crate::Error::Memory) if nothing fits.
    pub(crate) fn fit(&mut self, load: Load) -> Result<Ended> {
        let available = forecast::available();
        let fit = forecast::fit(&self.learner, load, available)?;
        (self.learner.keep, self.part) = (fit.keep, fit.tokens);
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
        let mut decks: Vec<Deck> = (rehearsals.iter().zip(1..))
            .map(|(set, i)| Deck::new(set.examples.len(), plan.seed ^ i))
            .collect();
        self.epochs(examples.len(), plan, |run, batch, rates| {
            // The batch comes first and is what the step's loss tells of.
            let new: Vec<&Encoded> = batch.iter().map(|i| &examples[*i]).collect();
            let old = decks
                .iter_mut()
                .zip(rehearsals)
                .flat_map(|(deck, set)| deck.draw(set.per_step).map(|i| &set.examples[i]));
            let all: Vec<(bool, &Encoded)> = (new.iter().map(|example| (true, *example)))
                .chain(old.map(|example| (false, example)))
                .collect();
            run.tokens += all.iter().map(|(_, example)| example.tokens() as u64).sum::<u64>();
            let all_targets: usize = all.iter().map(|(_, example)| example.targets.len()).sum();
            let new_targets: usize = new.iter().map(|example| example.targets.len()).sum();
            let shards = shards(all, |(_, example)| example.tokens(), run.part);
            let step = run.steps;
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
        let reference = objective::margins(&self.learner, pairs);
        self.epochs(pairs.len(), plan, |run, batch, rates| {
            let tokens = |i: &usize| pairs[*i].iter().map(Encoded::tokens).sum::<usize>();
            run.tokens += batch.iter().map(tokens).sum::<usize>() as u64;
            let shards = shards(batch.to_vec(), tokens, run.part);
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

    fn epochs(
        &mut self,
        examples: usize,
        plan: &Plan,
        mut step: impl FnMut(&mut Self, &[usize], Rates) -> Result<f64>,
    ) -> Result<Ended> {
        let per_epoch = examples.div_ceil(plan.batch_size) as u64;
        let total = per_epoch * u64::from(plan.epochs);
        let before = self.steps;
        let mut metrics = Metrics::default();
        metrics.total_steps = before + total;
        metrics.epochs = Some(plan.epochs);
        if before == 0 && self.validate(&mut metrics).is_break() {
            return Ok(Ended::BrokenOff);
        }
        let mut deck = Deck::new(examples, plan.seed);
        for epoch in 1..=plan.epochs {
            let (mut sum, order) = (0.0, deck.deal());
            metrics.epoch = Some(epoch);
            for batch in order.chunks(plan.batch_size) {
                let learning_rate = plan.learning_rate * schedule(self.steps - before, total);
                let rates = Rates {
                    learning_rate,
                    weight_decay: plan.weight_decay,
                    betas: BETAS,
                    ..Rates::default()
                };
                let loss = step(self, batch, rates)?;
                self.steps += 1;
                sum += loss * batch.len() as f64;
                let seconds = self.begun.elapsed().as_secs_f64();
                metrics.step = self.steps;
                metrics.train_loss = Some(loss);
                metrics.learning_rate = Some(learning_rate);
                metrics.gradient_norm = Some(self.optimizer.last_norm());
                metrics.tokens_per_second = Some(self.tokens as f64 / seconds.max(1e-9));
                if self.observer.measured(metrics.clone()).is_break() {
                    return Ok(Ended::BrokenOff);
                }
            }
            if self.validate(&mut metrics).is_break() {
                return Ok(Ended::BrokenOff);
            }
            self.observer.epoch_ended(self.steps, &self.learner)?;
            let mean = sum / examples.max(1) as f64;
            if mean < plan.enough && epoch < plan.epochs {
                return Ok(self.announce(format!(
                    "stopped early after epoch {epoch} of {}: the mean training loss of {mean:.4} \
                     is below {}",
                    plan.epochs, plan.enough
                )));
            }
        }
        Ok(Ended::Done)
    }

    /// Measures the validation loss, if there is anything to measure on.
    fn validate(&mut self, metrics: &mut Metrics) -> ControlFlow<()> {
        if self.validation.is_empty() {
            return ControlFlow::Continue(());
        }
        metrics.valid_loss = Some(mean_loss(&self.learner, self.validation));
        let flow = self.observer.measured(metrics.clone());
        metrics.valid_loss = None;
        flow
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

/// Deals numbers in an order that the seed decides.
#[derive(Debug)]
struct Deck {
    cards: Vec<usize>,
    next: usize,
    rng: fastrand::Rng,
}

impl Deck {
    fn new(count: usize, seed: u64) -> Self {
        Self { cards: (0..count).collect(), next: count, rng: fastrand::Rng::with_seed(seed) }
    }

    /// All cards, in a new order.
    fn deal(&mut self) -> Vec<usize> {
        self.rng.shuffle(&mut self.cards);
        self.cards.clone()
    }

    /// Some cards; each comes once before any comes again.
    fn draw(&mut self, count: usize) -> impl Iterator<Item = usize> {
        let count = count.min(self.cards.len());
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            if self.next >= self.cards.len() {
                self.rng.shuffle(&mut self.cards);
                self.next = 0;
            }
            drawn.push(self.cards[self.next]);
            self.next += 1;
        }
        drawn.into_iter()
    }
}

/// Runs are short, so that a mean of squares over a thousand steps would never settle.
const BETAS: [f64; 2] = [0.9, 0.99];
