//! Client, server and engine: all three in one test process, with a real socket between them.

use openai_api::conformance::Offer;
use openai_api::{ChatBackend, ChatRequest, Client, Message};

use crate::support::{Held, Served};

async fn served() -> Held<Client> {
    let served = Served::start().await;
    Held::new(served.client(), served)
}

openai_api::chat_backend_conformance! { backend: served().await, offer: Offer::new("attune-tiny") }

#[tokio::test]
async fn those_who_ask_at_once_are_answered_and_told_what_was_not_read_anew() {
    let backend = served().await;
    let ask = |nth: usize| {
        let text = format!("{nth}. {}", "Tell me something of the lake, please. ".repeat(12));
        let request = ChatRequest::new("attune-tiny", vec![Message::user(text)]);
        backend.complete(request.with_max_tokens(8))
    };
    let first = futures_util::future::join_all((0..8).map(ask)).await;
    let again = futures_util::future::join_all((0..8).map(ask)).await;
    for (first, again) in first.into_iter().zip(again) {
        let (first, again) = (first.unwrap(), again.unwrap());
        assert_eq!(first.choices, again.choices);
        let cached = |answer: openai_api::ChatCompletion| {
            answer.usage.unwrap().prompt_tokens_details.unwrap().cached_tokens.unwrap()
        };
        assert_eq!(cached(first), 0);
        assert!(cached(again) >= 64);
    }
}
