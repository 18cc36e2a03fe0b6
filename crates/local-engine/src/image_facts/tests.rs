use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Three quarters blue above one quarter of white.
fn sky() -> DynamicImage {
    RgbImage::from_fn(40, 20, |_, y| if y < 15 { Rgb([20, 60, 225]) } else { Rgb([255; 3]) }).into()
}

#[test]
fn the_facts_of_a_plain_image_are_exact() {
    let facts = of_bytes(&encoded(&sky(), ImageFormat::Png)).unwrap();
    expect_test::expect![[r##"
        {
          "description": "A landscape PNG image of 40 × 20 pixels, mostly blue (75 %) and white (25 %), medium overall.",
          "format": "PNG",
          "width": 40,
          "height": 20,
          "orientation": "landscape",
          "rotated_by_exif": false,
          "dominant_colors": [
            {
              "name": "blue",
              "hex": "#143ce1",
              "share": 0.75
            },
            {
              "name": "white",
              "hex": "#ffffff",
              "share": 0.25
            }
          ],
          "brightness": {
            "value": 0.436,
            "word": "medium"
          },
          "transparency": {
            "has_alpha": false,
            "transparent_share": 0.0
          },
          "vision_model": false,
          "note": "no vision model was used: these facts are computed from the pixels, and nothing in the picture was recognised"
        }"##]]
    .assert_eq(&serde_json::to_string_pretty(&facts).unwrap());
}

#[test]
fn every_format_is_known_by_its_bytes() {
    for (format, name) in [
        (ImageFormat::Png, "PNG"),
        (ImageFormat::Jpeg, "JPEG"),
        (ImageFormat::WebP, "WebP"),
        (ImageFormat::Gif, "GIF"),
    ] {
        let facts = of_bytes(&encoded(&sky(), format)).unwrap();
        assert_eq!((facts.format, facts.width, facts.height), (name, 40, 20));
        assert_eq!(facts.dominant_colors[0].name, "blue");
    }
}

#[test]
fn transparency_is_told_as_a_share() {
    let image = RgbaImage::from_fn(10, 20, |x, _| Rgba([255, 0, 0, if x < 3 { 0 } else { 255 }]));
    let facts = of_bytes(&encoded(&image.into(), ImageFormat::Png)).unwrap();
    assert_eq!(facts.orientation, "portrait");
    assert!(facts.transparency.has_alpha);
    assert_eq!(facts.transparency.transparent_share, 0.3);
    assert_eq!(facts.dominant_colors.len(), 1);
}

/// A JPEG's EXIF segment with an orientation and a date.
fn exif_segment(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    tiff.extend([0x32, 0x01, 2, 0, 20, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend([0, 0, 0, 0]);
    tiff.extend(b"2024:05:01 12:30:05\0");
    let mut segment = vec![0xff, 0xe1];
    segment.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(tiff);
    segment
}

#[test]
fn the_exif_orientation_is_applied_and_its_date_told() {
    let mut bytes = encoded(&sky(), ImageFormat::Jpeg);
    bytes.splice(2..2, exif_segment(6));
    let facts = of_bytes(&bytes).unwrap();
    assert_eq!((facts.width, facts.height, facts.orientation), (20, 40, "portrait"));
    assert!(facts.rotated_by_exif);
    assert_eq!(facts.date.as_deref(), Some("2024-05-01T12:30:05"));
    assert!(facts.description.ends_with(", dated 2024-05-01."), "{}", facts.description);
}

#[track_caller]
fn refused(url: &str) -> String {
    let error: openai_api::Error = of_url(url, "messages[0].content[1]").unwrap_err().into();
    let api = error.as_api().unwrap();
    assert_eq!((api.status, api.param.as_deref()), (400, Some("messages[0].content[1]")));
    api.message.clone()
}

fn url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

#[test]
fn what_is_no_image_is_refused_with_its_place() {
    assert_eq!(refused(&url(b"hello, this is text")), "this is not a PNG, JPEG, WebP or GIF image");
    let whole = encoded(&sky(), ImageFormat::Png);
    assert!(refused(&url(&whole[..60])).starts_with("the PNG image cannot be read: "));
    assert!(refused("https://example.com/a.png").starts_with("the local engine fetches nothing"));
    assert!(refused("data:image/png,abc").starts_with("the data URL must have the form"));
    assert!(refused("data:image/png;base64,%%%").starts_with("the data is not base64"));
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused() {
    let mut bytes = encoded(&sky(), ImageFormat::Gif);
    bytes[6..10].copy_from_slice(&[0xff; 4]);
    assert!(refused(&url(&bytes)).starts_with("the GIF image cannot be read"));
}
