use openai_api::{
    Client, ContentPart, EmbeddingFormat, EmbeddingInput, EmbeddingRequest, ImageUrl,
    ModerationRequest,
};

use super::{Sent, send};

/// Every request for embeddings.
pub async fn embeddings(client: &Client) -> Vec<Sent> {
    const MODEL: &str = "text-embedding-3-small";

    let tokens = || EmbeddingInput::TokenLists(vec![vec![1, 2], vec![3]]);
    let requests = [
        EmbeddingRequest::new(MODEL, "a lake"),
        EmbeddingRequest::new(MODEL, vec!["a lake", "a river"]).with_dimensions(256),
        EmbeddingRequest::new(MODEL, EmbeddingInput::Tokens(vec![1, 2, 3])),
        EmbeddingRequest::new(MODEL, tokens()).with_encoding_format(EmbeddingFormat::Float),
        EmbeddingRequest::new(MODEL, "a lake").with_encoding_format(EmbeddingFormat::Base64),
    ];
    let mut sent = Vec::new();
    for request in requests {
        sent.push(send("POST /embeddings", client.embed(request)).await);
    }
    sent
}

/// Every request for moderation.
pub async fn moderations(client: &Client) -> Vec<Sent> {
    let image = ContentPart::from_image(ImageUrl::new("https://example.com/image.png"));
    let requests = [
        ModerationRequest::new("a lake"),
        ModerationRequest::new(vec!["a lake".to_owned(), "a river".to_owned()]),
        ModerationRequest::new(vec![ContentPart::from_text("a lake"), image])
            .with_model("omni-moderation-latest"),
    ];
    let mut sent = Vec::new();
    for request in requests {
        sent.push(send("POST /moderations", client.moderate(request)).await);
    }
    sent
}
