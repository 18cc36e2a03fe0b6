//! Weights packed for answers.

use super::{Stored, Tensor, Values};
use crate::kernels::Packed;
use crate::store::Room;

/// Packs those of the matrices that answers are faster from, unless they are.
///
/// They lie one after another, in this order. As many bytes as [`packed_size`] tells are taken
/// besides those of the files, whose pages the system may forget. Where there is no memory for them,
/// the matrices stay as they are.
pub(crate) fn pack<'a>(tensors: impl Iterator<Item = &'a Tensor>) {
    let to_pack: Vec<_> = tensors.filter_map(ToPack::of).collect();
    if to_pack.is_empty() {
        return;
    }
    let Ok(mut room) = Room::new(to_pack.iter().map(|it| it.size).sum()) else { return };
    let mut rest = &mut room[..];
    for it in &to_pack {
        let (place, behind) = rest.split_at_mut(it.size);
        Packed::pack(it.stored.dtype, it.cols, &it.stored.bytes, place);
        rest = behind;
    }
    let Ok(bytes) = room.into_bytes() else { return };
    let mut start = 0;
    for it in &to_pack {
        if let Some(part) = bytes.part(start..start + it.size) {
            // If another packed it meanwhile, it is packed.
            let _ = it.stored.packed.set(part);
        }
        start += it.size;
    }
}

/// How many bytes the matrices take when they are packed, beside those of their files.
pub(crate) fn packed_size<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> u64 {
    tensors.filter_map(|tensor| tensor.to_pack().map(|(_, size)| size as u64)).sum()
}

/// A matrix that is not packed yet.
struct ToPack<'a> {
    stored: &'a Stored,
    cols: usize,
    size: usize,
}

impl<'a> ToPack<'a> {
    fn of(tensor: &'a Tensor) -> Option<Self> {
        let (stored, size) = tensor.to_pack()?;
        let is_packed = stored.packed.get().is_some();
        (!is_packed).then(|| Self { stored, cols: tensor.width(), size })
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

    #[test]
    fn packed_weights_are_the_same_and_are_packed_once() {
        let tensors = [
            stored(Dtype::Q8_0, 20),
            stored(Dtype::F16, 9),
            stored(Dtype::Q4_0, 8),
            stored(Dtype::Q4_0, 7),
        ];
        let before = tensors.each_ref().map(Tensor::to_vec);
        let x: Vec<f32> = (0..64 * 10).map(|i| (i as f32).sin()).collect();
        let products = tensors.each_ref().map(|it| it.product(&x));
        pack(tensors.iter());
        let places = || {
            tensors
                .each_ref()
                .map(|it| it.to_pack().and_then(|(it, _)| it.packed.get()).map(|it| it.as_ptr()))
        };
        let packed = places();
        // The sums are those of another product of matrices, which may add them up in other parts.
        for (found, expected) in tensors.each_ref().map(|it| it.product(&x)).iter().zip(&products) {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= 1e-3, "{found}, not {expected}");
            }
        }
        assert_eq!(tensors.each_ref().map(Tensor::to_vec), before);
        let copies = tensors.clone();
        pack(copies.iter());
        assert_eq!(places(), packed);
        let size = [(Dtype::Q8_0, 20), (Dtype::Q4_0, 8)]
            .map(|(dtype, rows)| Packed::size(dtype, rows, 64));
        let is_packed = packed.map(|it| it.is_some());
        assert_eq!(is_packed, [size[0].is_some(), false, size[1].is_some(), false]);
        assert_eq!(packed_size(tensors.iter()), size.into_iter().flatten().sum::<usize>() as u64);
    }
}
