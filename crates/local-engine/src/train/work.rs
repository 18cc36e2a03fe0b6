//! One job: what is prepared when it is submitted, and what is done when its turn comes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openai_api::ModelId;
use serde::{Deserialize, Serialize};
use trainer::{
    Error, Example, Hyperparameters, JobId, Method, Metrics, Preference, Result, TrainingJob,
};

use crate::engine::{now, random_id};
use crate::files::{CONFIG, GENERATION_CONFIG, ModelFiles, TOKENIZER, TOKENIZER_CONFIG};
use crate::model::LoadedModel;
use crate::models::{ABOUT, About, Models};
use crate::peft;
use crate::train::checkpoint;
use crate::train::choice::{self, Choice};
use crate::train::encode::{Encoded, Encoder};
use crate::train::forecast::Load;
use crate::train::jobs::{LiveJob, WORK, failed};
use crate::train::learner::Learner;
use crate::train::memory::{self, Remembered};
use crate::train::run::{Ended, Observer, Place, Rehearsal, Run, State};
use crate::train::settings::Settings;
use crate::weights;

/// A job ready to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepared {
    id: JobId,
    base: ModelId,
    choice: Choice,
    suffix: Option<String>,
    examples: Vec<Encoded>,
    pairs: Vec<[Encoded; 2]>,
    validation: Vec<Encoded>,
    rehearsals: Vec<Rehearsal>,
    /// What the new model shall remember.
    memory: Vec<Remembered>,
    settings: Settings,
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Finished {
    /// A new model, after so many tokens.
    Model(ModelId, u64),
    Cancelled,
    Paused,
}

impl Prepared {
    /// Encodes what the job trains on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] with each example that cannot be used.
    pub(crate) fn new(
        id: &JobId,
        job: TrainingJob,
        model: &Arc<LoadedModel>,
        models: &Models,
    ) -> Result<Self> {
        let choice = Choice::new(&job.tuning, model)?;
        let files = models.files(&job.base_model).map_err(failed)?;
        let (supervised, preferences): (&[Example], &[Preference]) = match job.method {
            Method::Dpo => (&[], &job.training.preferences),
            Method::Supervised => (&job.training.supervised, &[]),
            _ => (&job.training.supervised, &job.training.preferences),
        };
        let mut encoder = Encoder::new(model);
        let examples = encoder.examples(supervised).map_err(failed)?;
        let pairs = encoder.preferences(preferences).map_err(failed)?;
        let validation = encoder.examples(&job.validation).map_err(failed)?;
        if !encoder.problems.is_empty() {
            return Err(Error::InvalidData(encoder.problems));
        }
        let remembered = memory::read(&files).map_err(failed)?;
        let remembered = memory::without_retaught(remembered, supervised, preferences);
        let mut settings = Settings::new(
            &job.hyperparameters,
            job.seed,
            choice != Choice::Full,
            examples.len(),
            pairs.len(),
        );
        (settings.supervised.pace, settings.preference.pace) = (job.pace, job.pace);
        let rehearsals = rehearsals(&mut encoder, &remembered, &settings)?;
        Ok(Self {
            id: id.clone(),
            base: job.base_model.clone(),
            choice,
            suffix: job.suffix.clone(),
            pairs,
            validation,
            rehearsals,
            memory: memory::add(supervised, remembered),
            examples,
            settings,
        })
    }

