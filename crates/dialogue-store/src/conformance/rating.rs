use super::{at, create, full, id, listed, stored};
use crate::dialogue::NewDialogue;
use crate::error::Error;
use crate::query::Query;
use crate::store::DialogueStore;
use crate::turn::{Feedback, Rating, Turn};

/// Feedback stands on its turn, takes the place of what was there, and is found by a list.
pub async fn rating_a_turn_sets_its_feedback(store: &dyn DialogueStore) {
    store.create(full("rated")).await.unwrap();
    let feedback =
        |rating| Feedback::new(rating).with_at(at(9_000)).with_correction("Lyon?").with_rater("bo");
    store.rate(&id("rated"), 1, feedback(Rating::Up)).await.unwrap();
    store.rate(&id("rated"), 2, feedback(Rating::Up)).await.unwrap();

    let mut expected = stored(full("rated"));
    expected.turns[1].feedback = Some(feedback(Rating::Up));
    expected.turns[2].feedback = Some(feedback(Rating::Up));
    assert_eq!(store.get(&id("rated")).await.unwrap(), expected);
    assert_eq!(listed(store, Query::new().with_rating(Rating::Up)).await, ["rated"]);
    assert!(listed(store, Query::new().with_rating(Rating::Down)).await.is_empty());
}

/// A turn that is not there cannot be rated, and the error says how many there are.
pub async fn rating_a_turn_that_is_not_there_is_refused(store: &dyn DialogueStore) {
    let empty = create(store, "empty").await;
    let one = NewDialogue::new().with_id(id("one")).with_turns(vec![Turn::user("hello")]);
    let one = store.create(one).await.unwrap();
    for (id, turn, turns) in [(&empty, 0, 0), (&one, 1, 1), (&one, u64::MAX, 1)] {
        let refused = store.rate(id, turn, Feedback::new(Rating::Up)).await.unwrap_err();
        let Error::NoSuchTurn { id: it, turn: asked, turns: has } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((&it, asked, has), (id, turn, turns));
    }
}
