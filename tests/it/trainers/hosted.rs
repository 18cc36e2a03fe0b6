//! `HostedTrainer` against our own server, which trains in this process.

use std::time::Duration;

use trainer::HostedTrainer;
use trainer::conformance::{Guarded, Offer};

use crate::support::Served;

async fn hosted() -> Guarded<HostedTrainer, Served> {
    let served = Served::start().await;
    let trainer = HostedTrainer::new(served.client()).with_poll_interval(Duration::from_millis(20));
    Guarded::new(trainer, served)
}

trainer::trainer_conformance! { trainer: hosted().await, offer: Offer::new("attune-tiny") }
