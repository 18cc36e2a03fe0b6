//! What each kind of field is read from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::scalar::Scalar;
use super::{Field, plain_field};

plain_field! {
    bool: false => |value| !value,
    Value: Value::Null => Value::is_null,
    Map<String, Value>: Map::new() => Map::is_empty,
}

impl<T: Field> Field for Option<T> {
    fn blank() -> Self {
        None
    }

    fn is_blank(&self) -> bool {
        self.is_none()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(T::read(deserializer)?.map(Some))
    }

    fn read_or_keep<'de, D: Deserializer<'de>>(
        deserializer: D,
        name: &'static str,
        extra: &mut Map<String, Value>,
    ) -> Result<Option<Self>, D::Error> {
        Ok(T::read_or_keep(deserializer, name, extra)?.map(Some))
    }
}

impl<T: Field> Field for Box<T> {
    fn blank() -> Self {
        Self::new(T::blank())
    }

    fn is_blank(&self) -> bool {
        T::is_blank(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(T::read(deserializer)?.map(Self::new))
    }
}

impl<T: for<'de> Deserialize<'de>> Field for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(List(PhantomData))
    }
}

/// Reads a list, for which some servers send its only entry.
struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        // Most lists have one entry, and `push` makes room for four.
        let mut list: Vec<T> = entries.next_element()?.into_iter().collect();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Some(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let entry = T::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Some(vec![entry]))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match T::deserialize(de::value::StrDeserializer::<E>::new(text)) {
            Ok(entry) => Ok(Some(vec![entry])),
            // That a list was expected says more than what its entries are.
            Err(_) => Err(E::invalid_type(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<T: for<'de> Deserialize<'de>> Field for BTreeMap<String, T> {
    fn blank() -> Self {
        Self::new()
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl Field for String {
    fn blank() -> Self {
        Self::new()
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    /// Some servers send a number for a text.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(Some(match Scalar::read(deserializer, TEXT)? {
            Scalar::Text(text) => text.into_owned(),
            Scalar::Unsigned(number) => number.to_string(),
            Scalar::Signed(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Null => return Ok(None),
            other @ Scalar::Bool(_) => return Err(other.refused(TEXT)),
        }))
    }
}

/// What a word is made of: a text that says something.
pub(crate) fn word<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    match Scalar::read(deserializer, TEXT)? {
        Scalar::Text(text) => Ok(Some(text).filter(|text| !matches!(&**text, "" | "null"))),
        Scalar::Null => Ok(None),
        other => Err(other.refused(TEXT)),
    }
}

/// What a word that must be there is made of.
pub(crate) fn any_word<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'de, str>, D::Error> {
    match Scalar::read(deserializer, TEXT)? {
        Scalar::Text(text) => Ok(text),
        other => Err(other.refused(TEXT)),
    }
}

const TEXT: &str = "a text";

/// A number that some servers send as a text, or as a float.
trait Number: Copy + Default + PartialEq {
    /// What an error says was expected.
    const WANTED: &'static str;

    fn of_u64(number: u64) -> Option<Self>;
    fn of_i64(number: i64) -> Option<Self>;
    fn of_f64(number: f64) -> Option<Self>;
    fn of_text(text: &str) -> Option<Self>;
}

/// What a number is read from; a text that says nothing is given back.
///
/// A date counts as nothing said: some servers write times so.
fn number<T: Number, E: de::Error>(scalar: Scalar<'_>) -> Result<Result<Option<T>, String>, E> {
    let number = match &scalar {
        Scalar::Null => return Ok(Ok(None)),
        Scalar::Unsigned(number) => T::of_u64(*number),
        Scalar::Signed(number) => T::of_i64(*number),
        Scalar::Float(number) => T::of_f64(*number),
        Scalar::Bool(_) => None,
        Scalar::Text(text) => {
            let text = text.trim();
            let is_date = matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', ..]);
            let number = T::of_text(text);
            if number.is_none() && (is_date || text.is_empty()) {
                return Ok(Err(text.to_owned()));
            }
            number
        }
    };
    number.map(|number| Ok(Some(number))).ok_or_else(|| scalar.refused(T::WANTED))
}

macro_rules! numbers {
    ($( $type:ty, $wanted:literal: $of_u64:expr, $of_i64:expr, $of_f64:expr; )+) => { $(
        impl Number for $type {
            const WANTED: &'static str = $wanted;

            fn of_u64(number: u64) -> Option<Self> {
                let convert: fn(u64) -> Option<Self> = $of_u64;
                convert(number)
            }

            fn of_i64(number: i64) -> Option<Self> {
                let convert: fn(i64) -> Option<Self> = $of_i64;
                convert(number)
            }

            fn of_f64(number: f64) -> Option<Self> {
                let convert: fn(f64) -> Option<Self> = $of_f64;
                convert(number)
            }

            fn of_text(text: &str) -> Option<Self> {
                text.parse().ok().or_else(|| Self::of_f64(text.parse().ok()?))
            }
        }

        impl Field for $type {
            fn blank() -> Self {
                Self::default()
            }

            fn is_blank(&self) -> bool {
                *self == Self::default()
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                let scalar = Scalar::read(deserializer, Self::WANTED)?;
                Ok(number(scalar)?.unwrap_or_default())
            }

            fn read_or_keep<'de, D: Deserializer<'de>>(
                deserializer: D,
                name: &'static str,
                extra: &mut Map<String, Value>,
            ) -> Result<Option<Self>, D::Error> {
                let scalar = Scalar::read(deserializer, Self::WANTED)?;
                Ok(number(scalar)?.unwrap_or_else(|text| {
                    extra.insert(name.to_owned(), text.into());
                    None
                }))
            }
        }
    )+ };
}

numbers! {
    u32, "a whole number that is not negative": |number| number.try_into().ok(), |number| number.try_into().ok(), |number| whole(number)?.try_into().ok();
    u64, "a whole number that is not negative": Some, |number| number.try_into().ok(), |number| whole(number)?.try_into().ok();
    i64, "a whole number": |number| number.try_into().ok(), Some, whole;
    f32, "a number": |number| Some(number as f32), |number| Some(number as f32), |number| Some(number as f32);
    f64, "a number": |number| Some(number as f64), |number| Some(number as f64), Some;
}

/// The whole part of a number, unless it is beyond what a float tells exactly.
fn whole(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() <= MOST_EXACT).then_some(number as i64)
}

/// 2^53.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
