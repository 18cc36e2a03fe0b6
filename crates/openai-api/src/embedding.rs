//! Embeddings: texts as vectors.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chat::Usage;
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::shown::shows_no_text;
use crate::wire::{Field as _, plain_field, wire};

wire! {
    /// A request for embeddings.
    pub struct EmbeddingRequest {
        /// Which model to ask.
        pub model: ModelId = required,
        /// What to embed.
        pub input: EmbeddingInput = required,
        /// How many dimensions the vectors shall have, where the model lets one choose.
        pub dimensions: Option<u32>,
        /// How the vectors are sent.
        pub encoding_format: Option<EmbeddingFormat>,
        /// Who asks, for the server to tell its users apart.
        pub user: Option<String>,
    }
}

impl EmbeddingRequest {
    /// Embeds `input`: a text, or several at once.
    pub fn new(model: impl Into<ModelId>, input: impl Into<EmbeddingInput>) -> Self {
        Self { model: model.into(), input: input.into(), ..Self::blank() }
    }

    /// Sets how many dimensions the vectors shall have.
    #[must_use]
    pub fn with_dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Sets how the vectors are sent; base64 is a quarter of the size, and what comes is read
    /// whichever it is.
    #[must_use]
    pub fn with_encoding_format(mut self, format: EmbeddingFormat) -> Self {
        self.encoding_format = Some(format);
        self
    }
}

open_enum! {
    /// How vectors are sent.
    pub enum EmbeddingFormat {
        /// As numbers; the default.
        Float = "float",
        /// As the bytes of the numbers in base64.
        Base64 = "base64",
    }
}

/// What to embed; each text gives one vector.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One text as tokens of the model's.
    Tokens(Vec<u32>),
    /// Several texts as tokens of the model's.
    TokenLists(Vec<Vec<u32>>),
}

shows_no_text! { EmbeddingInput }

plain_field! {
    EmbeddingInput: Self::Text(String::new()) => |_| false,
}

impl From<&str> for EmbeddingInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for EmbeddingInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<String>> From<Vec<T>> for EmbeddingInput {
    fn from(texts: Vec<T>) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }
}

wire! {
    /// The vectors of a request.
    pub struct Embeddings = "list" {
        /// The vectors, in the order of the texts.
        pub data: Vec<Embedding> = required,
        /// The model that made them.
        pub model: ModelId = stated,
        /// How many tokens it took, where the server counts them.
        pub usage: Option<Usage> = stated,
    }
}

wire! {
    /// The vector of a text.
    pub struct Embedding = "embedding" {
        /// The text's place in the request.
        pub index: u32 = stated,
        /// The vector.
        pub embedding: EmbeddingVector = required,
    }
}

/// A vector, sent as numbers or in base64; it goes out in the form in which it came.
///
/// It derefs to a slice of its numbers.
#[derive(Clone, Default, PartialEq)]
pub struct EmbeddingVector {
    numbers: Vec<f32>,
    is_base64: bool,
}

shows_no_text! { EmbeddingVector }

impl EmbeddingVector {
    /// The numbers by themselves.
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        self.numbers
    }

    /// The same vector, to be sent in base64.
    #[must_use]
    pub fn in_base64(mut self) -> Self {
        self.is_base64 = true;
        self
    }
}

impl From<Vec<f32>> for EmbeddingVector {
    fn from(numbers: Vec<f32>) -> Self {
        Self { numbers, is_base64: false }
    }
}

impl Deref for EmbeddingVector {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers
    }
}

plain_field! {
    EmbeddingVector: Self::default() => |value| value.is_empty(),
}

impl Serialize for EmbeddingVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_base64 {
            return self.numbers.serialize(serializer);
        }
        let bytes: Vec<u8> = self.numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for EmbeddingVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadVector)
    }
}

struct ReadVector;

impl<'de> Visitor<'de> for ReadVector {
    type Value = EmbeddingVector;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("numbers, or 32-bit floats in base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<EmbeddingVector, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = entries.next_element()? {
            numbers.push(number);
        }
        Ok(numbers.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EmbeddingVector, E> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|error| E::custom(format_args!("the vector is no base64: {error}")))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            let length = bytes.len();
            return Err(E::custom(format_args!("{length} bytes are no whole number of floats")));
        }
        // OpenAI's own clients read them as the bytes of little-endian machines.
        let numbers = numbers.iter().copied().map(f32::from_le_bytes).collect();
        Ok(EmbeddingVector { numbers, is_base64: true })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn round_trips(json: &Value) -> Embedding {
        let embedding: Embedding = serde_json::from_str(&json.to_string()).unwrap();
        let written = serde_json::to_string(&embedding).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), *json);
        embedding
    }

    #[test]
    fn a_vector_is_read_from_numbers_and_from_base64_and_written_as_it_came() {
        let numbers = json!({"object": "embedding", "index": 0, "embedding": [1.0, -0.5, 3e-8]});
        let floats = round_trips(&numbers).embedding;
        let bytes = [1.0f32, -0.5, 3e-8].map(f32::to_le_bytes).concat();
        let text = STANDARD.encode(bytes);
        let base64 = round_trips(&json!({"index": 0, "embedding": text})).embedding;
        assert_eq!(*floats, [1.0, -0.5, 3e-8]);
        assert_eq!(*base64, *floats);
        assert_eq!(base64, floats.in_base64());
    }

    #[test]
    fn what_is_no_vector_is_an_error() {
        for vector in [json!("AAA="), json!("?"), json!(["a"]), json!(null), json!({})] {
            let embedding = json!({"index": 0, "embedding": vector});
            assert!(serde_json::from_value::<Embedding>(embedding).is_err(), "{vector}");
        }
    }

    #[test]
    fn every_form_of_input_survives_a_round_trip() {
        for input in [json!("a"), json!(["a", "b"]), json!([1, 2]), json!([[1], [2, 3]])] {
            let request = json!({"model": "m", "input": input});
            let read: EmbeddingRequest = serde_json::from_value(request.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), request);
        }
        let request = EmbeddingRequest::new("m", vec!["a", "b"]).with_dimensions(8);
        let expected = json!({"model": "m", "input": ["a", "b"], "dimensions": 8});
        assert_eq!(serde_json::to_value(&request).unwrap(), expected);
    }
}
