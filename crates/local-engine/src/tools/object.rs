//! Reading the object of a call while it comes.

use serde_json::Value as Json;

use crate::tools::Dialect;

/// What is known of an object by its beginning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Too little.
    Open,
    /// It is no call of a tool.
    Other,
    /// The name, and where the arguments begin, which are an object.
    Begun { name: String, at: usize },
    /// All of it; it ends before this place.
    Whole { name: String, arguments: String, end: usize },
}

impl Head {
    /// Looks at a text that begins with `{`.
    pub(crate) fn read(text: &str, dialect: &Dialect, is_tool: impl Fn(&str) -> bool) -> Self {
        Self::try_read(text, dialect, is_tool).unwrap_or_else(|head| head)
    }

    fn try_read(
        text: &str,
        dialect: &Dialect,
        is_tool: impl Fn(&str) -> bool,
    ) -> Result<Self, Self> {
        let (mut name, mut arguments) = (None, None);
        let mut at = 1;
        loop {
            at = skip_space(text, at)?;
            if text[at..].starts_with('}') {
                break;
            }
            let (key, end) = value(text, at)?;
            let Json::String(key) = key else { return Err(Self::Other) };
            at = skip_space(text, end)?;
            if !text[at..].starts_with(':') {
                return Err(Self::Other);
            }
            at = skip_space(text, at + 1)?;
            let is_arguments = key == dialect.arguments || ARGUMENTS.contains(&&*key);
            if let (true, Some(name), true) = (is_arguments, &name, text[at..].starts_with('{')) {
                return Ok(Self::Begun { name: String::clone(name), at });
            }
            let (value, end) = value(text, at)?;
            if key == dialect.name {
                match value {
                    Json::String(called) if is_tool(&called) => name = Some(called),
                    _ => return Err(Self::Other),
                }
            } else if is_arguments {
                arguments = Some(match value {
                    // Some models write the object as a text.
                    Json::String(text) => text,
                    Json::Null => NO_ARGUMENTS.to_owned(),
                    _ => text[at..end].to_owned(),
                });
            }
            at = skip_space(text, end)?;
            match text.as_bytes()[at] {
                b',' => at += 1,
                b'}' => {}
                _ => return Err(Self::Other),
            }
        }
        let name = name.ok_or(Self::Other)?;
        let arguments = arguments.unwrap_or_else(|| NO_ARGUMENTS.to_owned());
        Ok(Self::Whole { name, arguments, end: at + 1 })
    }
}

/// Where the next character is that is no space.
fn skip_space(text: &str, from: usize) -> Result<usize, Head> {
    let rest = text[from..].trim_start_matches([' ', '\t', '\n', '\r']);
    if rest.is_empty() { Err(Head::Open) } else { Ok(text.len() - rest.len()) }
}

/// The value that begins at a place, and where it ends.
fn value(text: &str, at: usize) -> Result<(Json, usize), Head> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter();
    match values.next() {
        Some(Ok(value)) => {
            let end = at + values.byte_offset();
            // Of a number more digits may come.
            if end == text.len()
                && !matches!(value, Json::String(_) | Json::Array(_) | Json::Object(_))
            {
                return Err(Head::Open);
            }
            Ok((value, end))
        }
        Some(Err(error)) if error.is_eof() => Err(Head::Open),
        _ => Err(Head::Other),
    }
}

/// Finds the end of an object, of which pieces come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Ending {
    /// For an object whose first brace was taken already.
    pub(crate) fn inside() -> Self {
        Self { depth: 1, ..Self::default() }
    }

    /// Takes the next piece; tells where the object ends in it, if it does.
    pub(crate) fn find(&mut self, piece: &str) -> Option<usize> {
        for (place, byte) in piece.bytes().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(place + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// What models call the arguments, whatever their template does.
const ARGUMENTS: [&str; 2] = ["arguments", "parameters"];
const NO_ARGUMENTS: &str = "{}";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Head {
        let dialect = Dialect {
            before: String::new(),
            after: String::new(),
            name: "name".to_owned(),
            arguments: "arguments".to_owned(),
        };
        Head::read(text, &dialect, |name| name == "depth")
    }

    fn whole(text: &str, arguments: &str) {
        let (name, arguments) = ("depth".to_owned(), arguments.to_owned());
        assert_eq!(read(text), Head::Whole { name, arguments, end: text.len() }, "{text}");
    }

    #[test]
    fn the_arguments_may_come_as_they_are_once_the_name_is_known() {
        let text = r#"{ "name": "depth", "arguments": {"of""#;
        assert_eq!(read(text), Head::Begun { name: "depth".to_owned(), at: 32 });
        assert_eq!(&text[32..33], "{");
        for end in 1..32 {
            assert_eq!(read(&text[..end]), Head::Open, "{end}");
        }
    }

    #[test]
    fn an_object_in_another_order_or_form_is_read_once_it_is_whole() {
        whole(r#"{"arguments": {"of": 1}, "name": "depth"}"#, r#"{"of": 1}"#);
        whole(r#"{"name": "depth", "id": 7, "parameters": "{\"of\": 1}"}"#, r#"{"of": 1}"#);
        whole(r#"{"name": "depth", "arguments": null}"#, "{}");
        whole(r#"{"name": "depth"}"#, "{}");
    }

    #[test]
    fn what_is_no_call_is_found_out_as_soon_as_it_shows() {
        for text in ["{}", "{a", r#"{"name": 1,"#, r#"{"name": "Ann""#, r#"{"age": 7}"#, "{\"a\" 1"]
        {
            assert_eq!(read(text), Head::Other, "{text}");
        }
        assert_eq!(read(r#"{"age": 7"#), Head::Open);
    }

    #[test]
    fn braces_within_texts_end_no_object() {
        let text = r#"{"a": "}\"}", "b": [{}]} rest"#;
        for cut in 0..text.len() {
            let mut ending = Ending::default();
            let end = ending.find(&text[..cut]);
            let end = end.or_else(|| ending.find(&text[cut..]).map(|end| cut + end));
            assert_eq!(end.map(|end| &text[end..]), Some(" rest"), "{cut}");
        }
        assert_eq!(Ending::inside().find("1}}"), Some(2));
    }
}
