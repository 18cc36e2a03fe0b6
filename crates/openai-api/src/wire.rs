//! How a type of this crate is read from JSON and written back.
//!
//! [`wire!`] declares a struct that takes what servers send and gives back what came: a field that
//! is missing or `null` is blank and no error, an unknown one is kept in `extra`, and what was
//! blank is written as it was read, be it left out, `null`, `[]` or `0`.

mod fields;
mod readers;
mod scalar;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde_json::{Map, Value};

pub(crate) use self::fields::{any_word, word};
#[cfg(feature = "http")]
pub(crate) use self::readers::thought;
pub(crate) use self::readers::{JsonText, TextOfParts};
use self::scalar::Scalar;

/// What stands in a field of a [`wire!`] struct.
pub(crate) trait Field: Sized {
    /// What the field holds when nothing was said.
    fn blank() -> Self;

    /// Whether it holds that.
    fn is_blank(&self) -> bool;

    /// Reads the field; `None` is what `null` gives.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error>;

    /// Reads the field with this name; what says nothing of it, yet is something, goes into `extra`.
    fn read_or_keep<'de, D: Deserializer<'de>>(
        deserializer: D,
        _name: &'static str,
        _extra: &mut Map<String, Value>,
    ) -> Result<Option<Self>, D::Error> {
        Self::read(deserializer)
    }
}

/// An answer whose unknown fields can be looked at.
#[cfg(feature = "http")]
pub(crate) trait Told {
    /// Fields this version does not know.
    fn extra(&self) -> Option<&Map<String, Value>>;
}

#[cfg(feature = "http")]
impl Told for Value {
    /// Those of an object that does not say what it is; one that does may have an `error` of its
    /// own, such as a run that failed, and is an answer all the same.
    fn extra(&self) -> Option<&Map<String, Value>> {
        let fields = self.as_object()?;
        let says = |name: &str| fields.get(name).is_some_and(|it| !it.is_null() && it != "error");
        // Older vLLM names the kind of error in `type`.
        let is_error = fields.get("object").is_some_and(|object| object == "error");
        (is_error || !["id", "object", "type"].into_iter().any(says)).then_some(fields)
    }
}

/// How each field of a struct that was read stood in the JSON: two bits for each.
///
/// It says nothing of a struct's value, so any two are equal.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    low: u64,
    high: u64,
}

/// How a field stood in the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stood {
    /// Nothing was read: the struct was made here.
    Unread,
    /// As `null`.
    Null,
    /// With a value, which may be a blank one such as `[]`.
    Present,
    /// Not at all.
    Missing,
}

impl Seen {
    /// Of a struct whose reading begins.
    pub(crate) fn nothing() -> Self {
        Self { low: u64::MAX, high: u64::MAX }
    }

    pub(crate) fn note(&mut self, place: usize, is_null: bool) {
        let bit = 1 << place;
        if is_null {
            (self.low, self.high) = (self.low | bit, self.high & !bit);
        } else {
            (self.low, self.high) = (self.low & !bit, self.high | bit);
        }
    }

    #[inline]
    pub(crate) fn at(self, place: usize) -> Stood {
        match (self.high >> place & 1, self.low >> place & 1) {
            (0, 0) => Stood::Unread,
            (0, _) => Stood::Null,
            (_, 0) => Stood::Present,
            _ => Stood::Missing,
        }
    }
}

