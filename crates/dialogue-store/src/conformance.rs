//! What every store must do, as functions to run on yours.
//!
//! [`dialogue_store_conformance!`](crate::dialogue_store_conformance) makes each of them a test of
//! its name, on a store of its own. They panic where a store falls short.
//!
//! ```
//! # use dialogue_store::{MemoryStore, dialogue_store_conformance};
//! # fn main() {}
//! // The guard, here `()`, lives as long as the test: a temporary folder, say.
//! dialogue_store_conformance!(memory, async { ((), MemoryStore::new()) });
//! ```

mod appending;
mod creating;
mod exchanging;
mod listing;
mod rating;

use futures_util::TryStreamExt;
use serde_json::json;

use crate::dialogue::{Dialogue, NewDialogue};
use crate::error::Result;
use crate::id::DialogueId;
use crate::query::Query;
use crate::store::DialogueStore;
use crate::time::Timestamp;
use crate::turn::{Feedback, Rating, Turn, TurnSentiment};

pub use self::appending::*;
pub use self::creating::*;
pub use self::exchanging::*;
pub use self::listing::*;
pub use self::rating::*;

/// Makes a module with one test for each function of [`conformance`](crate::conformance).
///
/// The second argument is a future of a guard and a store; every test makes its own. Needs `tokio`
/// with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! dialogue_store_conformance {
    ($module:ident, $make:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "a store may need nothing from around it")]
            use super::*;

            $crate::dialogue_store_conformance!(@tests $make,
                a_dialogue_comes_back_with_every_field
                a_dialogue_gets_an_id_and_a_time_of_its_own
                text_comes_back_untouched
                a_megabyte_of_text_comes_back
                creating_an_id_twice_is_refused
                what_is_not_there_is_not_found
                what_is_deleted_is_gone_and_its_id_free
                get_or_create_twice_gives_the_same_dialogue
                append_keeps_turn_order
                append_counts_the_turns
                an_empty_append_changes_nothing
                concurrent_appends_lose_nothing_and_stay_together
                an_append_given_up_is_whole_or_absent
                tail_gives_the_last_turns
                rating_a_turn_sets_its_feedback
                rating_a_turn_that_is_not_there_is_refused
                list_shows_what_a_dialogue_is_about
                list_filters_by_each_criterion
                list_filters_by_all_criteria_at_once
                list_keeps_order_and_limit
                list_goes_beyond_a_page
                export_and_import_give_the_turns_back
                import_accepts_what_older_logs_hold
                import_says_where_the_fault_is
                a_failed_import_creates_nothing
            );
        }
    };
    (@tests $make:expr, $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_guard, store) = $make.await;
                $crate::conformance::$name(&store).await;
            }
        )*
    };
}

/// A dialogue with something in every field.
fn full(id: &str) -> NewDialogue {
    let feedback = Feedback::new(Rating::Down)
        .with_correction("Paris.")
        .with_rater("ann")
        .with_reason("too long")
        .with_at(at(2_500));
    let sentiment = TurnSentiment::new("positive").with_score(0.1 + 0.2);
    NewDialogue::new()
        .with_id(self::id(id))
        .with_created_at(at(1_001))
        .with_title("Capitals")
        .with_model("attune-tiny")
        .with_assistant("asst_1")
        .with_tags(vec!["b".to_owned(), "a".to_owned()])
        .with_attribute("source", json!({"app": ["test", 1, null]}))
        .with_turns(vec![
            Turn::system("Be brief.").with_at(at(1_001)),
            Turn::user("The capital of France?").with_at(at(1_500)),
            Turn::assistant("It is Paris, of course!")
                .with_at(at(2_002))
                .with_model("ft:attune-tiny:x:1")
                .with_sentiment(sentiment)
                .with_feedback(feedback)
                .with_attribute("tokens", 7)
                .with_attribute("request_id", "req_1"),
        ])
}

async fn create(store: &dyn DialogueStore, id: &str) -> DialogueId {
    store.create(NewDialogue::new().with_id(self::id(id))).await.unwrap()
}

async fn texts(store: &dyn DialogueStore, id: &DialogueId) -> Vec<String> {
    store.get(id).await.unwrap().turns.into_iter().map(|turn| turn.text).collect()
}

async fn listed(store: &dyn DialogueStore, query: Query) -> Vec<String> {
    let found: Result<Vec<_>> = store.list(query).try_collect().await;
    found.unwrap().into_iter().map(|it| it.id.to_string()).collect()
}

/// As a dialogue is, once it is stored.
fn stored(new: NewDialogue) -> Dialogue {
    Dialogue::begin(new)
}

fn id(id: &str) -> DialogueId {
    id.parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}
