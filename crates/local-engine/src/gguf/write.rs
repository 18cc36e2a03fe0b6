//! Models written as one file, in version 3 of the format, for llama.cpp and what stands on it.
//!
//! Keys, names and orders are those of llama.cpp's converters, so that what is read here from their
//! files and what is written here are the same.

mod model;
mod vocabulary;

pub(crate) use self::vocabulary::{Marks, Vocabulary};
use super::header::TYPES;
use super::weights::stored_name;
use crate::config::Config;
use crate::quant::Dtype;

/// The keys and values before the weights.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    bytes: Vec<u8>,
    count: u64,
}

/// A tensor to be written.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its name in the file.
    pub(crate) name: String,
    /// The number of rows first.
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: Dtype,
}

/// What a field says that cannot be told in GGUF, and why.
pub(super) type Fault = (&'static str, String);

/// What stands before the weights, the first of which follows at once; the others each begin where
/// [`padding`] after the one before ends. `None` if a type is none of this format.
pub(crate) fn header(metadata: &Metadata, tensors: &[Planned]) -> Option<Vec<u8>> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend(metadata.count.to_le_bytes());
    bytes.extend(&metadata.bytes);
    let mut offset = 0_u64;
    for Planned { name, shape, dtype } in tensors {
        text(&mut bytes, name);
        bytes.extend((shape.len() as u32).to_le_bytes());
        // The file has the number of columns first.
        shape.iter().rev().for_each(|dim| bytes.extend((*dim as u64).to_le_bytes()));
        let (number, _) = TYPES.iter().find(|(_, known)| known == dtype)?;
        bytes.extend(number.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        let size = stored_bytes(shape, *dtype)?;
        offset += size + padding(size);
    }
    bytes.resize(bytes.len() + padding(bytes.len() as u64) as usize, 0);
    Some(bytes)
}

/// How many zeros follow so many bytes.
pub(crate) fn padding(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT) - bytes
}

/// How many bytes a tensor takes.
pub(crate) fn stored_bytes(shape: &[usize], dtype: Dtype) -> Option<u64> {
    let (width, above) = shape.split_last()?;
    Some(dtype.row_bytes(*width)? as u64 * above.iter().product::<usize>() as u64)
}

/// What GGUF calls a tensor, and the width of the heads whose rows lie in another order there.
pub(crate) fn place_of(name: &str, config: &Config) -> (String, Option<usize>) {
    let is_turned = matches!(name.split('.').nth(4), Some("q_proj" | "k_proj"))
        && model::architecture(config.family) == "llama";
    (stored_name(name), is_turned.then_some(config.heads.dim))
}

impl Metadata {
    fn key(&mut self, key: &str, kind: u32) {
        text(&mut self.bytes, key);
        self.bytes.extend(kind.to_le_bytes());
        self.count += 1;
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key, STRING);
        text(&mut self.bytes, value);
    }

    fn number(&mut self, key: &str, value: u32) {
        self.key(key, UNSIGNED_32);
        self.bytes.extend(value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.key(key, FLOAT_32);
        self.bytes.extend(value.to_le_bytes());
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key, BOOL);
        self.bytes.push(value.into());
    }

    fn texts<'t>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'t str>) {
        self.list(key, STRING, values.len());
        values.for_each(|value| text(&mut self.bytes, value));
    }

    fn integers(&mut self, key: &str, values: &[i32]) {
        self.list(key, SIGNED_32, values.len());
        values.iter().for_each(|value| self.bytes.extend(value.to_le_bytes()));
    }

    fn floats(&mut self, key: &str, values: &[f32]) {
        self.list(key, FLOAT_32, values.len());
        values.iter().for_each(|value| self.bytes.extend(value.to_le_bytes()));
    }

    fn list(&mut self, key: &str, kind: u32, count: usize) {
        self.key(key, ARRAY);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend((count as u64).to_le_bytes());
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// What each tensor begins at a multiple of, in a file that does not say otherwise.
const ALIGNMENT: u64 = 32;

/// Types of metadata.
const UNSIGNED_32: u32 = 4;
const SIGNED_32: u32 = 5;
const FLOAT_32: u32 = 6;
const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::Gguf;

    #[test]
    fn what_is_written_is_read_back() {
        let mut metadata = Metadata::default();
        metadata.text("a.text", "жук");
        metadata.number("a.number", 7);
        metadata.float("a.float", 0.5);
        metadata.flag("a.flag", true);
        metadata.texts("texts", ["a", "", "b c"].into_iter());
        metadata.integers("integers", &[1, -2]);
        metadata.floats("floats", &[1.5, -2.5]);
        let planned = |name: &str, shape: &[usize], dtype| {
            let (name, shape) = (name.to_owned(), shape.to_vec());
            Planned { name, shape, dtype }
        };
        let tensors = [
            planned("one", &[3], Dtype::F32),
            planned("two", &[2, 32], Dtype::Q8_0),
            planned("three", &[1, 1], Dtype::F16),
        ];
        let mut bytes = header(&metadata, &tensors).unwrap();
        assert_eq!(bytes.len() % 32, 0);
        let data = [12, 68, 2].map(|count| vec![count as u8; count]);
        for data in &data {
            bytes.extend(data);
            bytes.resize(bytes.len().next_multiple_of(32), 0);
        }
        let file = Gguf::parse(bytes.into(), "a.gguf".to_owned()).unwrap();
        assert_eq!(file.text("a.text").unwrap(), Some("жук"));
        assert_eq!(file.number("a.number").unwrap(), Some(7));
        assert_eq!(file.float("a.float").unwrap(), Some(0.5));
        assert_eq!(file.flag("a.flag").unwrap(), Some(true));
        assert_eq!(file.texts("texts").unwrap().unwrap(), ["a", "", "b c"]);
        assert_eq!(file.integers("integers").unwrap().unwrap(), [1, -2]);
        assert_eq!(file.floats("floats").unwrap().unwrap(), [1.5, -2.5]);
        for (Planned { name, shape, dtype }, data) in tensors.iter().zip(data) {
            let stored = file.tensor(name).unwrap();
            assert_eq!((&stored.shape, stored.dtype), (shape, Ok(*dtype)));
            assert_eq!(*file.data(stored).unwrap(), data);
        }
    }
}
