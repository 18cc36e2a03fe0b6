//! What stands before the weights: the metadata, and where each tensor lies.
//!
//! A file may come from anywhere. Counts and lengths in it are checked against what is left of the
//! file before anything is made of them, so a small file never takes much memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::quant::Dtype;
use crate::store::Bytes;

/// A file whose header was read.
#[derive(Debug)]
pub(crate) struct Gguf {
    /// How people would name it.
    pub(super) file: String,
    bytes: Bytes,
    header: Header,
}

#[derive(Debug, Default)]
struct Header {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Stored>,
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    /// The number of rows first, as everywhere but in the file.
    pub(super) shape: Vec<usize>,
    /// The type, or the number of one that this engine does not know.
    pub(super) dtype: Result<Dtype, u32>,
    /// Within the file; empty if the type is not known.
    range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    /// Where the text lies.
    Text(Range<usize>),
    Array(Array),
}

/// Elements that lie one after the other.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    kind: u32,
    count: usize,
    /// Where the first begins.
    start: usize,
}

impl Gguf {
    /// Reads the header of a file of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Gguf`], with the key, the tensor or the place that is wrong.
    pub(crate) fn parse(bytes: Bytes, file: String) -> Result<Self> {
        match Header::read(&bytes) {
            Ok(header) => Ok(Self { file, bytes, header }),
            Err(Fault { part, problem }) => Err(Error::Gguf { file, part, problem }),
        }
    }

