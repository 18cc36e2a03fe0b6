//! `/conversations`.

use std::borrow::Borrow;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::List;
use crate::conversation::{Conversation, ConversationDeleted, ConversationId, CreateConversation};
use crate::page::Page;
use crate::response::ResponseItem;

impl Client {
    /// Begins a conversation.
    pub fn create_conversation(
        &self,
        conversation: impl Borrow<CreateConversation>,
    ) -> Call<Conversation> {
        self.call(Method::POST, &["conversations"], CONVERSATION).json(conversation.borrow())
    }

    /// Tells one conversation, without its items.
    pub fn conversation(&self, id: &ConversationId) -> Call<Conversation> {
        self.call(Method::GET, &["conversations", id.as_str()], CONVERSATION)
    }

    /// Sets the pairs to find a conversation by; those it had are lost.
    pub fn update_conversation(
        &self,
        id: &ConversationId,
        metadata: &Map<String, Value>,
    ) -> Call<Conversation> {
        self.call(Method::POST, &["conversations", id.as_str()], CONVERSATION)
            .json(&json!({"metadata": metadata}))
    }

    /// Deletes a conversation; its items stay where else they belong to.
    pub fn delete_conversation(&self, id: &ConversationId) -> Call<ConversationDeleted> {
        self.call(Method::DELETE, &["conversations", id.as_str()], "deletion").or_silence()
    }

    /// Lists a conversation's items, newest first.
    pub fn conversation_items(&self, id: &ConversationId) -> List<ResponseItem> {
        self.list(&["conversations", id.as_str(), "items"], "list of items")
    }

    /// Adds items to a conversation, at most 20 at once; gives them with their ids.
    pub fn add_conversation_items(
        &self,
        id: &ConversationId,
        items: &[ResponseItem],
    ) -> Call<Page<ResponseItem>> {
        self.call(Method::POST, &["conversations", id.as_str(), "items"], "list of items")
            .json(&json!({"items": items}))
    }

    /// Tells one item of a conversation.
    pub fn conversation_item(&self, id: &ConversationId, item: &str) -> Call<ResponseItem> {
        self.call(Method::GET, &["conversations", id.as_str(), "items", item], "item")
    }

    /// Takes an item out of a conversation; gives the conversation.
    pub fn delete_conversation_item(&self, id: &ConversationId, item: &str) -> Call<Conversation> {
        let path = ["conversations", id.as_str(), "items", item];
        self.call(Method::DELETE, &path, CONVERSATION)
    }
}

const CONVERSATION: &str = "conversation";