    /// Writes all that the job goes by into its folder, so that another process can go on.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(WORK);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, self)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| Error::Io { action: "write", path: path.clone(), source })
    }

    /// Reads what [`save`](Self::save) wrote.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(WORK);
        let bytes = std::fs::read(&path).map_err(crate::Error::io("read", &path));
        let read = bytes.and_then(|bytes| {
            serde_json::from_slice(&bytes)
                .map_err(|source| crate::Error::Json { file: path.display().to_string(), source })
        });
        read.map_err(failed)
    }

    pub(crate) fn hyperparameters(&self) -> Hyperparameters {
        self.settings.in_use(!self.pairs.is_empty())
    }

    pub(crate) fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// Trains, and puts the new model among the others.
    ///
    /// A state of it that was kept is gone on from, and one is kept every so often.
    pub(crate) fn train(
        &self,
        job: &LiveJob,
        models: &Models,
        every: Duration,
    ) -> Result<Finished> {
        let base = models.load(&self.base).map_err(failed)?;
        let root = models.root(&self.base).map_err(failed)?;
        let kept = Instant::now();
        let mut watcher = Watcher { job, prepared: self, root: &root, every, kept, failure: None };
        let Some(learner) = self.choice.learner(&base, self.settings.seed) else {
            // The base was replaced while the job was paused.
            return Err(failed(crate::Error::Checkpoint { path: job.folder.join(WORK) }));
        };
        let mut run = Run::new(learner, &self.validation, &mut watcher);
        let outcome = match checkpoint::latest(&job.folder) {
            Some(state) => run.restore(state).and_then(|()| self.phases(&mut run)),
            None => self.phases(&mut run),
        };
        if matches!(outcome, Ok(Ended::BrokenOff)) && !job.is_cancelled() && job.is_paused() {
            checkpoint::save(&run.state(), &job.folder).map_err(failed)?;
            return Ok(Finished::Paused);
        }
        let Run { learner, place: Place { tokens, .. }, .. } = run;
        if let Some(failure) = watcher.failure {
            return Err(failure);
        }
        if outcome.map_err(failed)? == Ended::BrokenOff {
            return Ok(Finished::Cancelled);
        }
        let model = self.publish(&learner, &root, models).map_err(failed)?;
        Ok(Finished::Model(model, tokens))
    }

    fn phases(&self, run: &mut Run<'_>) -> crate::Result<Ended> {
        if run.announce(choice::told(&run.learner)) == Ended::BrokenOff
            || run.fit(self.load())? == Ended::BrokenOff
        {
            return Ok(Ended::BrokenOff);
        }
        if !self.examples.is_empty() {
            let plan = &self.settings.supervised;
            let text = format!("training on {} answers", self.examples.len());
            if run.announce(text) == Ended::BrokenOff
                || run.supervised(&self.examples, &self.rehearsals, plan)? == Ended::BrokenOff
            {
                return Ok(Ended::BrokenOff);
            }
        }
        if !self.pairs.is_empty() {
            let text = format!("training on {} preferences", self.pairs.len());
            if run.announce(text) == Ended::BrokenOff {
                return Ok(Ended::BrokenOff);
            }
            return run.preferences(&self.pairs, &self.settings.preference, self.settings.beta);
        }
        Ok(Ended::Done)
    }

    /// How much there is to go through at once.
    fn load(&self) -> Load {
        let rehearsed = self.rehearsals.iter().flat_map(|set| &set.examples);
        let examples = || self.examples.iter().chain(rehearsed.clone()).map(Encoded::tokens);
        let pairs = || self.pairs.iter().map(|pair| pair.iter().map(Encoded::tokens).sum());
        let per_step: usize = self.rehearsals.iter().map(|set| set.per_step).sum();
        let longest = examples().chain(pairs()).max().unwrap_or(0);
        let batch = |tokens: &mut dyn Iterator<Item = usize>, size: usize| -> usize {
            let mut longest: Vec<usize> = tokens.collect();
            longest.sort_unstable_by_key(|tokens| std::cmp::Reverse(*tokens));
            longest.iter().take(size).sum()
        };
        let supervised = batch(&mut examples(), self.settings.supervised.batch_size + per_step);
        let preferences = batch(&mut pairs(), self.settings.preference.batch_size);
        let keeps_best = self.settings.supervised.pace.early_stopping_patience.is_some();
        Load { longest, batch: supervised.max(preferences), keeps_best }
    }

    /// Writes the new model beside the others, and moves it there as a whole.
    fn publish(&self, learner: &Learner, root: &Root, models: &Models) -> crate::Result<ModelId> {
        let (id, folder) = loop {
            let id = self.new_id();
            match models.folder_of(&id) {
                Some(folder) if !folder.exists() => break (id, folder),
                Some(_) => {}
                None => {
                    let problem = format!("{id} cannot be the name of a folder");
                    return Err(crate::Error::Config {
                        file: models.folder().display().to_string(),
                        field: "suffix",
                        problem,
                    });
                }
            }
        };
        let draft = tempfile::Builder::new()
            .prefix(".training-")
            .tempdir_in(models.folder())
            .map_err(crate::Error::io("create", models.folder()))?;
        self.write_model(learner, root, draft.path())?;
        memory::write(&self.memory, draft.path())?;
        std::fs::rename(draft.path(), &folder).map_err(crate::Error::io("create", &folder))?;
        // It lies elsewhere now, and there is nothing to remove.
        let _ = draft.keep();
        Ok(id)
    }

    fn new_id(&self) -> ModelId {
        let base = self.base.as_str();
        // A tuned model's own base names the family.
        let root = base.strip_prefix("ft:").and_then(|rest| rest.split(':').next()).unwrap_or(base);
        let suffix = self.suffix.as_deref().unwrap_or("tuned");
        ModelId::new(format!("ft:{root}:{suffix}:{}", &random_id()[..8]))
    }

    fn write_model(
        &self,
        learner: &Learner,
        (root, files): &Root,
        folder: &Path,
    ) -> crate::Result<()> {
        let about = About {
            created: now(),
            owned_by: "local".to_owned(),
            base_model: Some(self.base.clone()),
            adapter_of: learner.adapter.is_some().then(|| root.clone()),
            job: Some(self.id.to_string()),
        };
        let path = folder.join(ABOUT);
        let json = serde_json::to_vec_pretty(&about)
            .map_err(|source| crate::Error::Json { file: path.display().to_string(), source })?;
        std::fs::write(&path, json).map_err(crate::Error::io("write", path))?;
        if let Some(adapter) = &learner.adapter {
            return peft::write(adapter, &files.name(), folder);
        }
        for name in [CONFIG, TOKENIZER, TOKENIZER_CONFIG, GENERATION_CONFIG] {
            if let Some(bytes) = files.read_if_present(name)? {
                let path = folder.join(name);
                std::fs::write(&path, bytes).map_err(crate::Error::io("write", path))?;
            }
        }
        weights::write(learner.network.config(), learner.network.tensors(), folder)
    }
}