    pub(super) fn wrong(&self, part: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Gguf { file: self.file.clone(), part: part.into(), problem: problem.into() }
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&Stored> {
        self.header.tensors.get(name)
    }

    /// The bytes of a tensor, as they lie in the file.
    pub(super) fn data(&self, tensor: &Stored) -> Option<Bytes> {
        self.bytes.part(tensor.range.clone())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.header.metadata.get(key) {
            None => Ok(None),
            Some(Value::Text(range)) => self.utf8(key, range.clone()).map(Some),
            Some(_) => Err(self.wrong(format!("key {key}"), "must be a text")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>> {
        match self.header.metadata.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(value)) => Ok(Some(*value)),
            Some(Value::Signed(value)) if *value >= 0 => Ok(Some(value.unsigned_abs())),
            Some(_) => Err(self.wrong(format!("key {key}"), "must be a whole number from 0 on")),
        }
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>> {
        match self.header.metadata.get(key) {
            None => Ok(None),
            Some(Value::Float(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(format!("key {key}"), "must be a number with a point")),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.header.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(format!("key {key}"), "must be true or false")),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<&str>>> {
        let Some(array) = self.array(key, &[STRING], "texts")? else { return Ok(None) };
        let mut reader = Reader { bytes: &self.bytes, at: array.start };
        // It was read once, so each is there.
        let next = |_| reader.string().map_or(Ok(""), |range| self.utf8(key, range));
        (0..array.count).map(next).collect::<Result<_>>().map(Some)
    }

    /// A list of floats.
    pub(super) fn floats(&self, key: &str) -> Result<Option<Vec<f32>>> {
        let Some(array) = self.array(key, &[FLOAT_32], "floats")? else { return Ok(None) };
        let bytes = self.bytes[array.start..].chunks_exact(4).take(array.count);
        Ok(Some(bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()))
    }

    /// A list of small whole numbers.
    pub(super) fn integers(&self, key: &str) -> Result<Option<Vec<i32>>> {
        let Some(array) = self.array(key, &[SIGNED_32, UNSIGNED_32], "whole numbers")? else {
            return Ok(None);
        };
        let bytes = self.bytes[array.start..].chunks_exact(4).take(array.count);
        Ok(Some(bytes.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()))
    }

    fn array(&self, key: &str, kinds: &[u32], what: &str) -> Result<Option<&Array>> {
        match self.header.metadata.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) if kinds.contains(&array.kind) => Ok(Some(array)),
            Some(_) => Err(self.wrong(format!("key {key}"), format!("must be a list of {what}"))),
        }
    }

    fn utf8(&self, key: &str, range: Range<usize>) -> Result<&str> {
        std::str::from_utf8(&self.bytes[range])
            .map_err(|_| self.wrong(format!("key {key}"), "holds a text that is not UTF-8"))
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader { bytes, at: 0 };
        let start = |problem: &str| fault("the file", problem);
        if reader.take(4) != Some(b"GGUF") {
            return Err(start("does not begin as GGUF files do; take a .gguf file"));
        }
        let cut = || start("is cut short within its header; copy it anew");
        let version = reader.u32().ok_or_else(cut)?;
        if version & 0xffff == 0 {
            return Err(start("is one for big-endian machines; take one for little-endian ones"));
        }
        if !(2..=3).contains(&version) {
            let problem = format!("is of version {version}, and this engine reads 2 and 3");
            return Err(start(&problem));
        }
        let tensors = reader.u64().ok_or_else(cut)?;
        let pairs = reader.u64().ok_or_else(cut)?;
        let mut metadata = BTreeMap::new();
        for nth in 0..pairs {
            let (key, value) = reader.pair(nth)?;
            match metadata.entry(key) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(place) => {
                    return Err(fault(format!("key {}", place.key()), "stands there twice"));
                }
            }
        }
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(Value::Unsigned(alignment)) if alignment.is_power_of_two() => *alignment,
            Some(_) => {
                return Err(fault("key general.alignment", "must be a power of two"));
            }
        };
        let mut found = BTreeMap::new();
        for nth in 0..tensors {
            let (name, tensor) = reader.tensor(nth)?;
            match found.entry(name) {
                Entry::Vacant(place) => drop(place.insert(tensor)),
                Entry::Occupied(place) => {
                    return Err(fault(format!("tensor {}", place.key()), "stands there twice"));
                }
            }
        }
        let data = (reader.at as u64).checked_next_multiple_of(alignment).ok_or_else(cut)?;
        let mut tensors = BTreeMap::new();
        for (name, tensor) in found {
            let range = tensor.range(data, bytes.len());
            let Some(range) = range else {
                let Directory { shape, dtype, offset } = tensor;
                let kind = dtype.map_or("an unknown type", Dtype::name);
                let problem = format!(
                    "of {kind} and shape {shape:?}, at {offset}, does not lie in the file; copy it anew"
                );
                return Err(fault(format!("tensor {name}"), problem));
            };
            let Directory { shape, dtype, .. } = tensor;
            tensors.insert(name, Stored { shape, dtype, range });
        }
        Ok(Self { metadata, tensors })
    }
}

/// What is wrong with which part of a header.
struct Fault {
    part: String,
    problem: String,
}

fn fault(part: impl Into<String>, problem: impl Into<String>) -> Fault {
    Fault { part: part.into(), problem: problem.into() }
}

/// What the directory says of a tensor.
struct Directory {
    shape: Vec<usize>,
    dtype: Result<Dtype, u32>,
    /// From where the weights begin.
    offset: u64,
}

impl Directory {
    /// Where the tensor lies in a file of this size, whose weights begin at `data`.
    fn range(&self, data: u64, size: usize) -> Option<Range<usize>> {
        let Ok(dtype) = self.dtype else { return Some(0..0) };
        let (cols, rows) =
            self.shape.split_last().map_or((1, &[][..]), |(cols, rows)| (*cols, rows));
        let rows = rows.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))?;
        let length = dtype.row_bytes(cols)?.checked_mul(rows)?;
        let start = usize::try_from(data.checked_add(self.offset)?).ok()?;
        let end = start.checked_add(length)?;
        (end <= size).then_some(start..end)
    }
}

