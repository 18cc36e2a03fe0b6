use openai_api::{ChatBackend, ChatRequest, ContentPart, ImageUrl, Message};

use crate::support::{client, completion, example, scripted};

/// The worked example of `openai-api` does the same from the command line.
#[tokio::test]
async fn the_transport_crate_alone_asks_and_returns_the_answer() {
    let server = scripted([completion("A lake between mountains.")]).await;
    let image = ImageUrl::from_bytes(&std::fs::read(example("images/lake.jpg")).unwrap()).unwrap();
    let parts =
        vec![ContentPart::from_text("What’s in this image?"), ContentPart::from_image(image)];
    let request = ChatRequest::new("gpt-4o", vec![Message::user(parts)]).with_max_tokens(300);
    let answer = client(&server).complete(request).await.unwrap();
    assert_eq!(answer.text(), "A lake between mountains.");
    assert_eq!(server.requests()[0].json()["max_tokens"], 300);
}
