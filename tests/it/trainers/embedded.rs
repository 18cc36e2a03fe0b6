//! The engine's own trainer, in process.

use local_engine::{Engine, LocalTrainer};
use tempfile::TempDir;
use trainer::conformance::{Guarded, Offer};

fn local() -> Guarded<LocalTrainer, TempDir> {
    let home = tempfile::tempdir().unwrap();
    Guarded::new(Engine::open(home.path()).unwrap().trainer(), home)
}

trainer::trainer_conformance! { trainer: local(), offer: Offer::new("attune-tiny") }
