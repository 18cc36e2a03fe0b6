use facade::{DescribeImage, Error};
use openai_api::{ApiError, ChatRequest, Content, ContentPart};

use crate::support::Answering;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n rest of it";

fn image_url(request: &ChatRequest) -> String {
    let Some(Content::Parts(parts)) = &request.messages.last().unwrap().content else {
        panic!("{request:?}")
    };
    parts.iter().find_map(ContentPart::image).unwrap().url.clone()
}

#[tokio::test]
async fn the_media_type_is_read_from_the_bytes() {
    let (model, requests) = Answering::with(|_| Ok(r#"{"lake": true}"#.into())).build();
    let description = model.describe_image(PNG.to_vec()).await.unwrap();
    assert_eq!(description.json.unwrap()["lake"], true);
    assert!(image_url(&requests.lock().unwrap()[0]).starts_with("data:image/png;base64,"));
}

#[tokio::test]
async fn a_fenced_reply_is_json_and_its_raw_text_is_there() {
    let (model, _) = Answering::with(|_| Ok("```json\n{\"a\": 1}\n```".into())).build();
    let description = model.describe_image("https://a.example/b.png").await.unwrap();
    assert_eq!(description.json.unwrap()["a"], 1);
    assert!(description.text.starts_with("```json"));
}

#[tokio::test]
async fn a_server_without_structured_output_is_asked_without() {
    let (model, requests) = Answering::with(|request| match &request.response_format {
        Some(_) => Err(ApiError::invalid_request("response_format", "not here").into()),
        None => Ok("A lake.".into()),
    })
    .build();
    let ask = DescribeImage::new(PNG.to_vec()).with_prompt("What is it?");
    let description = model.describe_image(ask).await.unwrap();
    assert_eq!((description.text.as_str(), description.json), ("A lake.", None));
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_image_is_refused_before_any_request() {
    let (model, requests) = Answering::with(|_| Ok("never".into())).build();
    let text = model.describe_image(b"just text".to_vec()).await.unwrap_err();
    assert!(matches!(text, Error::Backend(openai_api::Error::InvalidRequest { .. })), "{text:?}");
    let missing = model.describe_image("no/such/file.png").await.unwrap_err();
    assert_eq!(missing.to_string(), "could not read the image no/such/file.png");
    assert_eq!(requests.lock().unwrap().len(), 0);
}
