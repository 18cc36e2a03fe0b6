//! Describes an image through any OpenAI-compatible server, with this crate and no other.
//!
//! ```text
//! OPENAI_API_KEY=… cargo run -p openai-api --example describe_image -- photo.jpg
//! OPENAI_BASE_URL=http://127.0.0.1:8080/v1 cargo run -p openai-api --example describe_image -- photo.png attune-tiny
//! ```

use std::error::Error;
use std::io::Write as _;

use openai_api::{ChatBackend as _, ChatRequest, Client, ContentPart, ImageUrl, Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: describe_image PATH [MODEL]")?;
    let model = arguments.next().unwrap_or_else(|| "gpt-4o".to_owned());

    let image = ImageUrl::from_bytes(&std::fs::read(path)?)?;
    let question =
        vec![ContentPart::from_text("What's in this image?"), ContentPart::from_image(image)];
    let request = ChatRequest::new(model, vec![Message::user(question)]).with_max_tokens(300);

    let answer = Client::from_env()?.complete(request).await?;
    writeln!(std::io::stdout(), "{}", answer.text())?;
    Ok(())
}
