use serde_json::json;

use super::{create, full, id, listed};
use crate::dialogue::{NewDialogue, SINGLE_TURN};
use crate::error::Error;
use crate::query::Query;
use crate::store::{DialogueStore, DialogueStoreExt};
use crate::turn::{Speaker, Turn, TurnSentiment};

/// Speaker, text and sentiment survive; the export is what others write too.
pub async fn export_and_import_give_the_turns_back(store: &dyn DialogueStore) {
    store.create(full("out")).await.unwrap();
    let more = vec![
        Turn::new(Speaker::Tool, "{\"42\"}\n"),
        Turn::assistant("Жаль.").with_sentiment(TurnSentiment::new("negative")),
    ];
    store.append(&id("out"), more).await.unwrap();
    let mut exported = Vec::new();
    store.export(&id("out"), &mut exported).await.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&exported).unwrap();
    assert_eq!(
        value,
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "The capital of France?"},
            {"role": "assistant", "content": "It is Paris, of course!", "sentiment": "positive"},
            {"role": "tool", "content": "{\"42\"}\n"},
            {"role": "assistant", "content": "Жаль.", "sentiment": "negative"},
        ])
    );

    let tags = vec!["log".to_owned(), SINGLE_TURN.to_owned()];
    let new = NewDialogue::new().with_id(id("in")).with_title("imported").with_tags(tags.clone());
    let imported = store.import(new, exported.as_slice()).await.unwrap();
    assert_eq!(imported, id("in"));
    let mut again = Vec::new();
    store.export(&imported, &mut again).await.unwrap();
    assert_eq!(again, exported);
    let imported = store.get(&imported).await.unwrap();
    assert_eq!((imported.title.as_deref(), imported.tags), (Some("imported"), tags));

    let empty = create(store, "nothing").await;
    let mut exported = Vec::new();
    store.export(&empty, &mut exported).await.unwrap();
    let imported = store.import(NewDialogue::new(), exported.as_slice()).await.unwrap();
    let imported = store.get(&imported).await.unwrap();
    assert_eq!(imported.turns, []);
    assert!(imported.tags.is_empty());
}

/// A `null` system instruction is dropped, other fields are kept as attributes.
pub async fn import_accepts_what_older_logs_hold(store: &dyn DialogueStore) {
    let log = r#"[
        {"role": "system", "content": null},
        {"role": "user", "content": "Say \\\"hi\\\"", "name": "ann"},
        {"role": "assistant", "content": "hi", "sentiment": "neutral"},
        {"role": "critic", "content": "", "sentiment": null}
    ]"#;
    let id = store.import(NewDialogue::new(), log.as_bytes()).await.unwrap();
    let turns = store.get(&id).await.unwrap().turns;
    let speakers: Vec<&str> = turns.iter().map(|turn| turn.speaker.as_str()).collect();
    assert_eq!(speakers, ["user", "assistant", "critic"]);
    assert_eq!(turns[0].text, r#"Say \"hi\""#);
    assert_eq!(turns[0].attributes["name"], "ann");
    assert_eq!(turns[1].sentiment, Some(TurnSentiment::new("neutral")));
    assert_eq!(turns[2].sentiment, None);
}

/// Faulty JSON is named by line and column, a faulty entry by index and field.
pub async fn import_says_where_the_fault_is(store: &dyn DialogueStore) {
    let broken = "[\n  {\"role\": \"user\", \"content\": \"hi\"},\n  {\"role\": ]";
    let error = store.import(NewDialogue::new(), broken.as_bytes()).await.unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 3, column: 12, .. }), "{error:?}");

    let entries = [
        (r#"[{"content": "x"}]"#, 0, "role"),
        (r#"[{"role": "user", "content": "x"}, {"role": 7, "content": "x"}]"#, 1, "role"),
        (r#"[{"role": "user"}]"#, 0, "content"),
        (r#"[{"role": "user", "content": null}]"#, 0, "content"),
        (r#"[{"role": "user", "content": "x", "sentiment": "glad"}]"#, 0, "sentiment"),
        (r#"["secret"]"#, 0, "role"),
    ];
    for (text, index, name) in entries {
        let error = store.import(NewDialogue::new(), text.as_bytes()).await.unwrap_err();
        let Error::Entry { entry, field, .. } = error else { panic!("{text}: {error:?}") };
        assert_eq!((entry, field), (index, name), "{text}");
    }
}

/// A dialogue is imported wholly or not at all.
pub async fn a_failed_import_creates_nothing(store: &dyn DialogueStore) {
    let cut = r#"[{"role": "user", "content": "hi"}, {"role": "user", "con"#;
    let new = NewDialogue::new().with_id(id("cut"));
    assert!(store.import(new, cut.as_bytes()).await.is_err());
    assert!(matches!(store.get(&id("cut")).await, Err(Error::NotFound(_))));
    assert!(listed(store, Query::new()).await.is_empty());
}
