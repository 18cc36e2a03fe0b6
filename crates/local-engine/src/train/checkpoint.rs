//! What a training keeps so that it can go on from there, to the same bits.
//!
//! One file in the format of safetensors: what is learned, what the optimizer remembers of it, and
//! how far the run has come. It is replaced as a whole, and the one before is kept beside it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::train::learner::Learner;
use crate::train::optimizer::Optimizer;
use crate::train::run::{Place, State};
use crate::weights;

/// What was kept of a run.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    pub(crate) place: Place,
    optimizer_steps: i32,
    learned: Vec<Vec<f32>>,
    moments: Vec<[Vec<f32>; 2]>,
    /// What the best epoch had learned; empty where it is not asked for.
    pub(crate) best: Vec<Vec<f32>>,
}

/// What stands beside the numbers.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    version: u32,
    place: Place,
    optimizer_steps: i32,
}

/// Keeps the state of a run in this folder.
pub(crate) fn save(state: &State<'_>, folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    let about = About {
        version: VERSION,
        place: state.place.clone(),
        optimizer_steps: state.optimizer.steps(),
    };
    let text = serde_json::to_string(&about)
        .map_err(|source| Error::Json { file: path.display().to_string(), source })?;
    let mut rows: Vec<(String, &[f32])> = Vec::new();
    for (i, tensor) in state.learner.tensors().enumerate() {
        rows.push((format!("learned.{i}"), tensor.values()));
    }
    for (i, values) in state.best.iter().enumerate() {
        rows.push((format!("best.{i}"), values));
    }
    for (i, [mean, square]) in state.optimizer.moments().enumerate() {
        rows.extend([(format!("mean.{i}"), &mean[..]), (format!("square.{i}"), &square[..])]);
    }
    let bytes = weights::state_bytes(rows, text).map_err(|source| Error::Weights {
        file: path.display().to_string(),
        source: source.into(),
    })?;
    replace(&path, &bytes).map_err(Error::io("write", path))
}

/// Writes a file as a whole, and keeps the one before.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if path.exists() {
        std::fs::rename(path, folder.join(BEFORE))?;
    }
    file.persist(path)?;
    // A name is safe once its folder is.
    File::open(folder)?.sync_all()
}

/// The latest state in this folder that can be read, if there is one.
pub(crate) fn latest(folder: &Path) -> Option<Checkpoint> {
    FILES.into_iter().find_map(|name| read(folder.join(name)))
}

fn read(path: PathBuf) -> Option<Checkpoint> {
    let (mut tensors, text) = weights::read_state(&std::fs::read(&path).ok()?)?;
    let about: About = serde_json::from_str(&text).ok()?;
    let mut take = |name: String| tensors.remove(&name).map(|tensor| tensor.values().to_vec());
    let mut numbered = |name: &str| -> Vec<Vec<f32>> {
        (0..).map_while(|i: usize| take(format!("{name}.{i}"))).collect()
    };
    let [learned, means, squares, best] = ["learned", "mean", "square", "best"].map(&mut numbered);
    let moments = means.into_iter().zip(squares).map(Into::into).collect();
    let About { version, place, optimizer_steps } = about;
    let read = Checkpoint { path, place, optimizer_steps, learned, moments, best };
    (version == VERSION).then_some(read)
}

impl Checkpoint {
    /// Puts the numbers back to where they were taken from.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] if they are of another training; nothing is changed then.
    pub(crate) fn restore(&self, learner: &mut Learner, optimizer: &mut Optimizer) -> Result<()> {
        let lengths = || learner.tensors().map(|tensor| tensor.values().len());
        let fits = lengths().eq(self.learned.iter().map(Vec::len))
            && (self.best.is_empty() || lengths().eq(self.best.iter().map(Vec::len)));
        if !fits || !optimizer.restore(self.optimizer_steps, self.moments.clone()) {
            return Err(Error::Checkpoint { path: self.path.clone() });
        }
        for (tensor, kept) in learner.tensors_mut().zip(&self.learned) {
            Tensor::values_mut(tensor).copy_from_slice(kept);
        }
        learner.changed();
        Ok(())
    }
}

const VERSION: u32 = 1;
const FILE: &str = "state.safetensors";
const BEFORE: &str = "state-before.safetensors";
/// All files that are kept here.
pub(crate) const FILES: [&str; 2] = [FILE, BEFORE];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;
    use crate::network::tests::noise;

    fn learner(seed: u64) -> Learner {
        Learner::full(noise(&small(), seed))
    }

    fn keep(seed: u64, folder: &Path) {
        let (learner, place) = (learner(seed), Place::default());
        let optimizer = Optimizer::new(&learner);
        let best = values(&self::learner(seed + 1));
        let state = State { place: &place, learner: &learner, optimizer: &optimizer, best: &best };
        save(&state, folder).unwrap();
    }

    fn values(learner: &Learner) -> Vec<Vec<f32>> {
        learner.tensors().map(|tensor| tensor.values().to_vec()).collect()
    }

    #[test]
    fn what_was_kept_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        keep(1, folder.path());
        let mut other = learner(2);
        let mut optimizer = Optimizer::new(&other);
        let kept = latest(folder.path()).unwrap();
        kept.restore(&mut other, &mut optimizer).unwrap();
        assert_eq!(kept.best, values(&learner(2)));
        assert_eq!(values(&other), values(&learner(1)));
    }

    #[test]
    fn a_file_that_is_cut_at_any_place_gives_way_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        keep(1, folder.path());
        keep(2, folder.path());
        assert_eq!(latest(folder.path()).unwrap().learned, values(&learner(2)));
        let whole = std::fs::read(folder.path().join(FILE)).unwrap();
        for end in (0..whole.len()).step_by(997).chain([whole.len() - 1]) {
            std::fs::write(folder.path().join(FILE), &whole[..end]).unwrap();
            let kept = latest(folder.path()).unwrap();
            assert_eq!(kept.learned, values(&learner(1)), "cut at {end}");
        }
    }

    #[test]
    fn what_is_of_another_training_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        keep(1, folder.path());
        let mut config = small();
        config.inner *= 2;
        let mut other = Learner::full(noise(&config, 2));
        let (before, mut optimizer) = (values(&other), Optimizer::new(&other));
        let error = latest(folder.path()).unwrap().restore(&mut other, &mut optimizer).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error:?}");
        assert_eq!(values(&other), before);
    }
}
