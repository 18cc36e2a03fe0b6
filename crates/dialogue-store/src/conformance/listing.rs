use futures_util::TryStreamExt;

use super::{at, create, full, id, listed, stored};
use crate::dialogue::NewDialogue;
use crate::query::Query;
use crate::store::DialogueStore;
use crate::turn::{Feedback, Rating, Turn, TurnSentiment};

/// A summary tells what the dialogue does.
pub async fn list_shows_what_a_dialogue_is_about(store: &dyn DialogueStore) {
    store.create(full("shown")).await.unwrap();
    let turn = Turn::assistant("Oh no.")
        .with_at(at(5_000))
        .with_sentiment(TurnSentiment::new("negative").with_score(-0.75));
    store
        .append(&id("shown"), vec![turn.clone(), Turn::user("Why?").with_at(at(4_000))])
        .await
        .unwrap();

    let mut expected = stored(full("shown"));
    expected.turns.extend([turn, Turn::user("Why?")]);
    expected.turns[4].at = at(4_000);
    let expected = expected.summary();
    assert_eq!(expected.sentiment.as_ref().unwrap().label, "negative");
    assert_eq!((expected.turns, expected.updated_at, expected.downs), (5, at(5_000), 1));
    let found: Vec<_> = store.list(Query::new()).try_collect().await.unwrap();
    assert_eq!(found, [expected]);
}

/// Each criterion by itself lets through what fits it, and nothing else.
pub async fn list_filters_by_each_criterion(store: &dyn DialogueStore) {
    let new = |name, millis| NewDialogue::new().with_id(id(name)).with_created_at(at(millis));
    let dialogues = [
        new("old", 1_000).with_model("tiny").with_tags(vec!["x".to_owned(), "y".to_owned()]),
        new("mid", 2_000).with_assistant("asst").with_turns(vec![
            Turn::user("?"),
            Turn::assistant("!").with_model("tiny").with_sentiment(TurnSentiment::new("positive")),
            Turn::assistant(".").with_sentiment(TurnSentiment::new("neutral")),
        ]),
        new("new", 3_000).with_model("large").with_turns(vec![
            Turn::assistant("!").with_feedback(Feedback::new(Rating::Up)),
            Turn::assistant("?").with_feedback(Feedback::new(Rating::Down)),
        ]),
    ];
    for dialogue in dialogues {
        store.create(dialogue).await.unwrap();
    }
    let query = Query::new;
    let cases: [(Query, &[&str]); 16] = [
        (query(), &["old", "mid", "new"]),
        (query().with_since(at(2_000)), &["mid", "new"]),
        (query().with_until(at(2_000)), &["old"]),
        (query().with_since(at(3_001)), &[]),
        (query().with_model("tiny"), &["old", "mid"]),
        (query().with_model("Tiny"), &[]),
        (query().with_model("large"), &["new"]),
        (query().with_sentiment("positive"), &["mid"]),
        (query().with_sentiment("neutral"), &["mid"]),
        (query().with_sentiment("negative"), &[]),
        (query().with_rating(Rating::Up), &["new"]),
        (query().with_rating(Rating::Down), &["new"]),
        (query().with_assistant("asst"), &["mid"]),
        (query().with_assistant("ass"), &[]),
        (query().with_tag("y"), &["old"]),
        (query().with_tag("z"), &[]),
    ];
    for (query, expected) in cases {
        let shown = format!("{query:?}");
        assert_eq!(listed(store, query).await, expected, "{shown}");
    }
}

/// A dialogue must fit all that is set.
pub async fn list_filters_by_all_criteria_at_once(store: &dyn DialogueStore) {
    store.create(full("all")).await.unwrap();
    let all = Query::new()
        .with_since(at(1_001))
        .with_until(at(1_002))
        .with_model("ft:attune-tiny:x:1")
        .with_sentiment("positive")
        .with_rating(Rating::Down)
        .with_assistant("asst_1")
        .with_tag("a");
    assert_eq!(listed(store, all.clone()).await, ["all"]);
    let but_one = [
        all.clone().with_since(at(1_002)),
        all.clone().with_until(at(1_001)),
        all.clone().with_model("other"),
        all.clone().with_sentiment("negative"),
        all.clone().with_rating(Rating::Up),
        all.clone().with_assistant("other"),
        all.with_tag("other"),
    ];
    for query in but_one {
        assert!(listed(store, query.clone()).await.is_empty(), "{query:?}");
    }
}

/// By creation, then by id; the limit counts from the end that comes first.
pub async fn list_keeps_order_and_limit(store: &dyn DialogueStore) {
    for (name, millis) in [("c", 2_000), ("a", 3_000), ("d", 1_000), ("b", 2_000)] {
        let new = NewDialogue::new().with_id(id(name)).with_created_at(at(millis));
        store.create(new).await.unwrap();
    }
    store.append(&id("d"), vec![Turn::user("later")]).await.unwrap();
    assert_eq!(listed(store, Query::new()).await, ["d", "b", "c", "a"]);
    assert_eq!(listed(store, Query::new().with_newest_first()).await, ["a", "c", "b", "d"]);
    assert_eq!(listed(store, Query::new().with_limit(2)).await, ["d", "b"]);
    assert_eq!(
        listed(store, Query::new().with_limit(3).with_newest_first()).await,
        ["a", "c", "b"]
    );
    assert_eq!(listed(store, Query::new().with_limit(9)).await.len(), 4);
    assert!(listed(store, Query::new().with_limit(0)).await.is_empty());
}

/// Many dialogues come each once, however they are fetched.
pub async fn list_goes_beyond_a_page(store: &dyn DialogueStore) {
    const MANY: usize = 230;
    for n in 0..MANY {
        create(store, &format!("many-{n:03}")).await;
    }
    let mut found = listed(store, Query::new()).await;
    let mut reversed = listed(store, Query::new().with_newest_first()).await;
    reversed.reverse();
    assert_eq!(found, reversed);
    found.sort();
    let expected: Vec<String> = (0..MANY).map(|n| format!("many-{n:03}")).collect();
    assert_eq!(found, expected);
    assert_eq!(listed(store, Query::new().with_limit(210)).await.len(), 210);
}
