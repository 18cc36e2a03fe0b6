//! How weights lie in files.

mod mapped;

pub(crate) use self::mapped::{Bytes, Room};
