//! What can be told of an image from its pixels alone, with no vision model.

mod colors;

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageFormat, ImageReader, Limits};
use openai_api::ApiError;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::image_facts::colors::{ColorShare, Samples};

/// The facts, as they are told in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ImageFacts {
    /// One sentence that says it all.
    pub(crate) description: String,
    /// `PNG`, `JPEG`, `WebP` or `GIF`.
    format: &'static str,
    /// Pixels, as the image is to be shown.
    width: u32,
    height: u32,
    /// `landscape`, `portrait` or `square`, as the image is to be shown.
    orientation: &'static str,
    /// Whether the file says that its pixels must be turned, which is done already.
    rotated_by_exif: bool,
    /// At most five, the most frequent first.
    dominant_colors: Vec<ColorShare>,
    brightness: Brightness,
    transparency: Transparency,
    /// When it was taken, or else when the file was made, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    vision_model: bool,
    note: &'static str,
}

/// How light the image is.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Brightness {
    /// 0 is black, 1 is white.
    value: f64,
    word: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Transparency {
    has_alpha: bool,
    /// The share of pixels that are more transparent than not, 0 to 1.
    transparent_share: f64,
}

/// Tells the facts of the image in a `data:` URL; `param` names its place in the request.
///
/// # Errors
///
/// [`ApiError::invalid_request`] with `param` if it is no image that can be read.
pub(crate) fn of_url(url: &str, param: &str) -> Result<ImageFacts> {
    let refuse = |problem: String| Error::from(ApiError::invalid_request(param, problem));
    let bytes = decode_url(url).map_err(refuse)?;
    of_bytes(&bytes).map_err(refuse)
}

fn decode_url(url: &str) -> Result<Vec<u8>, String> {
    let Some(rest) = url.strip_prefix("data:") else {
        return Err("the local engine fetches nothing; send the image itself as a \
                    data:image/…;base64 URL"
            .to_owned());
    };
    let Some((_, data)) = rest.split_once(',').filter(|(kind, _)| kind.ends_with(";base64")) else {
        return Err("the data URL must have the form data:image/…;base64,…".to_owned());
    };
    if data.len() > MOST_BASE64 {
        return Err(format!("the image is larger than {} MB", MOST_BASE64 >> 20));
    }
    STANDARD.decode(data.trim()).map_err(|error| format!("the data is not base64: {error}"))
}

fn of_bytes(bytes: &[u8]) -> Result<ImageFacts, String> {
    let format = image::guess_format(bytes).ok().and_then(|format| Some((format, name(format)?)));
    let Some((format, format_name)) = format else {
        return Err("this is not a PNG, JPEG, WebP or GIF image".to_owned());
    };
    let image = decode(bytes, format)
        .map_err(|error| format!("the {format_name} image cannot be read: {error}"))?;
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).ok();
    let turn = exif.as_ref().and_then(turn);
    let (mut width, mut height) = image.dimensions();
    if turn.is_some_and(swaps_sides) {
        (width, height) = (height, width);
    }
    let date = exif.as_ref().and_then(date);
    let samples = Samples::of(&image);
    let mut facts = ImageFacts {
        description: String::new(),
        format: format_name,
        width,
        height,
        orientation: match width.cmp(&height) {
            std::cmp::Ordering::Greater => "landscape",
            std::cmp::Ordering::Less => "portrait",
            std::cmp::Ordering::Equal => "square",
        },
        rotated_by_exif: turn.is_some_and(|turn| turn != Orientation::NoTransforms),
        dominant_colors: samples.dominant(),
        brightness: brightness(samples.brightness()),
        transparency: Transparency {
            has_alpha: image.color().has_alpha(),
            transparent_share: samples.transparent_share(),
        },
        date: date.as_ref().map(|(date, _)| date.clone()),
        vision_model: false,
        note: NOTE,
    };
    facts.description = describe(&facts, date.map_or("", |(_, word)| word));
    Ok(facts)
}

fn decode(bytes: &[u8], format: ImageFormat) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // A few bytes can claim to be a picture of gigabytes.
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS_A_SIDE);
    limits.max_image_height = Some(MOST_PIXELS_A_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    reader.decode()
}

fn name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png => Some("PNG"),
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Gif => Some("GIF"),
        _ => None,
    }
}

fn turn(exif: &exif::Exif) -> Option<Orientation> {
    let value = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)?;
    Orientation::from_exif(u8::try_from(value).ok()?)
}

fn swaps_sides(turn: Orientation) -> bool {
    matches!(
        turn,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// When the picture was taken, or else when the file was made, as `2024-05-01T12:30:00`; and the
/// words that tell which.
fn date(exif: &exif::Exif) -> Option<(String, &'static str)> {
    let field = |tag| exif.get_field(tag, exif::In::PRIMARY);
    let (field, words) = match field(exif::Tag::DateTimeOriginal) {
        Some(field) => (field, "taken on"),
        None => (field(exif::Tag::DateTime)?, "dated"),
    };
    let exif::Value::Ascii(texts) = &field.value else { return None };
    let date = exif::DateTime::from_ascii(texts.first()?).ok()?;
    let date = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year, date.month, date.day, date.hour, date.minute, date.second
    );
    Some((date, words))
}

fn brightness(value: f64) -> Brightness {
    let word = match value {
        v if v < 0.15 => "very dark",
        v if v < 0.35 => "dark",
        v if v < 0.65 => "medium",
        v if v < 0.85 => "bright",
        _ => "very bright",
    };
    Brightness { value: (value * 1000.0).round() / 1000.0, word }
}

fn describe(facts: &ImageFacts, date_words: &str) -> String {
    let article = if facts.orientation == "landscape" || facts.orientation == "portrait" {
        format!("A {} {} image", facts.orientation, facts.format)
    } else {
        format!("A square {} image", facts.format)
    };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut text = format!("{article} of {} × {} pixels", facts.width, facts.height);
    let colors = facts.dominant_colors.iter().take(3);
    let colors: Vec<_> = colors.map(|c| format!("{} ({})", c.name, percent(c.share))).collect();
    match &colors[..] {
        [] => {}
        [only] => text.push_str(&format!(", mostly {only}")),
        [first @ .., last] => {
            text.push_str(&format!(", mostly {} and {last}", first.join(", ")));
        }
    }
    text.push_str(&format!(", {} overall", facts.brightness.word));
    if facts.transparency.transparent_share > 0.0 {
        let share = percent(facts.transparency.transparent_share);
        text.push_str(&format!(", {share} of it transparent"));
    }
    if let Some(day) = facts.date.as_deref().and_then(|date| date.split('T').next()) {
        text.push_str(&format!(", {date_words} {day}"));
    }
    text.push('.');
    text
}

const NOTE: &str = "no vision model was used: these facts are computed from the pixels, and nothing \
                    in the picture was recognised";
const MOST_BASE64: usize = 32 << 20;
const MOST_PIXELS_A_SIDE: u32 = 16_384;
const MOST_MEMORY: u64 = 256 << 20;

#[cfg(test)]
mod tests;
