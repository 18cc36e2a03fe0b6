//! One page of a list.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

use crate::wire::{self, Key, Seen};

/// One page of a list endpoint, newest or first entry first as the server orders it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entries of this page; `null` counts as none, but an object without `data` is no page.
    pub data: Vec<T>,
    /// Whether a further page follows the last entry.
    pub has_more: bool,
    /// Fields this version does not know, such as `first_id`; sent as they came.
    pub extra: Map<String, Value>,
    seen: Seen,
}

impl<T> Page<T> {
    /// A page that is the whole list.
    #[must_use]
    pub fn whole(data: Vec<T>) -> Self {
        Self { data, has_more: false, extra: Map::new(), seen: Seen::default() }
    }
}

#[cfg(feature = "http")]
impl<T> wire::Told for Page<T> {
    fn extra(&self) -> Option<&Map<String, Value>> {
        Some(&self.extra)
    }
}

// By hand: `wire!` makes no generic types.

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        wire::write_object(&mut map, (wire::OBJECT, LIST), self.seen.at(OBJECT), &self.extra)?;
        map.serialize_entry(NAMES[DATA], &self.data)?;
        let stood = self.seen.at(HAS_MORE);
        wire::write(&mut map, NAMES[HAS_MORE], &self.has_more, stood, true, &self.extra)?;
        wire::write_extra(&mut map, &self.extra, |name| NAMES[..OBJECT].contains(&name))?;
        map.end()
    }
}

impl<'de, T: for<'a> Deserialize<'a>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadPage(PhantomData))
    }
}

struct ReadPage<T>(PhantomData<T>);

impl<'de, T: for<'a> Deserialize<'a>> Visitor<'de> for ReadPage<T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a list, or a list")
    }

    /// Together lists its models as a bare array.
    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Page<T>, A::Error> {
        let mut page = Page::whole(Vec::new());
        while let Some(entry) = entries.next_element()? {
            page.data.push(entry);
        }
        Ok(page)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page<T>, A::Error> {
        let mut page = Page { seen: Seen::nothing(), ..Page::whole(Vec::new()) };
        let (mut after, mut has_data) = (0, false);
        while let Some(key) = wire::next_key(&mut map, NAMES, &mut after)? {
            match key {
                Key::Known(DATA) => {
                    wire::next_value(&mut map, NAMES[DATA], &mut page.data, &mut page.extra)?;
                    has_data = true;
                }
                Key::Known(HAS_MORE) => {
                    let (name, extra) = (NAMES[HAS_MORE], &mut page.extra);
                    let is_null = wire::next_value(&mut map, name, &mut page.has_more, extra)?;
                    page.seen.note(HAS_MORE, is_null);
                }
                Key::Known(_) => {
                    if wire::next_object(&mut map, (wire::OBJECT, LIST), &mut page.extra)? {
                        page.seen.note(OBJECT, false);
                    }
                }
                Key::Unknown(name) => {
                    page.extra.insert(name, map.next_value()?);
                }
            }
        }
        if has_data { Ok(page) } else { Err(A::Error::missing_field(NAMES[DATA])) }
    }
}

const NAMES: &[&str] = &["data", "has_more", wire::OBJECT];
const DATA: usize = 0;
const HAS_MORE: usize = 1;
const OBJECT: usize = 2;
const LIST: &str = "list";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_as_it_was_read() {
        for json in [
            r#"{"object":"list","data":[1,2],"has_more":true,"first_id":null}"#,
            r#"{"data":[]}"#,
            r#"{"object":"page","data":[],"has_more":null}"#,
        ] {
            let page: Page<u32> = serde_json::from_str(json).unwrap();
            let written = serde_json::to_value(&page).unwrap();
            assert_eq!(written, serde_json::from_str::<Value>(json).unwrap());
        }
    }

    #[test]
    fn a_bare_list_is_a_page_and_an_object_without_data_is_none() {
        let page: Page<u32> = serde_json::from_str("[1,2]").unwrap();
        assert_eq!(page, Page::whole(vec![1, 2]));
        assert!(serde_json::from_str::<Page<u32>>("{}").is_err());
    }
}
