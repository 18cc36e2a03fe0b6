use serde_json::json;

use super::{create, full, id, stored};
use crate::dialogue::NewDialogue;
use crate::error::Error;
use crate::store::{DialogueStore, DialogueStoreExt};
use crate::time::Timestamp;
use crate::turn::{Feedback, Rating, Speaker, Turn};

/// What was created is what is read, field by field.
pub async fn a_dialogue_comes_back_with_every_field(store: &dyn DialogueStore) {
    let created = store.create(full("full")).await.unwrap();
    assert_eq!(created, id("full"));
    assert_eq!(store.get(&created).await.unwrap(), stored(full("full")));
}

/// Without an id and a time, a dialogue gets a new id and this moment.
pub async fn a_dialogue_gets_an_id_and_a_time_of_its_own(store: &dyn DialogueStore) {
    let before = Timestamp::now();
    let one = store.create(NewDialogue::new()).await.unwrap();
    let other = store.create(NewDialogue::new()).await.unwrap();
    assert_ne!(one, other);
    let dialogue = store.get(&one).await.unwrap();
    assert_eq!(dialogue.id, one);
    assert!((before..=Timestamp::now()).contains(&dialogue.created_at));
    assert_eq!(dialogue.turns, []);
}

/// Quotes, line ends, control characters and every script are kept as they are.
pub async fn text_comes_back_untouched(store: &dyn DialogueStore) {
    let texts = [
        "",
        " \t padded \u{a0} ",
        r#"She said "hi" \ and \"left\" 'quietly'; DROP TABLE turns; --"#,
        "line one\nline two\r\nline three\r\u{2028}end",
        "Привет, мир! 你好 👩‍👩‍👧‍👦 e\u{301} \u{feff} \u{fffd}",
        "\u{0}nul\u{1}\u{1b}[31m\u{7f}",
        r#"[{"role": "user"}]"#,
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let turn = Turn::new(Speaker::Other("narrator \"x\"".to_owned()), text)
            .with_feedback(Feedback::new(Rating::Up).with_correction(text))
            .with_attribute(text, json!([text]));
        let new = NewDialogue::new()
            .with_id(id(&format!("text-{n}")))
            .with_title(text)
            .with_tags(vec![text.to_owned()])
            .with_attribute(text, text)
            .with_turns(vec![turn.clone()]);
        let created = store.create(new.clone()).await.unwrap();
        store.append(&created, vec![turn.clone()]).await.unwrap();
        let found = store.get(&created).await.unwrap();
        assert_eq!(found.turns, [turn.clone(), turn]);
        assert_eq!(found.title, new.title);
        assert_eq!(found.tags, new.tags);
        assert_eq!(found.attributes, new.attributes);
    }
}

/// A long text is a text.
pub async fn a_megabyte_of_text_comes_back(store: &dyn DialogueStore) {
    let id = create(store, "big").await;
    let text = "длинный текст, ".repeat(1 << 16);
    store.append(&id, vec![Turn::user(text.clone())]).await.unwrap();
    let found = store.get(&id).await.unwrap();
    assert!(found.turns[0].text == text, "a long text came back changed");
}

/// An id belongs to one dialogue, and what it has stays.
pub async fn creating_an_id_twice_is_refused(store: &dyn DialogueStore) {
    store.create(full("twice")).await.unwrap();
    let again = store.create(NewDialogue::new().with_id(id("twice"))).await;
    assert!(matches!(again, Err(Error::AlreadyExists(it)) if it == id("twice")));
    assert_eq!(store.get(&id("twice")).await.unwrap(), stored(full("twice")));
}

/// Every method says [`Error::NotFound`] and the id.
pub async fn what_is_not_there_is_not_found(store: &dyn DialogueStore) {
    let missing = id("missing");
    let results = [
        store.get(&missing).await.map(|_| ()),
        store.append(&missing, vec![Turn::user("hello")]).await.map(|_| ()),
        store.append(&missing, Vec::new()).await.map(|_| ()),
        store.rate(&missing, 0, Feedback::new(Rating::Up)).await,
        store.delete(&missing).await,
        store.tail(&missing, 1).await.map(|_| ()),
        store.export(&missing, Vec::new()).await,
    ];
    for (n, result) in results.into_iter().enumerate() {
        let Err(Error::NotFound(id)) = result else { panic!("call {n}: {result:?}") };
        assert_eq!(id, missing, "call {n}");
    }
}

/// A deleted dialogue is not found, and leaves nothing to the next one of its id.
pub async fn what_is_deleted_is_gone_and_its_id_free(store: &dyn DialogueStore) {
    store.create(full("gone")).await.unwrap();
    store.create(full("kept")).await.unwrap();
    store.delete(&id("gone")).await.unwrap();
    assert!(matches!(store.get(&id("gone")).await, Err(Error::NotFound(_))));
    assert!(matches!(store.delete(&id("gone")).await, Err(Error::NotFound(_))));

    let created = create(store, "gone").await;
    let found = store.get(&created).await.unwrap();
    assert_eq!((found.turns, found.tags, found.title), (vec![], vec![], None));
    assert_eq!(store.get(&id("kept")).await.unwrap(), stored(full("kept")));
}

/// The second call finds what the first one made.
pub async fn get_or_create_twice_gives_the_same_dialogue(store: &dyn DialogueStore) {
    let first = store.get_or_create(full("once")).await.unwrap();
    assert_eq!(first, stored(full("once")));
    store.append(&first.id, vec![Turn::user("More?")]).await.unwrap();
    let second = store.get_or_create(NewDialogue::new().with_id(id("once"))).await.unwrap();
    assert_eq!((second.title, second.turns.len()), (first.title, 4));
}
