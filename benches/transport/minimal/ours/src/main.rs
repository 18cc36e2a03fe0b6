//! Asks one question and prints the answer.

use openai_api::{ChatBackend as _, ChatRequest, Client, Message};

#[tokio::main]
async fn main() -> Result<(), openai_api::Error> {
    let client = Client::from_env()?;
    let request = ChatRequest::new("gpt-4o-mini", vec![Message::user("What is a seam?")]);
    println!("{}", client.complete(request).await?.text());
    Ok(())
}
