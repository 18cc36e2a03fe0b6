use futures_util::FutureExt;
use futures_util::future::join_all;

use super::{create, full, id, stored, texts};
use crate::store::{DialogueStore, DialogueStoreExt};
use crate::turn::Turn;

/// Turns stand in the order in which they were appended.
pub async fn append_keeps_turn_order(store: &dyn DialogueStore) {
    let id = create(store, "order").await;
    for batch in [vec!["a"], vec!["b", "c", "d"], vec!["e", "f"]] {
        store.append(&id, batch.into_iter().map(Turn::user).collect()).await.unwrap();
    }
    assert_eq!(texts(store, &id).await, ["a", "b", "c", "d", "e", "f"]);
}

/// An append returns how many turns there are then, and every field of them comes back.
pub async fn append_counts_the_turns(store: &dyn DialogueStore) {
    let turns = full("-").turns;
    let id = create(store, "count").await;
    assert_eq!(store.append(&id, turns.clone()).await.unwrap(), 3);
    assert_eq!(store.append(&id, turns.clone()).await.unwrap(), 6);
    assert_eq!(store.get(&id).await.unwrap().turns, [turns.clone(), turns].concat());
}

/// Appending no turns tells how many there are, and that is all.
pub async fn an_empty_append_changes_nothing(store: &dyn DialogueStore) {
    store.create(full("empty")).await.unwrap();
    assert_eq!(store.append(&id("empty"), Vec::new()).await.unwrap(), 3);
    assert_eq!(store.get(&id("empty")).await.unwrap(), stored(full("empty")));
}

/// Eight writers at a time: nothing is lost, each writer's order stays, no batch is torn apart.
pub async fn concurrent_appends_lose_nothing_and_stay_together(store: &dyn DialogueStore) {
    const WRITERS: usize = 8;
    const BATCHES: usize = 6;
    let id = create(store, "crowd").await;
    let appends = (0..WRITERS).map(|writer| {
        let id = id.clone();
        async move {
            for batch in 0..BATCHES {
                let turn = |part| Turn::user(format!("{writer} {batch} {part}"));
                store.append(&id, vec![turn("question"), turn("answer")]).await.unwrap();
            }
        }
    });
    join_all(appends).await;

    let texts = texts(store, &id).await;
    assert_eq!(texts.len(), WRITERS * BATCHES * 2);
    let mut next = [0; WRITERS];
    for pair in texts.chunks(2) {
        let writer: usize = pair[0].split(' ').next().unwrap().parse().unwrap();
        let batch = next[writer];
        assert_eq!(pair[0], format!("{writer} {batch} question"));
        assert_eq!(pair[1], format!("{writer} {batch} answer"));
        next[writer] += 1;
    }
    assert_eq!(next, [BATCHES; WRITERS]);
}

/// Whoever drops an append leaves all of its turns or none, and never some.
pub async fn an_append_given_up_is_whole_or_absent(store: &dyn DialogueStore) {
    let id = create(store, "dropped").await;
    for _ in 0..8 {
        let turns = (0..16).map(|n| Turn::user(n.to_string())).collect();
        // Polled once, then dropped.
        let _ = store.append(&id, turns).now_or_never();
    }
    // Appends have one order, so this one comes after whatever became of those.
    let count = store.append(&id, vec![Turn::user("last")]).await.unwrap();
    let texts = texts(store, &id).await;
    assert_eq!(texts.len() as u64, count);
    let (last, dropped) = texts.split_last().unwrap();
    assert_eq!(last, "last");
    assert_eq!(dropped.len() % 16, 0);
    for (n, text) in dropped.iter().enumerate() {
        assert_eq!(*text, (n % 16).to_string());
    }
}

/// The last turns come oldest first, and no more of them than there are.
pub async fn tail_gives_the_last_turns(store: &dyn DialogueStore) {
    let id = create(store, "tail").await;
    let turns: Vec<Turn> = ["a", "b", "c"].map(Turn::user).into();
    store.append(&id, turns.clone()).await.unwrap();
    assert_eq!(store.tail(&id, 2).await.unwrap(), turns[1..]);
    assert_eq!(store.tail(&id, 9).await.unwrap(), turns);
    assert_eq!(store.tail(&id, 0).await.unwrap(), []);
}