impl PartialEq for Seen {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seen {}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// How many fields [`Seen`] has room for.
pub(crate) const MOST_FIELDS: usize = 64;

/// Writes a field as it was read, or as a struct made here is written.
///
/// Most fields of a request are blank and were never read, so that is seen at once.
#[inline]
pub(crate) fn write<M, T>(
    map: &mut M,
    name: &'static str,
    value: &T,
    stood: Stood,
    stated: bool,
    extra: &Map<String, Value>,
) -> Result<(), M::Error>
where
    M: SerializeMap,
    T: Field + serde::Serialize,
{
    if !value.is_blank() {
        return map.serialize_entry(name, value);
    }
    let is_written = match stood {
        Stood::Null | Stood::Present => true,
        Stood::Unread => stated,
        Stood::Missing => false,
    };
    if is_written { write_blank(map, name, value, stood, extra) } else { Ok(()) }
}

/// Writes a field that is blank.
fn write_blank<M, T>(
    map: &mut M,
    name: &'static str,
    value: &T,
    stood: Stood,
    extra: &Map<String, Value>,
) -> Result<(), M::Error>
where
    M: SerializeMap,
    T: serde::Serialize,
{
    // Someone put it into `extra` instead.
    if extra.contains_key(name) {
        return Ok(());
    }
    match stood {
        Stood::Null => map.serialize_entry(name, &()),
        _ => map.serialize_entry(name, value),
    }
}

/// Writes `object`, or another field whose value is the type's own.
pub(crate) fn write_object<M: SerializeMap>(
    map: &mut M,
    (name, object): (&'static str, &'static str),
    stood: Stood,
    extra: &Map<String, Value>,
) -> Result<(), M::Error> {
    if stood == Stood::Missing || extra.contains_key(name) {
        return Ok(());
    }
    map.serialize_entry(name, object)
}

/// Writes what this version does not know, save what a field was set to since.
pub(crate) fn write_extra<M: SerializeMap>(
    map: &mut M,
    extra: &Map<String, Value>,
    is_written: impl Fn(&str) -> bool,
) -> Result<(), M::Error> {
    for (name, value) in extra {
        if !is_written(name) {
            map.serialize_entry(name, value)?;
        }
    }
    Ok(())
}

/// Reads a name: its place among those known, or the name itself.
///
/// Servers mostly send fields in the order we list them, so the one after the last hit is tried
/// first.
pub(crate) fn next_key<'de, A: MapAccess<'de>>(
    map: &mut A,
    names: &[&str],
    after: &mut usize,
) -> Result<Option<Key>, A::Error> {
    map.next_key_seed(Names { names, after })
}

pub(crate) enum Key {
    Known(usize),
    Unknown(String),
}

struct Names<'n> {
    names: &'n [&'n str],
    after: &'n mut usize,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Names<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Key, E> {
        let expected = *self.after;
        let place = match self.names.get(expected) {
            Some(next) if *next == name => Some(expected),
            _ if name == OBJECT && self.names.last() == Some(&OBJECT) => Some(self.names.len() - 1),
            _ => self.names.iter().position(|known| *known == name),
        };
        let Some(place) = place else { return Ok(Key::Unknown(name.to_owned())) };
        // `object` is known last of all and comes among the first; the search goes on where it was.
        if name != OBJECT {
            *self.after = place + 1;
        }
        Ok(Key::Known(place))
    }
}

/// Reads the next value of a map into the field with this name; says whether it was `null`, which
/// changes nothing.
pub(crate) fn next_value<'de, A: MapAccess<'de>, T: Field>(
    map: &mut A,
    name: &'static str,
    field: &mut T,
    extra: &mut Map<String, Value>,
) -> Result<bool, A::Error> {
    struct Reading<'e, T> {
        name: &'static str,
        extra: &'e mut Map<String, Value>,
        field: PhantomData<T>,
    }

    impl<'de, T: Field> DeserializeSeed<'de> for Reading<'_, T> {
        type Value = Option<T>;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            T::read_or_keep(deserializer, self.name, self.extra)
        }
    }

    next_value_by(map, Reading { name, extra, field: PhantomData }, field)
}

/// The same, read by a seed.
pub(crate) fn next_value_by<
    'de,
    A: MapAccess<'de>,
    T,
    S: DeserializeSeed<'de, Value = Option<T>>,
>(
    map: &mut A,
    seed: S,
    field: &mut T,
) -> Result<bool, A::Error> {
    let read = map.next_value_seed(seed)?;
    let is_null = read.is_none();
    if let Some(read) = read {
        *field = read;
    }
    Ok(is_null)
}

/// Reads `object`, or another field whose value is the type's own; says whether it was that. Another
/// is kept.
pub(crate) fn next_object<'de, A: MapAccess<'de>>(
    map: &mut A,
    (name, own): (&'static str, &'static str),
    extra: &mut Map<String, Value>,
) -> Result<bool, A::Error> {
    let object = Scalar::next(map, own)?;
    let is_own = matches!(&object, Scalar::Text(text) if text == own);
    if !is_own {
        extra.insert(name.to_owned(), object.into());
    }
    Ok(is_own)
}

pub(crate) const OBJECT: &str = "object";

/// What tells the kinds of a union apart.
pub(crate) const TYPE: &str = "type";

