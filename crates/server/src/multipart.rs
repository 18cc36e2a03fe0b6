//! Forms with files in them ([RFC 7578](https://www.rfc-editor.org/rfc/rfc7578)), as they come in.

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt;
use memchr::memmem;

/// A form, read part by part.
#[derive(Debug)]
pub(crate) struct Multipart {
    body: BodyDataStream,
    /// What has come and has not been given out.
    buffer: Vec<u8>,
    /// What ends a part: a line break, two hyphens, the boundary.
    delimiter: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Within,
    AfterDelimiter,
    AtEnd,
}

/// What stands above a part's content.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
}

/// A form that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the form ended before it was complete")]
    CutShort,
    #[error("the form is malformed: {0}")]
    Malformed(&'static str),
}

impl Multipart {
    /// Gives the body back if the headers announce no form with a boundary.
    pub(crate) fn new(headers: &HeaderMap, body: Body) -> Result<Self, Body> {
        let Some(boundary) = boundary(headers) else { return Err(body) };
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter has no line break before it unless something precedes the form.
        let (body, buffer) = (body.into_data_stream(), b"\r\n".to_vec());
        Ok(Self { body, buffer, delimiter, place: Place::Within })
    }

    /// What has not been read of the body.
    pub(crate) fn into_rest(self) -> BodyDataStream {
        self.body
    }

    /// Goes on to the next part, past what is left of this one; `None` after the last.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Part>, Fault> {
        while self.chunk().await?.is_some() {}
        if self.place == Place::AtEnd {
            return Ok(None);
        }
        self.fill(2).await?;
        if self.buffer.starts_with(b"--") {
            self.place = Place::AtEnd;
            self.buffer.clear();
            // What comes after the form means nothing, but is taken off the connection.
            while let Some(Ok(_)) = self.body.next().await {}
            return Ok(None);
        }
        if !self.line().await?.trim_ascii().is_empty() {
            return Err(Fault::Malformed("a boundary does not end its line"));
        }
        let mut part = Part::default();
        let mut length = 0;
        loop {
            let line = self.line().await?;
            length += line.len();
            if length > MAX_HEADERS {
                return Err(Fault::Malformed("the headers of a part are too long"));
            }
            if line.is_empty() {
                self.place = Place::Within;
                return Ok(Some(part));
            }
            let line = String::from_utf8(line);
            let line = line.map_err(|_| Fault::Malformed("a header is not UTF-8"))?;
            if let Some((name, value)) = line.split_once(':')
                && name.trim().eq_ignore_ascii_case("content-disposition")
            {
                part = disposition(value);
            }
        }
    }

    /// The next piece of this part's content; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        if self.place != Place::Within {
            return Ok(None);
        }
        loop {
            if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                if at > 0 {
                    return Ok(Some(self.buffer.drain(..at).collect()));
                }
                self.buffer.drain(..self.delimiter.len());
                self.place = Place::AfterDelimiter;
                return Ok(None);
            }
            // The end of the buffer may be the beginning of a delimiter.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if safe > 0 {
                let rest = self.buffer.split_off(safe);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            self.more().await?;
        }
    }

    /// The whole content of this part, unless it is longer than `limit` bytes.
    pub(crate) async fn text(&mut self, limit: usize) -> Result<String, Fault> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend(chunk);
            if whole.len() > limit {
                return Err(Fault::Malformed("a field is too long"));
            }
        }
        String::from_utf8(whole).map_err(|_| Fault::Malformed("a field is not UTF-8"))
    }

    async fn line(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(at) = memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.drain(..at).collect();
                self.buffer.drain(..2);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEADERS {
                return Err(Fault::Malformed("the headers of a part are too long"));
            }
            self.more().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> Result<(), Fault> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Fault> {
        match self.body.next().await {
            Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
            Some(Err(_)) | None => return Err(Fault::CutShort),
        }
        Ok(())
    }
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = value.split_once(';')?;
    let parameters = parameters_of(parameters);
    let (_, boundary) = parameters.into_iter().find(|(name, _)| name == "boundary")?;
    let is_form = kind.trim().eq_ignore_ascii_case("multipart/form-data");
    (is_form && (1..=MAX_BOUNDARY).contains(&boundary.len())).then_some(boundary)
}

/// A part's name and the name of its file.
fn disposition(value: &str) -> Part {
    let mut part = Part::default();
    let (_, parameters) = value.split_once(';').unwrap_or_default();
    let mut extended = None;
    for (name, value) in parameters_of(parameters) {
        match name.as_str() {
            "name" => part.name = value,
            "filename" => part.filename = Some(value),
            "filename*" => extended = value.rsplit('\'').next().map(percent_decoded),
            _ => {}
        }
    }
    // RFC 6266: who sends both means the extended one.
    part.filename = extended.or(part.filename);
    part
}

