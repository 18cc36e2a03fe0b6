//! `/embeddings` and `/moderations`.

use serde_json::json;

use super::serve;
use crate::testing::Reply;
use crate::{ContentPart, EmbeddingFormat, EmbeddingRequest, Error, ImageUrl, ModerationRequest};

#[tokio::test]
async fn texts_are_embedded_however_the_vectors_are_sent() {
    let (server, client) = serve([
        Reply::json(
            200,
            json!({"data": [{"index": 0, "embedding": "AACAPwAAAL8="}], "model": "m"}),
        ),
        Reply::json(
            200,
            json!({"data": [{"embedding": [1, -0.5]}], "usage": {"prompt_tokens": 3}}),
        ),
    ])
    .await;
    let request = EmbeddingRequest::new("m", vec!["a", "b"])
        .with_dimensions(2)
        .with_encoding_format(EmbeddingFormat::Base64);
    let embeddings = client.embed(request).await.unwrap();
    assert_eq!(*embeddings.data[0].embedding, [1.0, -0.5]);
    let sent = &server.requests()[0];
    assert_eq!(sent.path(), "/v1/embeddings");
    let expected =
        json!({"model": "m", "input": ["a", "b"], "dimensions": 2, "encoding_format": "base64"});
    assert_eq!(sent.json(), expected);
    let again = client.embed(EmbeddingRequest::new("m", "a")).await.unwrap();
    assert_eq!(again.data[0].embedding.clone().into_vec(), [1.0, -0.5]);
    assert_eq!(again.usage.unwrap().prompt_tokens, 3);
}

#[tokio::test]
async fn vectors_that_are_not_there_are_no_empty_answer() {
    let replies = [json!({"object": "list"}), json!({"data": [{"index": 0}]})];
    let (_server, client) = serve(replies.map(|body| Reply::json(200, body))).await;
    for _ in 0..2 {
        let error = client.embed(EmbeddingRequest::new("m", "a")).await.unwrap_err();
        assert!(matches!(error, Error::Decode { what: "embeddings", .. }), "{error:?}");
    }
}

#[tokio::test]
async fn texts_and_images_are_looked_at() {
    let result = json!({"flagged": true, "categories": {"violence": true}});
    let (server, client) = serve([Reply::json(200, json!({"results": [result]}))]).await;
    let parts = vec![
        ContentPart::from_text("a"),
        ContentPart::from_image(ImageUrl::new("https://example.com/a.png")),
    ];
    let request = ModerationRequest::new(parts).with_model("omni-moderation-latest");
    let moderation = client.moderate(request).await.unwrap();
    assert!(moderation.is_flagged());
    let sent = &server.requests()[0];
    assert_eq!(sent.path(), "/v1/moderations");
    assert_eq!(
        sent.json(),
        json!({
            "model": "omni-moderation-latest",
            "input": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        })
    );
}