/// Reads numbers one after the other; `None` where the file ends.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Where a text lies.
    fn string(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(self.u64()?).ok()?;
        let start = self.at;
        self.take(length)?;
        Some(start..self.at)
    }

    /// The name of a key or a tensor.
    fn name(&mut self, what: &str, nth: u64) -> Result<String, Fault> {
        let (part, at) = (format!("{what} {}", nth + 1), self.at);
        let range =
            self.string().ok_or_else(|| fault(&part, format!("is cut short at byte {at}")))?;
        let name = &self.bytes[range];
        if name.len() > NAME {
            return Err(fault(&part, format!("has a name of more than {NAME} bytes")));
        }
        let name = std::str::from_utf8(name);
        name.map(str::to_owned).map_err(|_| fault(&part, "has a name that is not UTF-8"))
    }

    fn pair(&mut self, nth: u64) -> Result<(String, Value), Fault> {
        let key = self.name("key", nth)?;
        let cut = || fault(format!("key {key}"), "is cut short; copy the file anew");
        let kind = self.u32().ok_or_else(cut)?;
        let Some(value) = self.value(kind).ok_or_else(cut)? else {
            let problem = format!("is of type {kind}, or a list of such, which GGUF does not have");
            return Err(fault(format!("key {key}"), problem));
        };
        Ok((key, value))
    }

    /// A value, the inner `None` if there is no such type.
    fn value(&mut self, kind: u32) -> Option<Option<Value>> {
        Some(Some(match kind {
            0 => Value::Unsigned(self.array::<1>().map(u8::from_le_bytes)?.into()),
            1 => Value::Signed(self.array().map(i8::from_le_bytes)?.into()),
            2 => Value::Unsigned(self.array().map(u16::from_le_bytes)?.into()),
            3 => Value::Signed(self.array().map(i16::from_le_bytes)?.into()),
            UNSIGNED_32 => Value::Unsigned(self.u32()?.into()),
            SIGNED_32 => Value::Signed(self.array().map(i32::from_le_bytes)?.into()),
            FLOAT_32 => Value::Float(self.array().map(f32::from_le_bytes)?.into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            STRING => Value::Text(self.string()?),
            9 => {
                let kind = self.u32()?;
                let count = usize::try_from(self.u64()?).ok()?;
                let start = self.at;
                match kind {
                    STRING => (0..count).try_for_each(|_| self.string().map(drop))?,
                    0 | 1 | 7 => drop(self.take(count)?),
                    2 | 3 => drop(self.take(count.checked_mul(2)?)?),
                    UNSIGNED_32 | SIGNED_32 | FLOAT_32 => drop(self.take(count.checked_mul(4)?)?),
                    10..=12 => drop(self.take(count.checked_mul(8)?)?),
                    _ => return Some(None),
                }
                Value::Array(Array { kind, count, start })
            }
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(self.array().map(i64::from_le_bytes)?),
            12 => Value::Float(self.array().map(f64::from_le_bytes)?),
            _ => return Some(None),
        }))
    }

    fn tensor(&mut self, nth: u64) -> Result<(String, Directory), Fault> {
        let name = self.name("tensor", nth)?;
        let part = || format!("tensor {name}");
        let cut = || fault(part(), "is cut short; copy the file anew");
        let dims = self.u32().ok_or_else(cut)?;
        if dims > 4 {
            return Err(fault(part(), format!("has {dims} dimensions, and GGUF has at most 4")));
        }
        let mut shape = Vec::new();
        for _ in 0..dims {
            let dim = self.u64().ok_or_else(cut)?;
            shape.push(usize::try_from(dim).map_err(|_| fault(part(), "is too large"))?);
        }
        // The file has the number of columns first.
        shape.reverse();
        let kind = self.u32().ok_or_else(cut)?;
        let known = TYPES.iter().find(|(number, _)| *number == kind);
        let dtype = known.map(|(_, dtype)| *dtype).ok_or(kind);
        let offset = self.u64().ok_or_else(cut)?;
        Ok((name, Directory { shape, dtype, offset }))
    }
}

/// Types of metadata.
const UNSIGNED_32: u32 = 4;
const SIGNED_32: u32 = 5;
const FLOAT_32: u32 = 6;
const STRING: u32 = 8;

/// The types of tensors that this engine reads, by the numbers of `enum ggml_type`.
pub(super) const TYPES: [(u32, Dtype); 11] = [
    (0, Dtype::F32),
    (1, Dtype::F16),
    (2, Dtype::Q4_0),
    (3, Dtype::Q4_1),
    (6, Dtype::Q5_0),
    (7, Dtype::Q5_1),
    (8, Dtype::Q8_0),
    (12, Dtype::Q4K),
    (13, Dtype::Q5K),
    (14, Dtype::Q6K),
    (30, Dtype::Bf16),
];

/// The longest name of a key that the format allows.
const NAME: usize = 65_535;
