//! The engine in process.

use local_engine::Engine;
use openai_api::conformance::Offer;

use crate::support::Held;

fn engine() -> Held<Engine> {
    let home = tempfile::tempdir().unwrap();
    Held::new(Engine::open(home.path()).unwrap(), home)
}

openai_api::chat_backend_conformance! { backend: engine(), offer: Offer::new("attune-tiny") }