/// Sets apart what the model learned last and what it learned first, which is a base's corpus.
fn rehearsals(
    encoder: &mut Encoder<'_>,
    remembered: &[Remembered],
    settings: &Settings,
) -> Result<Vec<Rehearsal>> {
    let oldest = remembered.iter().map(|kept| kept.age).max().unwrap_or(0);
    let (first, later): (Vec<_>, Vec<_>) = remembered.iter().partition(|kept| kept.age == oldest);
    let sets = [(first, settings.rehearsed_first), (later, settings.rehearsed_later)];
    let mut rehearsals = Vec::new();
    for (kept, per_step) in sets {
        let examples: Vec<Example> = kept.into_iter().map(Remembered::to_example).collect();
        // What this model cannot read, a folder from elsewhere say, is left unrehearsed.
        let examples = encoder.examples(&examples).map_err(failed)?;
        rehearsals.push(Rehearsal { examples, per_step });
    }
    Ok(rehearsals)
}

/// The model whose weights a base stands on, and its files.
type Root = (ModelId, ModelFiles);

/// Puts what a run tells into the job's events, and its checkpoints into the job's folder.
struct Watcher<'a> {
    job: &'a LiveJob,
    prepared: &'a Prepared,
    root: &'a Root,
    /// How often the state is kept, and when it was last.
    every: Duration,
    kept: Instant,
    failure: Option<Error>,
}

impl Watcher<'_> {
    fn tell(&mut self, text: &str, metrics: Option<Metrics>) -> ControlFlow<()> {
        if let Err(error) = self.job.tell(text, metrics) {
            self.failure.get_or_insert(error);
        }
        if self.failure.is_some() || self.job.is_cancelled() || self.job.is_paused() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Observer for Watcher<'_> {
    fn measured(&mut self, metrics: Metrics) -> ControlFlow<()> {
        let text = match (metrics.valid_loss, metrics.train_loss) {
            (Some(loss), _) if metrics.step == 0 => {
                format!("before training: held-out loss {loss:.4}")
            }
            (Some(loss), _) => {
                format!("epoch {}: held-out loss {loss:.4}", metrics.epoch.unwrap_or(0))
            }
            (None, Some(loss)) => {
                format!("step {}/{}: loss {loss:.4}", metrics.step, metrics.total_steps)
            }
            (None, None) => format!("step {}/{}", metrics.step, metrics.total_steps),
        };
        self.tell(&text, Some(metrics))
    }

    fn message(&mut self, text: String) -> ControlFlow<()> {
        self.tell(&text, None)
    }

    fn wants_state(&mut self) -> bool {
        self.kept.elapsed() >= self.every
    }

    fn keep(&mut self, state: State<'_>) -> crate::Result<()> {
        checkpoint::save(&state, &self.job.folder)?;
        self.kept = Instant::now();
        Ok(())
    }

    fn epoch_ended(&mut self, steps: u64, learner: &Learner) -> crate::Result<()> {
        let folder = self.job.folder.join("checkpoints");
        let checkpoint = folder.join(format!("step-{steps:06}"));
        std::fs::create_dir_all(&checkpoint).map_err(crate::Error::io("create", &checkpoint))?;
        self.prepared.write_model(learner, self.root, &checkpoint).map_err(
            |error| match error {
                crate::Error::NotFinite { .. } => crate::Error::Diverged { step: steps },
                error => error,
            },
        )?;
        keep_last(&folder)
    }
}

/// Removes all checkpoints but the last few.
fn keep_last(folder: &Path) -> crate::Result<()> {
    let fail = || crate::Error::io("read", folder);
    let entries = std::fs::read_dir(folder).map_err(fail())?;
    let mut checkpoints: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(fail())?;
    checkpoints.sort();
    for old in checkpoints.iter().rev().skip(KEPT_CHECKPOINTS) {
        std::fs::remove_dir_all(old).map_err(crate::Error::io("remove", old))?;
    }
    Ok(())
}

const KEPT_CHECKPOINTS: usize = 3;
