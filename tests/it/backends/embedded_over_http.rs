//! Client, server and engine: all three in one test process, with a real socket between them.

use openai_api::Client;
use openai_api::conformance::Offer;

use crate::support::{Held, Served};

async fn served() -> Held<Client> {
    let served = Served::start().await;
    Held::new(served.client(), served)
}

openai_api::chat_backend_conformance! { backend: served().await, offer: Offer::new("attune-tiny") }