/// `a=b; c="d; e"` as pairs, the names in lower case.
fn parameters_of(mut text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let name = name.trim_matches([' ', '\t', ';']).to_ascii_lowercase();
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, rest) = rest.split_once(';').unwrap_or((rest, ""));
                (value.trim().to_owned(), rest)
            }
        };
        pairs.push((name, value));
        text = rest;
    }
    pairs
}

/// A quoted text, of which the opening quote is gone, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, character) in text.char_indices() {
        match character {
            '"' if !escaped => return (value, &text[at + 1..]),
            // Browsers send a backslash as it is, so it only escapes what must be escaped.
            '\\' if !escaped && text[at + 1..].starts_with(['"', '\\']) => escaped = true,
            other => {
                value.push(other);
                escaped = false;
            }
        }
    }
    (value, "")
}

fn percent_decoded(text: &str) -> String {
    let text = text.replace('+', "%2B").replace('&', "%26");
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs.next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

const MAX_BOUNDARY: usize = 200;
const MAX_HEADERS: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    type Parts = Vec<(Part, Vec<u8>)>;

    /// Reads a form that comes in pieces of the given sizes, used in turn.
    fn read(form: &[u8], sizes: &[usize]) -> Result<Parts, Fault> {
        let (mut pieces, mut rest) = (Vec::new(), form);
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "multipart/form-data; boundary=\"b o\"".parse().unwrap());
        let body = Body::from_stream(stream::iter(pieces));
        let mut form = Multipart::new(&headers, body).unwrap();
        futures_util::FutureExt::now_or_never(async move {
            let mut parts = Vec::new();
            while let Some(part) = form.next_part().await? {
                let mut content = Vec::new();
                while let Some(chunk) = form.chunk().await? {
                    content.extend(chunk);
                }
                parts.push((part, content));
            }
            Ok(parts)
        })
        .unwrap()
    }

    fn part(name: &str, filename: Option<&str>) -> Part {
        Part { name: name.to_owned(), filename: filename.map(str::to_owned) }
    }

    fn form(contents: &[Vec<u8>]) -> Vec<u8> {
        let mut form = Vec::new();
        for content in contents {
            form.extend(b"--b o\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n");
            form.extend(content);
            form.extend(b"\r\n");
        }
        form.extend(b"--b o--\r\n");
        form
    }

    #[test]
    fn the_names_of_parts_and_files_are_read_in_every_form() {
        for (header, expected) in [
            ("name=purpose", part("purpose", None)),
            ("name=\"a\"; filename=\"b; c.jsonl\"", part("a", Some("b; c.jsonl"))),
            ("name=\"a\\\"b\"; filename=\"c:\\d\"", part("a\"b", Some("c:\\d"))),
            ("name=a; filename=\"?\"; filename*=UTF-8''%D1%8F+%26", part("a", Some("я+&"))),
            ("name=\"открыт", part("открыт", None)),
            ("", part("", None)),
        ] {
            assert_eq!(disposition(&format!("form-data; {header}")), expected, "{header}");
        }
    }

    #[test]
    fn what_looks_like_a_delimiter_is_content() {
        let contents = vec![b"\r\n--b x\r\n--b \r\n".to_vec(), Vec::new(), b"--b o".to_vec()];
        for size in 1..20 {
            let parts = read(&form(&contents), &[size]).unwrap();
            assert_eq!(parts.into_iter().map(|(_, c)| c).collect::<Vec<_>>(), contents);
        }
    }

    #[test]
    fn a_form_cut_anywhere_is_refused() {
        let whole = form(&[b"content".to_vec()]);
        let end = whole.len() - 2;
        for cut in 0..end {
            assert_eq!(read(&whole[..cut], &[5]), Err(Fault::CutShort), "{cut}");
        }
        assert_eq!(read(&whole[..end], &[5]).unwrap().len(), 1);
    }

    #[test]
    fn headers_without_end_are_refused() {
        let mut form = b"--b o\r\n".to_vec();
        form.extend(vec![b'x'; MAX_HEADERS + 10]);
        assert!(matches!(read(&form, &[1000]), Err(Fault::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_content_comes_through_in_any_pieces(
            contents in prop::collection::vec(
                prop::collection::vec(prop::sample::select(b"\r\n-b ox".to_vec()), 0..40), 0..4),
            sizes in prop::collection::vec(1..30usize, 1..5),
        ) {
            // A delimiter in the content ends it; senders choose one that is not.
            prop_assume!(contents.iter().all(|c| memmem::find(c, b"--b o").is_none()));
            let parts = read(&form(&contents), &sizes).unwrap();
            prop_assert_eq!(parts.into_iter().map(|(_, c)| c).collect::<Vec<_>>(), contents);
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n-b o:;=\"".to_vec()), 0..99),
            sizes in prop::collection::vec(1..30usize, 1..5),
        ) {
            let _ = read(&bytes, &sizes);
        }
    }
}
