//! Asks one question and prints the answer.

use std::error::Error;

use genai::Client;
use genai::chat::{ChatMessage, ChatRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::default();
    let request = ChatRequest::new(vec![ChatMessage::user("What is a seam?")]);
    let response = client.exec_chat("gpt-4o-mini", request, None).await?;
    println!("{}", response.into_first_text().unwrap_or_default());
    Ok(())
}
