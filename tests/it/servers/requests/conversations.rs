use openai_api::{Client, ConversationId, CreateConversation, ResponseItem, ResponsePart};
use serde_json::Map;

use super::{Sent, send};

/// Every request about conversations.
pub async fn conversations(client: &Client) -> Vec<Sent> {
    let id = ConversationId::from("conv_abc123");
    let items = vec![ResponseItem::user("Hello")];
    let parts = vec![ResponseItem::user(vec![ResponsePart::from_text("Hello")])];
    let new = CreateConversation::new(items.clone()).with_metadata("topic", "demo");
    let topic = Map::from_iter([("topic".to_owned(), "other".into())]);
    let one = "/conversations/{conversation_id}";
    let of = |method: &str, rest: &str| format!("{method} {one}{rest}");
    let item = "/items/{item_id}";
    let listed = client.conversation_items(&id).after("msg_abc123").limit(2);
    let added_parts = client.add_conversation_items(&id, &parts);
    vec![
        send("POST /conversations", client.create_conversation(new)).await,
        send(&of("GET", ""), client.conversation(&id)).await,
        send(&of("POST", ""), client.update_conversation(&id, &topic)).await,
        send(&of("DELETE", ""), client.delete_conversation(&id)).await,
        send(&of("GET", "/items"), listed).await,
        send(&of("POST", "/items"), client.add_conversation_items(&id, &items)).await,
        send(&of("POST", "/items: a message of parts"), added_parts).await,
        send(&of("GET", item), client.conversation_item(&id, "msg_abc123")).await,
        send(&of("DELETE", item), client.delete_conversation_item(&id, "msg_abc123")).await,
    ]
}
