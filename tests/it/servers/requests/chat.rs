use openai_api::{
    ChatRequest, Client, Content, ContentPart, FunctionCall, ImageUrl, Message, ReasoningEffort,
    ResponseFormat, Role, Tool, ToolCall,
};
use serde_json::{Map, json};

use super::{Sent, send};

/// Every request for a chat that is answered whole.
pub async fn chat(client: &Client) -> Vec<Sent> {
    let mut sent = Vec::new();
    for request in chats() {
        sent.push(send("POST /chat/completions", client.chat(request)).await);
    }
    sent
}

/// Every request about chats that the server keeps.
pub async fn stored_chats(client: &Client) -> Vec<Sent> {
    const ID: &str = "chatcmpl-abc123";

    let topic = Map::from_iter([("topic".to_owned(), "demo".into())]);
    let one = |method: &str| format!("{method} /chat/completions/{{completion_id}}");
    let messages = one("GET") + "/messages";
    vec![
        send("GET /chat/completions", client.chat_completions().limit(2).after(ID)).await,
        send(&one("GET"), client.chat_completion(ID)).await,
        send(&messages, client.chat_completion_messages(ID).limit(2).after("msg_abc123")).await,
        send(&one("POST"), client.update_chat_completion(ID, &topic)).await,
        send(&one("DELETE"), client.delete_chat_completion(ID)).await,
    ]
}

/// Chats that use all that the request can say.
pub fn chats() -> Vec<ChatRequest> {
    let hello = || ChatRequest::new("gpt-4o", vec![Message::user("Hello")]);
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    let weather = Tool::function("weather", "The weather in a city", schema.clone());
    let by_name = json!({"type": "function", "function": {"name": "weather"}});
    vec![
        hello()
            .with_temperature(0.2)
            .with_top_p(0.9)
            .with_max_tokens(64)
            .with_stop(vec!["END".to_owned()])
            .with_seed(7)
            .with_presence_penalty(0.5)
            .with_frequency_penalty(-0.5)
            .with_n(2)
            .with_logprobs(3)
            .with_service_tier("default")
            .with_store(true)
            .with_metadata("topic", "demo")
            .with_user("someone"),
        hello().with_reasoning_effort(ReasoningEffort::Low).with_max_completion_tokens(64),
        hello().with_response_format(ResponseFormat::json_object()),
        hello().with_response_format(ResponseFormat::json_schema("place", schema)),
        ChatRequest::new("gpt-4o", vec![message_with_an_image()]),
        ChatRequest::new("gpt-4o", messages_with_a_tool())
            .with_tools(vec![weather.clone()])
            .with_tool_choice("auto")
            .with_parallel_tool_calls(false),
        hello().with_tools(vec![weather]).with_tool_choice(by_name),
    ]
}

fn message_with_an_image() -> Message {
    let pixel = ImageUrl::new("data:image/png;base64,iVBORw0KGgo=").with_detail("low");
    let parts = vec![ContentPart::from_text("What is this?"), ContentPart::from_image(pixel)];
    Message::user(Content::Parts(parts))
}

fn messages_with_a_tool() -> Vec<Message> {
    let mut call = FunctionCall::default();
    call.name = "weather".to_owned();
    call.arguments = r#"{"city":"Oslo"}"#.to_owned();
    let mut called = Message::assistant("");
    called.tool_calls = vec![ToolCall::new("call_1", call)];
    let mut result = Message::new(Role::Tool, "Rain");
    result.tool_call_id = Some("call_1".to_owned());
    vec![Message::system("Be brief."), Message::user("Weather in Oslo?"), called, result]
}
