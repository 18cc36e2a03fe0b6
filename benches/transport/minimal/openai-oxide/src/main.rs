//! Asks one question and prints the answer.

use std::error::Error;

use openai_oxide::OpenAI;
use openai_oxide::types::chat::{ChatCompletionMessageParam, ChatCompletionRequest, UserContent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = OpenAI::from_env()?;
    let content = UserContent::Text("What is a seam?".to_owned());
    let message = ChatCompletionMessageParam::User { content, name: None };
    let request = ChatCompletionRequest::new("gpt-4o-mini", vec![message]);
    let completion = client.chat().completions().create(request).await?;
    let choice = completion.choices.into_iter().next().ok_or("no answer")?;
    println!("{}", choice.message.content.unwrap_or_default());
    Ok(())
}