/// Declares a struct that is read from JSON and written back as [the module](self) says.
///
/// ```text
/// wire! {
///     /// What it is.
///     pub struct Thing = "thing" {           // the value of `object`, if it has one
///         /// Its id.
///         pub id: String = required,         // missing or `null`: an error
///         /// When it ended.
///         pub ended_at: Option<u64> = stated, // written as `null` by a `Thing` made here
///         /// What kind it is.
///         pub kind as "type": String,        // left out by a `Thing` made here while blank
///         /// What it says.
///         pub says by JsonText: String,      // read by this seed, as `Option<String>`
///         /// What it was told.
///         pub told by TextOfParts(thoughts): Option<String>, // part of it goes into `thoughts`
///         /// What it thought.
///         pub thoughts: Option<String>,
///     }
///     own {
///         /// Not in the JSON.
///         pub meta: Option<Meta>,
///     }
/// }
/// ```
///
/// `pub struct Thing tagged "thing"` is one whose `type`, not its `object`, is its own: an entry of a
/// [union](crate::tagged).
///
/// `Debug` tells [how long texts are](crate::shown) and not what they say.
///
/// Each struct has `extra` besides, and `blank()` within the crate, to begin a constructor with.
macro_rules! wire {
    (
        $(#[$meta:meta])*
        pub struct $type:ident $(= $object:literal)? $(tagged $tag:literal)? {
            $(
                $(#[$field_meta:meta])*
                pub $field:ident $(as $wire_name:literal)? $(by $reader:ident $(($beside:ident))?)?
                    : $field_type:ty
                    $(= $mode:ident)?,
            )*
        }
        $( own { $( $(#[$own_meta:meta])* pub $own:ident : $own_type:ty, )* } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $type {
            $( $(#[$field_meta])* pub $field: $field_type, )*
            $( $( $(#[$own_meta])* pub $own: $own_type, )* )?
            /// Fields this version does not know; sent as they came.
            pub extra: ::serde_json::Map<String, ::serde_json::Value>,
            pub(crate) seen: $crate::wire::Seen,
        }

        const _: () = {
            use $crate::wire::{self, Field, Key, Seen};

            const OBJECT: Option<(&str, &str)> = $crate::wire::wire!(@object $($object)? $(tagged $tag)?);
            const NAMES: &[&str] = &[
                $( $crate::wire::wire!(@name $field $($wire_name)?), )*
                match OBJECT { Some((name, _)) => name, None => wire::OBJECT },
            ];
            // The last name is `object` or `type`, which only counts where the type has one.
            const KNOWN: &[&str] = NAMES.split_at(NAMES.len() - OBJECT.is_none() as usize).0;
            const _: () = assert!(NAMES.len() <= wire::MOST_FIELDS);

            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Place { $( $field, )* OBJECT_ITSELF }

            impl Field for $type {
                fn blank() -> Self {
                    Self {
                        $( $field: Field::blank(), )*
                        $( $( $own: ::std::default::Default::default(), )* )?
                        extra: ::serde_json::Map::new(),
                        seen: Seen::default(),
                    }
                }

                fn is_blank(&self) -> bool {
                    $( self.$field.is_blank() && )* self.extra.is_empty()
                }

                fn read<'de, D: ::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> Result<Option<Self>, D::Error> {
                    ::serde::Deserialize::deserialize(deserializer)
                }
            }

            impl ::std::fmt::Debug for $type {
                #[inline]
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    let mut shown = $crate::shown::fields(f, stringify!($type), self);
                    $( $( shown.field(stringify!($own), &self.$own); )* )?
                    shown.finish()
                }
            }

            #[cfg(feature = "http")]
            impl wire::Told for $type {
                fn extra(&self) -> Option<&::serde_json::Map<String, ::serde_json::Value>> {
                    Some(&self.extra)
                }
            }

            impl<'de> ::serde::Deserialize<'de> for $type {
                fn deserialize<D: ::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> Result<Self, D::Error> {
                    struct Fields;

                    impl<'de> ::serde::de::Visitor<'de> for Fields {
                        type Value = $type;

                        fn expecting(
                            &self,
                            f: &mut ::std::fmt::Formatter<'_>,
                        ) -> ::std::fmt::Result {
                            f.write_str(concat!("an object: ", stringify!($type)))
                        }

                        fn visit_map<A: ::serde::de::MapAccess<'de>>(
                            self,
                            mut map: A,
                        ) -> Result<$type, A::Error> {
                            let mut value = <$type as Field>::blank();
                            value.seen = Seen::nothing();
                            let mut after = 0;
                            while let Some(key) = wire::next_key(&mut map, KNOWN, &mut after)? {
                                let place = match key {
                                    Key::Known(place) => place,
                                    Key::Unknown(name) => {
                                        value.extra.insert(name, map.next_value()?);
                                        continue;
                                    }
                                };
                                let is_null = match place {
                                    $( place if place == Place::$field as usize => {
                                        $crate::wire::wire!(
                                            @read map value $field (NAMES[place])
                                            $($reader $($beside)?)?
                                        )
                                    } )*
                                    _ => {
                                        let own = OBJECT.unwrap_or_default();
                                        if !wire::next_object(&mut map, own, &mut value.extra)? {
                                            continue;
                                        }
                                        Ok(false)
                                    }
                                };
                                value.seen.note(place, is_null?);
                            }
                            $( $crate::wire::wire!(
                                @check value Place $field
                                ($crate::wire::wire!(@name $field $($wire_name)?)) $($mode)?
                            ); )*
                            Ok(value)
                        }
                    }

                    deserializer.deserialize_map(Fields)
                }
            }

            impl ::serde::Serialize for $type {
                fn serialize<S: ::serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> Result<S::Ok, S::Error> {
                    use ::serde::ser::SerializeMap as _;

                    let mut map = serializer.serialize_map(None)?;
                    $( wire::write(
                        &mut map,
                        $crate::wire::wire!(@name $field $($wire_name)?),
                        &self.$field,
                        $crate::wire::wire!(@stood self Place $field $($mode)?),
                        $crate::wire::wire!(@stated $($mode)?),
                        &self.extra,
                    )?; )*
                    if let Some(object) = OBJECT {
                        let stood = self.seen.at(Place::OBJECT_ITSELF as usize);
                        wire::write_object(&mut map, object, stood, &self.extra)?;
                    }
                    if !self.extra.is_empty() {
                        wire::write_extra(&mut map, &self.extra, |name| match name {
                            $( $crate::wire::wire!(@pattern $field $($wire_name)?) if !self.$field.is_blank() => true, )*
                            _ => false,
                        })?;
                    }
                    map.end()
                }
            }
        };
    };

    (@read $map:ident $value:ident $field:ident ($name:expr)) => {
        wire::next_value(&mut $map, $name, &mut $value.$field, &mut $value.extra)
    };
    (@read $map:ident $value:ident $field:ident ($name:expr) $reader:ident) => {
        wire::next_value_by(&mut $map, wire::$reader, &mut $value.$field)
    };
    (@read $map:ident $value:ident $field:ident ($name:expr) $reader:ident $beside:ident) => {
        wire::next_value_by(&mut $map, wire::$reader(&mut $value.$beside), &mut $value.$field)
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@pattern $field:ident) => { stringify!($field) };
    (@pattern $field:ident $name:literal) => { $name };
    (@object) => { None };
    (@object $object:literal) => { Some(($crate::wire::OBJECT, $object)) };
    (@object tagged $tag:literal) => { Some(($crate::wire::TYPE, $tag)) };
    (@stood $self:ident $place:ident $field:ident) => { $self.seen.at($place::$field as usize) };
    (@stood $self:ident $place:ident $field:ident stated) => { $self.seen.at($place::$field as usize) };
    (@stood $self:ident $place:ident $field:ident required) => { $crate::wire::Stood::Present };
    (@stated) => { false };
    (@stated stated) => { true };
    (@stated required) => { true };
    (@check $value:ident $place:ident $field:ident ($name:expr)) => {};
    (@check $value:ident $place:ident $field:ident ($name:expr) stated) => {};
    (@check $value:ident $place:ident $field:ident ($name:expr) required) => {
        if $value.seen.at($place::$field as usize) != $crate::wire::Stood::Present {
            return Err(::serde::de::Error::missing_field($name));
        }
    };
}

/// Makes a [`Field`] of a type that serde reads as it is.
macro_rules! plain_field {
    ($( $type:ty: $blank:expr => $is_blank:expr ),+ $(,)?) => { $(
        impl $crate::wire::Field for $type {
            fn blank() -> Self {
                $blank
            }

            fn is_blank(&self) -> bool {
                let is_blank: fn(&Self) -> bool = $is_blank;
                is_blank(self)
            }

            fn read<'de, D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<Self>, D::Error> {
                ::serde::Deserialize::deserialize(deserializer)
            }
        }
    )+ };
}

pub(crate) use {plain_field, wire};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    wire! {
        /// A thing.
        #[expect(unreachable_pub, reason = "the macro makes public types")]
        pub struct Thing = "thing" {
            /// Its id.
            pub id: String = required,
            /// When it ended.
            pub ended_at: Option<u64> = stated,
            /// Its kind.
            pub kind as "type": String,
            /// How many.
            pub count: u32,
            /// Which.
            pub list: Vec<String>,
        }
        own {
            /// Not in the JSON.
            pub note: Option<String>,
        }
    }

    fn thing(id: &str) -> Thing {
        Thing { id: id.to_owned(), ..Thing::blank() }
    }

    #[track_caller]
    fn round_trips(value: Value) -> Thing {
        let thing: Thing = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&thing).unwrap(), value);
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<Thing>(&text).unwrap(), thing);
        thing
    }

    #[test]
    fn what_was_blank_is_written_as_it_was_read() {
        round_trips(json!({"id": "a"}));
        round_trips(json!({"id": "", "object": "thing"}));
        round_trips(
            json!({"id": "a", "ended_at": null, "type": null, "count": null, "list": null}),
        );
        round_trips(json!({"id": "a", "ended_at": 0, "type": "", "count": 0, "list": []}));
        round_trips(json!({"id": "a", "ended_at": 7, "type": "t", "count": 3, "list": ["x"]}));
    }

    #[test]
    fn what_is_unknown_is_kept() {
        let thing = round_trips(json!({"id": "a", "object": "other", "x": {"y": [null]}}));
        assert_eq!(thing.extra.len(), 2);
        round_trips(json!({"id": "a", "object": null}));
    }

    #[test]
    fn one_made_here_states_what_is_always_stated() {
        let written = serde_json::to_value(thing("a")).unwrap();
        assert_eq!(written, json!({"id": "a", "ended_at": null, "object": "thing"}));
    }

    #[test]
    fn a_field_that_was_set_since_goes_before_what_was_read() {
        let mut thing: Thing =
            serde_json::from_value(json!({"id": "a", "ended_at": null})).unwrap();
        thing.ended_at = Some(5);
        thing.extra.insert("type".to_owned(), json!("from extra"));
        thing.extra.insert("ended_at".to_owned(), json!("lost"));
        let written = serde_json::to_string(&thing).unwrap();
        assert_eq!(written, r#"{"id":"a","ended_at":5,"type":"from extra"}"#);
    }

    #[test]
    fn numbers_are_read_from_texts_and_floats_and_texts_from_numbers() {
        let read = |value: Value| serde_json::from_value::<Thing>(value).unwrap();
        let thing = read(json!({"id": 17, "count": "12", "ended_at": 1.7e9, "type": -2}));
        assert_eq!((thing.id.as_str(), thing.count, thing.kind.as_str()), ("17", 12, "-2"));
        assert_eq!(thing.ended_at, Some(1_700_000_000));
        let thing = read(json!({"id": "a", "count": "", "ended_at": "2026-11-21T10:00:00Z"}));
        assert_eq!((thing.count, thing.ended_at), (0, None));
        round_trips(json!({"id": "a", "count": "", "ended_at": "2026-11-21T10:00:00Z"}));
    }

    #[test]
    fn the_last_of_two_fields_of_one_name_counts() {
        let thing: Thing = serde_json::from_str(r#"{"id":"a","id":"b","count":1}"#).unwrap();
        assert_eq!((thing.id.as_str(), thing.count), ("b", 1));
    }

    #[test]
    fn what_must_be_there_is_missed() {
        for json in
            ["{}", r#"{"id":null}"#, "[]", "null", r#"{"id":{}}"#, r#"{"id":"a","count":-1}"#]
        {
            assert!(serde_json::from_str::<Thing>(json).is_err(), "{json}");
        }
        let error = serde_json::from_str::<Thing>("{}").unwrap_err();
        assert!(error.to_string().starts_with("missing field `id`"), "{error}");
    }
}
