//! What each kind of field is read from.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

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

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

/// Reads a text, for which some servers send a number.
struct Text;

impl Visitor<'_> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A number that some servers send as a text, or as a float.
trait Number: Copy + Default + PartialEq {
    /// What an error says was expected.
    const WANTED: &'static str;

    fn of_u64(number: u64) -> Option<Self>;
    fn of_i64(number: i64) -> Option<Self>;
    fn of_f64(number: f64) -> Option<Self>;
    fn of_text(text: &str) -> Option<Self>;
}

struct ReadNumber<T, K>(PhantomData<T>, K);

impl<T: Number, K: FnOnce(&str)> Visitor<'_> for ReadNumber<T, K> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        let out_of_range = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
        T::of_u64(number).map(Some).ok_or_else(out_of_range)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        let out_of_range = || E::invalid_value(de::Unexpected::Signed(number), &self);
        T::of_i64(number).map(Some).ok_or_else(out_of_range)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        let out_of_range = || E::invalid_value(de::Unexpected::Float(number), &self);
        T::of_f64(number).map(Some).ok_or_else(out_of_range)
    }

    /// A date counts as nothing said: some servers write times so.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let number = T::of_text(text.trim());
        let is_date = || matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', ..]);
        if number.is_none() {
            if !text.trim().is_empty() && !is_date() {
                return Err(E::invalid_type(de::Unexpected::Str(text), &self));
            }
            (self.1)(text);
        }
        Ok(number)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
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
                deserializer.deserialize_any(ReadNumber(PhantomData, |_: &str| {}))
            }

            fn read_or_keep<'de, D: Deserializer<'de>>(
                deserializer: D,
                name: &'static str,
                extra: &mut Map<String, Value>,
            ) -> Result<Option<Self>, D::Error> {
                let keep = |text: &str| {
                    extra.insert(name.to_owned(), text.into());
                };
                deserializer.deserialize_any(ReadNumber(PhantomData, keep))
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
