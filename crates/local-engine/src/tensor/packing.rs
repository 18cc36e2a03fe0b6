//! Weights packed for answers.

use super::{Stored, Tensor, Values};
use crate::kernels::Packed;
use crate::store::{Bytes, Room};

/// Packs those of the matrices that answers are faster from, unless that was decided before.
///
/// They lie one after another, in this order. As many bytes as [`packed_size`] tells are taken
/// besides those of the files, whose pages the system may forget, and these it may not. So they are
/// packed only if there is [room](has_room) for all of them in what `available` tells; where it tells
/// nothing, there is. Otherwise they stay as they are for good: sums of another order later on would
/// not go with keys and values that were computed before.
pub(crate) fn pack<'a>(
    tensors: impl Iterator<Item = &'a Tensor>,
    available: impl FnOnce() -> Option<u64>,
) {
    let to_pack: Vec<_> = tensors.filter_map(ToPack::of).collect();
    if to_pack.is_empty() {
        return;
    }
    let packed = packed(&to_pack, available());
    let mut start = 0;
    for it in &to_pack {
        let part = packed.as_ref().and_then(|bytes| bytes.part(start..start + it.size));
        // If another decided meanwhile, that holds.
        let _ = it.stored.packed.set(part);
        start += it.size;
    }
}

/// The matrices end to end; `None` if there is no room for them.
fn packed(to_pack: &[ToPack<'_>], available: Option<u64>) -> Option<Bytes> {
    let size = to_pack.iter().map(|it| it.size).sum();
    if !has_room(size as u64, available) {
        return None;
    }
    let mut room = Room::new(size).ok()?;
    let mut rest = &mut room[..];
    for it in to_pack {
        let (place, behind) = rest.split_at_mut(it.size);
        Packed::pack(it.stored.dtype, it.cols, &it.stored.bytes, place);
        rest = behind;
    }
    room.into_bytes().ok()
}

/// Whether so many bytes leave enough of those that are available: a quarter as many and
/// [`SPARE`], for keys and values, and for what a step works with.
fn has_room(size: u64, available: Option<u64>) -> bool {
    available.is_none_or(|available| size.saturating_add(size / 4 + SPARE) <= available)
}

/// What is left to the rest of the program in any case: 256 MiB.
const SPARE: u64 = 256 << 20;

/// How many bytes the matrices take when they are packed, beside those of their files.
pub(crate) fn packed_size<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> u64 {
    tensors.filter_map(|tensor| tensor.to_pack().map(|(_, size)| size as u64)).sum()
}

/// A matrix of which it is not decided yet whether it is packed.
struct ToPack<'a> {
    stored: &'a Stored,
    cols: usize,
    size: usize,
}

impl<'a> ToPack<'a> {
    fn of(tensor: &'a Tensor) -> Option<Self> {
        let (stored, size) = tensor.to_pack()?;
        let is_decided = stored.packed.get().is_some();
        (!is_decided).then(|| Self { stored, cols: tensor.width(), size })
    }
}

impl Tensor {
    /// What is stored, and in how many bytes it would be packed, if it is better packed.
    fn to_pack(&self) -> Option<(&Stored, usize)> {
        match &self.values {
            Values::Floats(_) => None,
            Values::Stored(stored) => {
                Some((&**stored, Packed::size(stored.dtype, self.rows(), self.width())?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Dtype;
    use crate::quant::tests::random_blocks;

    fn stored(dtype: Dtype, rows: usize) -> Tensor {
        let bytes = random_blocks(dtype, rows * 64, rows as u64);
        Tensor::stored(vec![rows, 64], dtype, bytes.into()).unwrap()
    }

    fn mixed() -> [Tensor; 4] {
        [
            stored(Dtype::Q8_0, 20),
            stored(Dtype::F16, 9),
            stored(Dtype::Q4_0, 8),
            stored(Dtype::Q4_0, 7),
        ]
    }

    /// Where the packed form of each lies, if it has one.
    fn places(tensors: &[Tensor; 4]) -> [Option<*const u8>; 4] {
        tensors.each_ref().map(|it| {
            let (stored, _) = it.to_pack()?;
            stored.packed.get()?.as_ref().map(|packed| packed.as_ptr())
        })
    }

    /// So many rows to be multiplied by each.
    fn rows(count: usize) -> Vec<f32> {
        (0..64 * count).map(|i| (i as f32).sin()).collect()
    }

    #[test]
    fn packed_weights_are_the_same_and_are_packed_once() {
        let tensors = mixed();
        let products = |count| tensors.each_ref().map(|it| it.product(&rows(count)));
        let (before, many_before) = ([1, 3, 8].map(products), products(10));
        pack(tensors.iter(), || None);
        let packed = places(&tensors);
        // A few rows are summed up otherwise than they were, and many in other parts.
        for (found, expected) in [1, 3, 8].map(products).iter().zip(&before) {
            close(found, expected);
        }
        close(&products(10), &many_before);
        let copies = tensors.clone();
        pack(copies.iter(), || None);
        assert_eq!(places(&tensors), packed);
        let size = [(Dtype::Q8_0, 20), (Dtype::Q4_0, 8)]
            .map(|(dtype, rows)| Packed::size(dtype, rows, 64));
        let is_packed = packed.map(|it| it.is_some());
        assert_eq!(is_packed, [size[0].is_some(), false, size[1].is_some(), false]);
        assert_eq!(packed_size(tensors.iter()), size.into_iter().flatten().sum::<usize>() as u64);
    }

    #[track_caller]
    fn close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() <= 1e-3, "{found}, not {expected}");
        }
    }

    #[test]
    fn without_memory_for_them_they_stay_as_they_are_for_good() {
        let tensors = mixed();
        let products = || tensors.each_ref().map(|it| it.product(&rows(10)));
        let before = products();
        let needed = packed_size(tensors.iter());
        pack(tensors.iter(), || Some(needed));
        // There is enough now, and it is too late.
        pack(tensors.iter(), || None);
        assert_eq!((places(&tensors), products()), ([None; 4], before));
    }

    #[test]
    fn some_memory_is_to_be_left() {
        const GB: u64 = 1_000_000_000;
        for (available, expected) in
            [(None, true), (Some(12 * GB), true), (Some(8 * GB), false), (Some(0), false)]
        {
            assert_eq!(has_room(7 * GB, available), expected, "{available:?}");
        }
        assert!(has_room(1 << 20, Some(SPARE + (2 << 20))));
        assert!(!has_room(1 << 20, Some(SPARE)));
    }
}
