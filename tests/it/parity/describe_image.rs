use facade::{DescribeImage, ImageSource};

use crate::support::{completion, embedded, example, hosted, scripted};

#[tokio::test]
async fn the_real_media_type_is_sent() {
    for (file, kind) in [("images/lake.jpg", "image/jpeg"), ("images/badge.png", "image/png")] {
        let server = scripted([completion("{}")]).await;
        let model = hosted(&server).build().unwrap();
        model.describe_image(example(file)).await.unwrap();
        let sent = server.requests()[0].json();
        let parts = sent["messages"].as_array().unwrap().last().unwrap()["content"].clone();
        let url = parts[1]["image_url"]["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("data:{kind};base64,")), "{file}");
        assert_eq!(parts[0]["text"], "What's in this image?");
        assert_eq!(
            (sent["max_tokens"].as_u64(), sent["temperature"].as_f64()),
            (Some(800), Some(0.0))
        );
    }
}

#[tokio::test]
async fn a_fenced_reply_is_json_and_the_raw_text_is_there() {
    let server = scripted([completion("```json\n{\"what\": \"a lake\"}\n```")]).await;
    let model = hosted(&server).build().unwrap();
    let description = model.describe_image("https://images.example/lake.jpg").await.unwrap();
    assert_eq!(description.json.unwrap()["what"], "a lake");
    assert!(description.text.starts_with("```"));
}

#[tokio::test]
async fn an_image_that_is_text_is_refused_before_any_request() {
    let server = scripted([]).await;
    let model = hosted(&server).build().unwrap();
    let error = model.describe_image(example("images/not-an-image.jpg")).await.unwrap_err();
    assert!(error.to_string().contains("PNG"), "it names what would do: {error}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn the_embedded_engine_answers_from_the_pixels_and_says_so() {
    let (_home, builder) = embedded();
    let model = builder.build().unwrap();
    let bytes = std::fs::read(example("images/lake.jpg")).unwrap();
    for image in [ImageSource::from(example("images/lake.jpg")), ImageSource::from(bytes)] {
        let description = model.describe_image(DescribeImage::new(image)).await.unwrap();
        let json = description.json.unwrap();
        assert_eq!(json["vision_model"], false);
        assert_eq!((json["width"].as_u64(), json["height"].as_u64()), (Some(640), Some(427)));
        assert_eq!(json["orientation"], "landscape");
    }
}
