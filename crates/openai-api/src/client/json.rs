//! Requests as JSON, without a second copy of the images within.

use bytes::Bytes;
use memchr::memmem;
use serde::Serialize;

use crate::chat::ChatRequest;
use crate::client::body::{Body, Piece};
use crate::error::{Error, Result};
use crate::message::{Content, ContentPart, KnownPart};
#[cfg(feature = "moderations")]
use crate::moderation::{ModerationInput, ModerationRequest};
#[cfg(feature = "responses")]
use crate::response::{
    ResponseContent, ResponseInput, ResponseItem, ResponsePart, ResponseRequest,
};

/// A request as it is sent.
pub(super) fn body<T: Serialize + ?Sized>(request: &T) -> Result<Body> {
    Ok(write(request)?.into())
}

/// A chat request as it is sent; long `data:` URLs go out of the memory they lie in.
pub(super) fn chat_body(request: &mut ChatRequest) -> Result<Body> {
    let parts = request.messages.iter_mut().filter_map(|message| match &mut message.content {
        Some(Content::Parts(parts)) => Some(parts),
        _ => None,
    });
    let lifted = lift(parts.flatten().filter_map(image_url));
    lifted_body(request, lifted)
}

/// A request to look at images as it is sent; long `data:` URLs go out of the memory they lie in.
#[cfg(feature = "moderations")]
pub(super) fn moderation_body(request: &mut ModerationRequest) -> Result<Body> {
    let parts = match &mut request.input {
        ModerationInput::Parts(parts) => parts.as_mut_slice(),
        _ => &mut [],
    };
    let lifted = lift(parts.iter_mut().filter_map(image_url));
    lifted_body(request, lifted)
}

fn image_url(part: &mut ContentPart) -> Option<&mut String> {
    match part {
        ContentPart::Known(KnownPart::ImageUrl { image_url, .. }) => Some(&mut image_url.url),
        _ => None,
    }
}

/// A request for a response as it is sent; long `data:` URLs go out of the memory they lie in.
#[cfg(feature = "responses")]
pub(super) fn response_body(request: &mut ResponseRequest) -> Result<Body> {
    let items = match &mut request.input {
        Some(ResponseInput::Items(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    let contents = items.iter_mut().filter_map(|item| match item {
        ResponseItem::Message(message) => Some(&mut message.content),
        ResponseItem::FunctionCallOutput(output) => Some(&mut output.output),
        _ => None,
    });
    let parts = contents.filter_map(|content| match content {
        ResponseContent::Parts(parts) => Some(parts),
        _ => None,
    });
    let urls = parts.flatten().filter_map(|part| match part {
        ResponsePart::InputImage(image) => image.image_url.as_mut(),
        ResponsePart::InputFile(file) => file.file_data.as_mut(),
        _ => None,
    });
    let lifted = lift(urls);
    lifted_body(request, lifted)
}

/// Takes long texts out and leaves a mark in the place of each.
pub(super) fn lift<'t>(texts: impl Iterator<Item = &'t mut String>) -> Vec<(String, Bytes)> {
    texts
        .filter(|text| text.len() > LONGEST_COPIED && is_plain(text))
        .map(|text| {
            let mark = format!("attune-{:032x}", fastrand::u128(..));
            let text = std::mem::replace(text, mark.clone());
            (mark, Bytes::from(text))
        })
        .collect()
}

/// A request as it is sent, with what was taken out of it in its places.
pub(super) fn lifted_body<T: Serialize + ?Sized>(
    request: &T,
    lifted: Vec<(String, Bytes)>,
) -> Result<Body> {
    let mut rest = Bytes::from(write(request)?);
    let mut pieces = Vec::with_capacity(2 * lifted.len() + 1);
    for (mark, text) in lifted {
        let Some(place) = memmem::find(&rest, mark.as_bytes()) else {
            return Err(Error::invalid("request", "leaves out an image of its own"));
        };
        pieces.push(Piece::Memory(rest.split_to(place)));
        pieces.push(Piece::Memory(text));
        rest = rest.split_off(mark.len());
    }
    pieces.push(Piece::Memory(rest));
    Ok(Body::new(pieces))
}

fn write<T: Serialize + ?Sized>(request: &T) -> Result<Vec<u8>> {
    let mut json = Vec::with_capacity(USUAL_SIZE);
    serde_json::to_writer(&mut json, request).map_err(|error| Error::no_json(&error))?;
    Ok(json)
}

/// Whether JSON writes a text as it is.
pub(super) fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
}

/// What most requests fit into, in bytes.
const USUAL_SIZE: usize = 1024;

/// What is shorter is copied; it costs less than the pieces would.
const LONGEST_COPIED: usize = 256 * 1024;
