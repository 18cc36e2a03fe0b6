//! What JSON has besides lists and objects.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Unexpected, Visitor};
use serde_json::Value;

/// A text, a number, `true`, `false` or `null`.
///
/// Fields are made from it, so that reading JSON is compiled once for all of their types.
pub(crate) enum Scalar<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'de, str>),
}

impl<'de> Scalar<'de> {
    /// Reads it where this is wanted, which an error tells.
    pub(crate) fn read<D: Deserializer<'de>>(
        deserializer: D,
        wanted: &'static str,
    ) -> Result<Self, D::Error> {
        Wanted(wanted).deserialize(deserializer)
    }

    /// Reads the next value of a map.
    pub(crate) fn next<A: MapAccess<'de>>(
        map: &mut A,
        wanted: &'static str,
    ) -> Result<Self, A::Error> {
        map.next_value_seed(Wanted(wanted))
    }

    /// That it is something else than was wanted.
    pub(crate) fn refused<E: de::Error>(&self, wanted: &str) -> E {
        match *self {
            Self::Null => E::invalid_type(Unexpected::Unit, &wanted),
            Self::Bool(value) => E::invalid_type(Unexpected::Bool(value), &wanted),
            Self::Unsigned(number) => E::invalid_value(Unexpected::Unsigned(number), &wanted),
            Self::Signed(number) => E::invalid_value(Unexpected::Signed(number), &wanted),
            Self::Float(number) => E::invalid_value(Unexpected::Float(number), &wanted),
            Self::Text(ref text) => E::invalid_type(Unexpected::Str(text), &wanted),
        }
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => value.into(),
            Scalar::Unsigned(number) => number.into(),
            Scalar::Signed(number) => number.into(),
            Scalar::Float(number) => number.into(),
            Scalar::Text(text) => text.into(),
        }
    }
}

struct Wanted(&'static str);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Scalar<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Signed(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.to_owned().into()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }
}
