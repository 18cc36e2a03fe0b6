use openai_api::{
    Client, FunctionTool, ImageUrl, ReasoningEffort, ResponseId, ResponseItem, ResponsePart,
    ResponseRequest, ResponseTool, TextFormat,
};
use serde_json::json;

use super::{Sent, send};

/// Every request about responses that are answered whole.
pub async fn responses(client: &Client) -> Vec<Sent> {
    let mut sent = Vec::new();
    for (what, request) in asked() {
        let what = format!("POST /responses: {what}");
        sent.push(send(&what, client.create_response(request)).await);
    }
    let id = ResponseId::from("resp_abc123");
    let hello = || ResponseRequest::new("gpt-5.4", "Hello");
    sent.extend([
        send("POST /responses/input_tokens", client.count_input_tokens(hello())).await,
        send("POST /responses/compact", client.compact_response(hello())).await,
        send("GET /responses/{response_id}", client.response(&id)).await,
        send("POST /responses/{response_id}/cancel", client.cancel_response(&id)).await,
        send("DELETE /responses/{response_id}", client.delete_response(&id)).await,
    ]);
    let items = client.response_input_items(&id).after("msg_abc123").limit(2);
    sent.push(send("GET /responses/{response_id}/input_items", items).await);
    sent
}

/// The request for the events of a response that the server makes in the background.
pub async fn resumed_response(client: &Client) -> Vec<Sent> {
    let id = ResponseId::from("resp_abc123");
    let one = "GET /responses/{response_id}";
    vec![
        send(one, client.resume_response(&id, None)).await,
        send(one, client.resume_response(&id, Some(3))).await,
    ]
}

/// Requests for a response that use all that the request can say.
pub fn asked() -> Vec<(&'static str, ResponseRequest)> {
    let hello = || ResponseRequest::new("gpt-5.4", "Hello");
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    let weather = FunctionTool::new("weather", "The weather in a city", schema.clone());
    let turns = vec![
        ResponseItem::developer("Be brief."),
        ResponseItem::user("Weather in Oslo?"),
        ResponseItem::assistant("Rain."),
        ResponseItem::function_output("call_1", "Rain"),
    ];
    let pixel = ImageUrl::new("data:image/png;base64,iVBORw0KGgo=").with_detail("low");
    let parts = vec![
        ResponsePart::from_text("What is this?"),
        ResponsePart::from_image(pixel),
        ResponsePart::from_file("file-abc123"),
    ];
    let parts = vec![ResponseItem::user(parts)];
    vec![
        (
            "settings",
            hello()
                .with_instructions("Be brief.")
                .with_max_output_tokens(64)
                .with_temperature(0.2)
                .with_top_p(0.9)
                .with_store(false)
                .with_metadata("topic", "demo")
                .with_include("reasoning.encrypted_content"),
        ),
        ("a turn after another", hello().with_previous_response("resp_abc123")),
        ("a conversation", hello().with_conversation("conv_abc123").with_background(true)),
        (
            "reasoning",
            hello().with_reasoning_effort(ReasoningEffort::Low).with_reasoning_summary("concise"),
        ),
        ("a schema", hello().with_text_format(TextFormat::json_schema("place", schema))),
        (
            "a function",
            hello()
                .with_tools([weather.clone()])
                .with_tool_choice("auto")
                .with_parallel_tool_calls(false),
        ),
        (
            "a strict function, and a tool of the server's",
            hello().with_tools([
                ResponseTool::from(weather.with_strict(true)),
                json!({"type": "web_search"}).into(),
            ]),
        ),
        ("items", ResponseRequest::new("gpt-5.4", turns)),
        ("a message of parts", ResponseRequest::new("gpt-5.4", parts)),
    ]
}
