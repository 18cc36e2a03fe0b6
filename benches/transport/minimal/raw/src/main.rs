//! Asks one question and prints the answer.

use std::error::Error;

use serde::{Deserialize, Serialize};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let key = std::env::var("OPENAI_API_KEY")?;
    let request = Request {
        model: "gpt-4o-mini",
        messages: vec![Message { role: "user".into(), content: Some("What is a seam?".into()) }],
    };
    let response = http
        .post("https://api.openai.com/v1/chat/completions")
        .bearer_auth(key)
        .json(&request)
        .send()
        .await?;
    let completion: Completion = response.error_for_status()?.json().await?;
    let choice = completion.choices.into_iter().next().ok_or("no answer")?;
    println!("{}", choice.message.content.unwrap_or_default());
    Ok(())
}

#[derive(Serialize)]
struct Request {
    model: &'static str,
    messages: Vec<Message>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    role: String,
    content: Option<String>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}
