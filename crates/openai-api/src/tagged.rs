//! Unions that tell by their `type` what they are, and keep what they do not know.

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer as _, MapAccess};
use serde_json::{Map, Value};

use crate::wire::TYPE;

/// Declares an enum of types told apart by `type`, with an `Other(Value)` that keeps what is unknown.
///
/// ```text
/// tagged! {
///     /// A thing.
///     pub enum Thing {
///         /// One to sit on.
///         Chair(Chair) = "chair",
///         /// One that rolls, also where no `type` says so but there are `wheels`.
///         Cart(Cart) = "cart" | "trolley" or "wheels",
///     }
/// }
/// ```
///
/// Each of the types within writes its own `type`.
macro_rules! tagged {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident($type:ty) = $tag:literal $(| $alias:literal)* $(or $telltale:literal)?,
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, ::serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant($type), )+
            /// One of a kind that this version does not know; sent as it came.
            Other(::serde_json::Value),
        }

        $crate::shown::shows_no_text! { $name }

        const _: () = {
            use ::serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

            use $crate::tagged::{self, Begun};

            impl $name {
                fn read<'de, D: Deserializer<'de>>(tag: &str, from: D) -> Result<Self, D::Error> {
                    match tag {
                        $( $tag $(| $alias)* => Deserialize::deserialize(from).map(Self::$variant), )+
                        _ => Deserialize::deserialize(from).map(Self::Other),
                    }
                }
            }

            struct Read;

            impl<'de> Visitor<'de> for Read {
                type Value = $name;

                fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.write_str(concat!("an object: ", stringify!($name)))
                }

                fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                    match tagged::begin(map)? {
                        Begun::Tagged(tag, rest) => $name::read(&tag, tagged::all(&tag, rest)),
                        Begun::Whole(fields) => {
                            let tag = tagged::tag(&fields)
                                $($( .or_else(|| tagged::told(&fields, $telltale, $tag)) )?)+;
                            let fields = ::serde_json::Value::Object(fields);
                            $name::read(&tag.unwrap_or_default(), fields).map_err(A::Error::custom)
                        }
                    }
                }

                fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                    Ok($name::Other(text.into()))
                }

                fn visit_unit<E: Error>(self) -> Result<$name, E> {
                    Ok($name::Other(::serde_json::Value::Null))
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_any(Read)
                }
            }
        };

        #[cfg(feature = "http")]
        impl $crate::wire::Told for $name {
            fn extra(&self) -> Option<&::serde_json::Map<String, ::serde_json::Value>> {
                match self {
                    $( Self::$variant(value) => value.extra(), )+
                    Self::Other(value) => value.extra(),
                }
            }
        }

        $crate::wire::plain_field! {
            $name: Self::Other(::serde_json::Value::Null)
                => |value| matches!(value, Self::Other(::serde_json::Value::Null)),
        }
    };
}

pub(crate) use tagged;

/// An object whose first field has been read.
pub(crate) enum Begun<A> {
    /// It was `type`; the others are still to be read.
    Tagged(String, A),
    /// It was another, so all have been read.
    Whole(Map<String, Value>),
}

/// Reads an object's first field, which mostly tells what it is, so that the rest need not be kept
/// until it does.
pub(crate) fn begin<'de, A: MapAccess<'de>>(mut map: A) -> Result<Begun<A>, A::Error> {
    let mut fields = Map::new();
    if let Some(first) = map.next_key::<String>()? {
        match map.next_value()? {
            Value::String(tag) if first == TYPE => return Ok(Begun::Tagged(tag, map)),
            value => {
                fields.insert(first, value);
            }
        }
    }
    while let Some((name, value)) = map.next_entry()? {
        fields.insert(name, value);
    }
    Ok(Begun::Whole(fields))
}

/// What an object that was read whole says it is.
pub(crate) fn tag(fields: &Map<String, Value>) -> Option<String> {
    fields.get(TYPE)?.as_str().map(str::to_owned)
}

/// What an object is, told by a field that it has.
pub(crate) fn told(fields: &Map<String, Value>, telltale: &str, tag: &str) -> Option<String> {
    fields.contains_key(telltale).then(|| tag.to_owned())
}

/// All fields of an object of which `type` has been taken.
pub(crate) fn all<'de, A: MapAccess<'de>>(tag: &str, rest: A) -> MapAccessDeserializer<All<'_, A>> {
    MapAccessDeserializer::new(All { tag: Some(tag), key_is_next: true, rest })
}

pub(crate) struct All<'t, A> {
    tag: Option<&'t str>,
    key_is_next: bool,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for All<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        if std::mem::take(&mut self.key_is_next) {
            let name: StrDeserializer<'_, A::Error> = TYPE.into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        self.rest.next_key_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.tag.take() {
            Some(tag) => {
                let tag: StrDeserializer<'_, A::Error> = tag.into_deserializer();
                seed.deserialize(tag)
            }
            None => self.rest.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::wire;

    wire! {
        /// One to sit on.
        #[expect(unreachable_pub, reason = "the macro makes public types")]
        pub struct Chair tagged "chair" {
            /// How many.
            pub legs: u32,
        }
    }

    wire! {
        /// One that rolls.
        #[expect(unreachable_pub, reason = "the macro makes public types")]
        pub struct Cart tagged "cart" {
            /// How many.
            pub wheels: u32,
        }
    }

    tagged! {
        /// A thing.
        #[expect(unreachable_pub, reason = "the macro makes public types")]
        pub enum Thing {
            /// One to sit on.
            Chair(Chair) = "chair",
            /// One that rolls.
            Cart(Cart) = "cart" or "wheels",
        }
    }

    #[track_caller]
    fn round_trips(text: &str) -> Thing {
        let value: Value = serde_json::from_str(text).unwrap();
        let thing: Thing = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&thing).unwrap(), value);
        assert_eq!(serde_json::from_value::<Thing>(value).unwrap(), thing);
        thing
    }

    #[test]
    fn the_type_may_stand_anywhere() {
        for text in [
            r#"{"type":"chair","legs":4}"#,
            r#"{"legs":4,"type":"chair"}"#,
            r#"{"x":[{"type":"cart"}],"legs":4,"type":"chair"}"#,
        ] {
            assert!(matches!(round_trips(text), Thing::Chair(Chair { legs: 4, .. })), "{text}");
        }
    }

    #[test]
    fn a_telltale_field_stands_for_a_type_that_is_missing() {
        assert!(matches!(round_trips(r#"{"wheels":2}"#), Thing::Cart(Cart { wheels: 2, .. })));
        assert!(matches!(round_trips(r#"{"wheels":2,"type":"x"}"#), Thing::Other(_)));
    }

    #[test]
    fn what_is_unknown_is_kept_as_it_came() {
        for text in [
            r#"{"type":"sofa","legs":[null,1.5]}"#,
            r#"{"a":1}"#,
            r#"{"type":null,"a":1}"#,
            r#"{"type":7}"#,
            "{}",
            r#""chair""#,
            "null",
        ] {
            assert_eq!(round_trips(text), Thing::Other(serde_json::from_str(text).unwrap()));
        }
    }

    #[test]
    fn what_does_not_fit_its_type_is_an_error() {
        for text in [r#"{"type":"chair","legs":[]}"#, r#"{"legs":[],"type":"chair"}"#, "7"] {
            assert!(serde_json::from_str::<Thing>(text).is_err(), "{text}");
        }
    }
}
