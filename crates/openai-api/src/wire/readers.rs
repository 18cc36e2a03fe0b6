//! Fields that are read from more than their own type: `by Reader` of a struct.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a text, for which some servers send parts: what the model thought goes beside it, and those
/// that are neither say nothing.
pub(crate) struct TextOfParts<'t>(pub(crate) &'t mut Option<String>);

impl<'de> DeserializeSeed<'de> for TextOfParts<'_> {
    type Value = Option<Option<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextOfParts<'_> {
    type Value = Option<Option<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or parts of one")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Some(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(Some(text)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let (mut text, mut thoughts) = (String::new(), String::new());
        while let Some(part) = parts.next_element::<Value>()? {
            match thought(&part) {
                Some(thought) => thoughts.push_str(&thought),
                None => text.push_str(part["text"].as_str().unwrap_or_default()),
            }
        }
        if thoughts.is_empty() {
            return Ok(Some(Some(text)));
        }
        // Where a field of their own tells them, they are not thought twice.
        self.0.get_or_insert(thoughts);
        Ok((!text.is_empty()).then_some(Some(text)))
    }
}

/// What the model thought, if that is what a part of a content tells.
///
/// Mistral's thoughts are [parts themselves](https://docs.mistral.ai/capabilities/reasoning), as those
/// of Databricks are, which has another name for them; Anthropic's are a text.
pub(crate) fn thought(part: &Value) -> Option<String> {
    match part.get("thinking").or_else(|| part.get("summary"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|it| it["text"].as_str()).collect()),
        _ => None,
    }
}

/// Reads JSON as a text, which some servers send as it is.
pub(crate) struct JsonText;

impl<'de> DeserializeSeed<'de> for JsonText {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonText {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON as a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let object = Map::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Some(Value::Object(object).to_string()))
    }
}
