//! Enums whose unknown values survive a round trip.

/// Declares a string enum with an `Other(String)` variant that keeps what it does not know.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident $(default $default:ident)? {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal $(| $alias:literal)*, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// A value this version does not know, as the server sent it.
            Other(String),
        }

        impl $name {
            /// The value as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(text) => text,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text $(| $alias)* => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match Self::from(text.as_str()) {
                    Self::Other(_) => Self::Other(text),
                    known => known,
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(&*$crate::wire::any_word(deserializer)?))
            }
        }

        $crate::open_enum::open_enum! { @field $name $($default)? }
    };
    // What is missing or `null` counts as this.
    (@field $name:ident $default:ident) => {
        $crate::open_enum::word_field! {
            $name: Self::$default => |value| *value == Self::$default,
        }
    };
    (@field $name:ident) => {
        $crate::open_enum::word_field! {
            $name: Self::Other(String::new()) => |value| value.as_str().is_empty(),
        }
    };
}

/// Makes a field of an enum; some servers write `null` out, or send an empty text for it.
macro_rules! word_field {
    ($name:ident: $blank:expr => $is_blank:expr $(,)?) => {
        impl $crate::wire::Field for $name {
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
                Ok($crate::wire::word(deserializer)?.map(|word| Self::from(&*word)))
            }
        }
    };
}

/// Declares a newtype over `String` that is sent as a plain string.
macro_rules! string_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = <String as $crate::wire::Field>::read(deserializer)?;
                id.map(Self).ok_or_else(|| ::serde::de::Error::custom("an id is null"))
            }
        }

        impl $crate::wire::Field for $name {
            fn blank() -> Self {
                Self::default()
            }

            fn is_blank(&self) -> bool {
                self.0.is_empty()
            }

            fn read<'de, D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<Self>, D::Error> {
                Ok(<String as $crate::wire::Field>::read(deserializer)?.map(Self))
            }
        }

        impl $name {
            /// Takes an id as it is; no form is required, since servers differ.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id as it stands on the wire, as a text of its own.
            #[must_use]
            pub fn into_inner(self) -> String {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            fn from_str(id: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(id))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

pub(crate) use {open_enum, string_id, word_field};

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use crate::{ModelId, Role};

    #[test]
    fn an_id_becomes_a_text_and_a_text_an_id() {
        let id: ModelId = "m".parse().unwrap();
        assert_eq!(ModelId::from(&id), id);
        assert_eq!(String::from(id.clone()), id.into_inner());
    }

    #[test]
    fn a_map_by_ids_is_searched_by_texts() {
        let id = || ModelId::new("m");
        assert_eq!(HashMap::from([(id(), 7)]).get("m"), Some(&7));
        assert_eq!(BTreeMap::from([(id(), 7)]).get("m"), Some(&7));
    }

    #[test]
    fn a_word_is_made_of_any_text() {
        for text in ["user", "developer", "narrator", ""] {
            let role = Role::from(text);
            assert_eq!(Role::from(text.to_owned()), role);
            assert_eq!(text.parse(), Ok(role));
        }
    }
}
