//! Asks one question and prints the answer.

use std::error::Error;

use async_openai::Client;
use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::new();
    let message = ChatCompletionRequestUserMessage::from("What is a seam?");
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([message.into()])
        .build()?;
    let completion = client.chat().create(request).await?;
    let choice = completion.choices.into_iter().next().ok_or("no answer")?;
    println!("{}", choice.message.content.unwrap_or_default());
    Ok(())
}
