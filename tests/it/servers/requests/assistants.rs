use openai_api::{AssistantSettings, Client, Tool};
use serde_json::json;

use super::{Sent, send};

/// Every request about assistants.
pub async fn assistants(client: &Client) -> Vec<Sent> {
    const ID: &str = "asst_abc123";

    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let settings = AssistantSettings::new("gpt-4o")
        .with_name("Guide")
        .with_instructions("Be brief.")
        .with_tools(vec![Tool::function("weather", "The weather in a city", parameters)])
        .with_metadata("topic", "demo");
    let one = |method: &str| format!("{method} /assistants/{{assistant_id}}");
    vec![
        send("POST /assistants", client.create_assistant(&settings)).await,
        send("GET /assistants", client.assistants().limit(2).after(ID)).await,
        send(&one("GET"), client.assistant(ID)).await,
        send(&one("POST"), client.update_assistant(ID, &settings)).await,
        send(&one("DELETE"), client.delete_assistant(ID)).await,
    ]
}
