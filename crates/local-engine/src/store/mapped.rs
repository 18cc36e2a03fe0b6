//! Bytes that lie in a file, in memory or in the program, without a copy.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, DerefMut, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapMut, MmapOptions};

/// Bytes that many may share; copies and parts of them are cheap.
///
/// A file that is mapped must not be cut short by others while it is in use: a look at a page that
/// is gone ends the process (`SIGBUS`). To put another model in its place, write a new file and
/// rename it, as this engine does; the old one then stays whole until it is no longer used.
#[derive(Clone)]
pub(crate) struct Bytes {
    owner: Owner,
    /// Lies within the owner.
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Program(&'static [u8]),
    Memory(Arc<Vec<u8>>),
    Map(Arc<Mmap>),
}

impl Bytes {
    /// Opens a file, whose pages are then read as they are looked at.
    ///
    /// Where the system cannot map it, as in some file systems, it is read whole.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        match map(&file) {
            Ok(map) => Ok(Self::whole(Owner::Map(Arc::new(map)))),
            Err(_) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    /// Some of these bytes; `None` if there are not so many.
    pub(crate) fn part(&self, range: Range<usize>) -> Option<Self> {
        let is_within = range.start <= range.end && range.end <= self.range.len();
        let start = self.range.start;
        is_within.then(|| Self {
            owner: self.owner.clone(),
            range: start + range.start..start + range.end,
        })
    }

    fn whole(owner: Owner) -> Self {
        let range = 0..owner.bytes().len();
        Self { owner, range }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::whole(Owner::Memory(Arc::new(bytes)))
    }
}

impl From<&'static [u8]> for Bytes {
    fn from(bytes: &'static [u8]) -> Self {
        Self::whole(Owner::Program(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.owner.bytes()[self.range.clone()]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.range.len())
    }
}

impl Owner {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Program(bytes) => bytes,
            Self::Memory(bytes) => bytes,
            Self::Map(map) => map,
        }
    }
}

/// Memory to be filled, in large pages where the system has such.
///
/// What is read from end to end is read faster in large pages: a machine that foresees what comes
/// next does so within a page.
pub(crate) struct Room(MmapMut);

impl Room {
    /// So many zeros, which take no memory before something else is written there.
    ///
    /// Whether there is so much memory shows only then: most systems promise more than they have, and
    /// end a process that takes them at their word. It is for the caller to ask before.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let map = MmapMut::map_anon(bytes)?;
        // Small pages do as well.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(map))
    }

    /// What was written, to be shared.
    pub(crate) fn into_bytes(self) -> io::Result<Bytes> {
        Ok(Bytes::whole(Owner::Map(Arc::new(self.0.make_read_only()?))))
    }
}

impl Deref for Room {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[expect(unsafe_code, reason = "a file can change under its map, which no type can rule out")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and only read. What others write into the file meanwhile may show
    // in it, which changes numbers, not what code does with memory: all that is read from it, sizes
    // and offsets among it, is copied before it is checked and used. Cutting the file short ends
    // the process, as the type says.
    unsafe { MmapOptions::new().map_copy_read_only(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_bytes_as_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for content in [&b""[..], b"weights"] {
            std::fs::write(&path, content).unwrap();
            let bytes = Bytes::open(&path).unwrap();
            assert_eq!(&*bytes, content);
            assert_eq!(format!("{bytes:?}"), format!("Bytes({})", content.len()));
        }
        assert_eq!(
            Bytes::open(folder.path().join("b").as_path()).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn room_is_zeros_until_it_is_filled() {
        let mut room = Room::new(7).unwrap();
        assert_eq!(*room, [0; 7]);
        room[..4].copy_from_slice(b"some");
        assert_eq!(&*room.into_bytes().unwrap(), b"some\0\0\0");
        assert!(Room::new(0).unwrap().into_bytes().unwrap().is_empty());
    }

    #[test]
    fn a_part_of_a_part_is_a_part() {
        let bytes = Bytes::from(&b"weights"[..]);
        let part = bytes.part(1..5).unwrap();
        assert_eq!((&*part, &*part.part(1..3).unwrap()), (&b"eigh"[..], &b"ig"[..]));
        assert!(part.part(1..5).is_none());
        let (start, end) = (3, 2);
        assert!(part.part(start..end).is_none());
    }

    #[test]
    fn a_file_that_is_replaced_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, b"old").unwrap();
        std::fs::write(&other, b"newer").unwrap();
        let bytes = Bytes::open(&path).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(&*bytes, b"old");
    }
}
