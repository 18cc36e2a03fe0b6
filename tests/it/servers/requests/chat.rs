use openai_api::{
    ChatBackend as _, ChatRequest, Client, Content, ContentPart, FunctionCall, ImageUrl, Message,
    ResponseFormat, Role, Tool, ToolCall,
};
use serde_json::json;

use super::{Sent, send};

/// Every request for a chat that is answered whole.
pub async fn chat(client: &Client) -> Vec<Sent> {
    let mut sent = Vec::new();
    for request in chats() {
        sent.push(send("POST /chat/completions", client.complete(request)).await);
    }
    sent
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
    let mut with_tools = ChatRequest::new("gpt-4o", messages_with_a_tool());
    with_tools.tools = vec![Tool::function("weather", "The weather in a city", schema.clone())];
    vec![
        hello()
            .with_temperature(0.2)
            .with_top_p(0.9)
            .with_max_tokens(64)
            .with_stop(vec!["END".to_owned()])
            .with_seed(7),
        hello().with_max_completion_tokens(64),
        hello().with_response_format(ResponseFormat::json_object()),
        hello().with_response_format(ResponseFormat::json_schema("place", schema)),
        ChatRequest::new("gpt-4o", vec![message_with_an_image()]),
        with_tools,
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
