//! Which texts are worth comparing: those whose sketches agree in a whole band.

/// How a sketch is cut into bands of as many rows each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) bands: usize,
    pub(crate) rows: usize,
}

impl Cut {
    /// The cut with the most rows by which texts of this similarity still are found, but for one
    /// in fifty.
    pub(crate) fn for_similarity(similarity: f64, numbers: usize) -> Self {
        let cuts = (1..=numbers).rev().map(|rows| Self { bands: numbers / rows, rows });
        let mut good = cuts.filter(|cut| cut.found(similarity) >= 0.98);
        good.next().unwrap_or(Self { bands: numbers, rows: 1 })
    }

    /// The probability that two texts of this similarity agree in a band at least.
    pub(crate) fn found(self, similarity: f64) -> f64 {
        let band = similarity.powi(self.rows as i32);
        1.0 - (1.0 - band).powi(self.bands as i32)
    }
}

/// From the hash of a band to the texts that have it, at most [`MOST`] each.
///
/// A slot holds half of the hash and a text; half is enough, as texts that are found are compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    /// The text's number and one; 0 if the slot is free.
    text: u32,
}

impl Table {
    /// The texts that have this hash in a band.
    pub(crate) fn texts(&self, hash: u64) -> impl Iterator<Item = u32> {
        let tag = tag(hash);
        self.from(tag).filter(move |slot| slot.tag == tag).map(|slot| slot.text - 1)
    }

    /// Takes a text in, unless there are [`MOST`] with this hash.
    pub(crate) fn insert(&mut self, hash: u64, text: u32) {
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let tag = tag(hash);
        let mut at = self.place(tag);
        let mut same = 0;
        while self.slots[at].text != 0 && same < MOST {
            same += usize::from(self.slots[at].tag == tag);
            at = (at + 1) & (self.slots.len() - 1);
        }
        if same < MOST {
            self.slots[at] = Slot { tag, text: text + 1 };
            self.len += 1;
        }
    }

    /// The bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// The slots from where `tag` belongs to the next that is free.
    fn from(&self, tag: u32) -> impl Iterator<Item = Slot> {
        let (end, start) = self.slots.split_at(self.place(tag));
        start.iter().chain(end).copied().take_while(|slot| slot.text != 0)
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.place(slot.tag);
        while self.slots[at].text != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    fn place(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    fn grow(&mut self) {
        let slots = vec![FREE; (self.slots.len() * 2).max(64)];
        let old = std::mem::replace(&mut self.slots, slots);
        old.into_iter().filter(|slot| slot.text != 0).for_each(|slot| self.put(slot));
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

const FREE: Slot = Slot { tag: 0, text: 0 };

/// So that texts made of one template do not all have to be compared with each other.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_follows_the_curve_of_bands_and_rows() {
        for (similarity, bands, rows) in [(0.5, 42, 3), (0.7, 25, 5), (0.8, 18, 7), (0.9, 11, 11)] {
            assert_eq!(Cut::for_similarity(similarity, 128), Cut { bands, rows }, "{similarity}");
        }
        assert_eq!(Cut::for_similarity(1.0, 128), Cut { bands: 1, rows: 128 });
    }

    #[test]
    fn a_text_is_found_by_each_of_its_hashes_as_the_table_grows() {
        let mut table = Table::default();
        let hash = |n: u32| u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for text in 0..5000 {
            table.insert(hash(text), text);
        }
        for text in 0..5000 {
            assert!(table.texts(hash(text)).any(|found| found == text));
        }
        assert_eq!(table.texts(hash(6000)).count(), 0);
        assert_eq!(Table::default().texts(1).count(), 0);
    }

    #[test]
    fn one_hash_is_kept_for_a_few_texts_only() {
        let mut table = Table::default();
        for text in 0..1000 {
            table.insert(7, text);
        }
        assert_eq!(table.texts(7).collect::<Vec<_>>(), (0..MOST as u32).collect::<Vec<_>>());
        assert!(table.memory() <= 64 * size_of::<Slot>());
    }
}
