//! Matrices packed for decoding: eight rows side by side.
//!
//! A block of each of eight rows lies beside those of the others: first the eight scales, then the
//! rest, four bytes of each row in turn. So a vector holds values of eight rows, which are all
//! multiplied by the same four values of the input, and the sums of eight rows are one vector: none
//! is added up crosswise, and scales are read eight at a time. llama.cpp lays `Q4_0` out alike
//! (`block_q4_0x8` in its `ggml-cpu/repack.cpp`).

use std::ops::Range;

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::input::Input;
use super::{ROWS, SMALL, many_by};
use crate::quant::{Dtype, dequantize};

/// A packed matrix, which is as long as its rows were, filled up to a multiple of eight.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    bytes: &'a [u8],
}

impl<'a> Packed<'a> {
    /// How many bytes a matrix takes when it is packed; `None` if it is better left as it is.
    pub(crate) fn size(dtype: Dtype, rows: usize, cols: usize) -> Option<usize> {
        let is_known =
            matches!(dtype, Dtype::Q8_0 | Dtype::Q4_0 | Dtype::Q5_0) && is_of_use() && rows >= SIDE;
        let rows = is_known.then(|| rows.checked_next_multiple_of(SIDE))??;
        rows.checked_mul(dtype.row_bytes(cols)?)
    }

    /// Packs a matrix into `out`, which holds zeros.
    ///
    /// # Panics
    ///
    /// If `out` is not as long as [`size`](Self::size) says, or the matrix is not of whole rows.
    pub(crate) fn pack(dtype: Dtype, cols: usize, matrix: &[u8], out: &mut [u8]) {
        let width = row_width(dtype, cols);
        let rows = matrix.len() / width;
        assert_eq!(matrix.len(), rows * width, "whole rows of {}", dtype.name());
        assert_eq!(Some(out.len()), Self::size(dtype, rows, cols), "room for all rows");
        let panels = out.par_chunks_mut(width * ROWS).zip(matrix.par_chunks(width * ROWS));
        panels.for_each(|(out, matrix)| {
            for (panel, rows) in out.chunks_mut(width * SIDE).zip(matrix.chunks(width * SIDE)) {
                pack_panel(dtype, width, rows, panel);
            }
        });
    }

    /// What [`pack`](Self::pack) made of so many rows.
    ///
    /// # Panics
    ///
    /// If it has not as many bytes as such a matrix has.
    pub(crate) fn new(dtype: Dtype, rows: usize, cols: usize, bytes: &'a [u8]) -> Self {
        assert_eq!(Some(bytes.len()), Self::size(dtype, rows, cols), "a packed matrix");
        Self { dtype, rows, cols, bytes }
    }

    /// `x · selfᵀ`, for a few rows of `x`, which are rounded to eight bits.
    ///
    /// # Panics
    ///
    /// If `x` is not of whole rows.
    pub(crate) fn few_rows(self, x: &[f32]) -> Vec<f32> {
        let (rows, count) = (self.rows, x.len() / self.cols);
        assert_eq!(x.len(), count * self.cols, "whole rows of {}", self.cols);
        if count == 0 {
            return Vec::new();
        }
        let input = Input::new(self.dtype, x, self.cols);
        let mut products = vec![0.0; rows * count];
        let width = row_width(self.dtype, self.cols);
        let in_task = if self.bytes.len() <= SMALL { rows } else { ROWS };
        if in_task == rows {
            multiply(self.dtype, self.bytes, self.cols, &input, &mut products);
        } else {
            let tasks = products.par_chunks_mut(in_task * count);
            tasks.zip(self.bytes.par_chunks(in_task * width)).for_each(|(products, panels)| {
                multiply(self.dtype, panels, self.cols, &input, products);
            });
        }
        if count == 1 {
            return products;
        }
        // The products of one task lie input by input.
        let mut out = Vec::with_capacity(products.len());
        for nth in 0..count {
            for part in products.chunks(in_task * count) {
                let rows = part.len() / count;
                out.extend_from_slice(&part[nth * rows..][..rows]);
            }
        }
        out
    }

    /// `x · selfᵀ`, for many rows of `x`, as floats.
    ///
    /// # Panics
    ///
    /// If `x` is not of whole rows.
    pub(crate) fn many_rows(self, x: &[f32]) -> Vec<f32> {
        many_by((self.rows, self.cols), SIDE, x, |rows, floats| self.widen(rows, floats))
    }

    /// The values of some rows, of which the first is the first of its panel.
    fn widen(self, rows: Range<usize>, out: &mut [f32]) {
        let width = row_width(self.dtype, self.cols);
        let panels = &self.bytes[rows.start * width..rows.end.next_multiple_of(SIDE) * width];
        let outs = out.chunks_mut(SIDE * self.cols);
        for (out, panel) in outs.zip(panels.chunks_exact(SIDE * width)) {
            widen(self.dtype, panel, self.cols, out);
        }
    }
}

/// How many rows lie side by side.
pub(super) const SIDE: usize = 8;

fn row_width(dtype: Dtype, cols: usize) -> usize {
    dtype.row_bytes(cols).unwrap_or(0).max(1)
}

/// Whether the machine has kernels for what is packed.
fn is_of_use() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::is_there();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Lays up to eight rows side by side.
fn pack_panel(dtype: Dtype, width: usize, rows: &[u8], panel: &mut [u8]) {
    let (_, bytes) = dtype.block();
    for (nth, row) in rows.chunks_exact(width).enumerate() {
        for (block, out) in row.chunks_exact(bytes).zip(panel.chunks_exact_mut(SIDE * bytes)) {
            let (scale, values) = block.split_at(2);
            let (scales, out) = out.split_at_mut(2 * SIDE);
            scales[2 * nth..][..2].copy_from_slice(scale);
            let fours = out.as_chunks_mut::<4>().0.iter_mut().skip(nth).step_by(SIDE);
            for (out, four) in fours.zip(values.as_chunks::<4>().0) {
                *out = *four;
            }
        }
    }
}

/// The rows of a panel, as many as there is room for.
fn unpack_panel(dtype: Dtype, width: usize, panel: &[u8], rows: &mut [u8]) {
    let (_, bytes) = dtype.block();
    for (nth, row) in rows.chunks_exact_mut(width).enumerate() {
        for (block, panel) in row.chunks_exact_mut(bytes).zip(panel.chunks_exact(SIDE * bytes)) {
            let (scale, values) = block.split_at_mut(2);
            let (scales, panel) = panel.split_at(2 * SIDE);
            scale.copy_from_slice(&scales[2 * nth..][..2]);
            let fours = panel.as_chunks::<4>().0.iter().skip(nth).step_by(SIDE);
            for (four, panel) in values.as_chunks_mut::<4>().0.iter_mut().zip(fours) {
                *four = *panel;
            }
        }
    }
}

/// The products of some panels with each row of the input, input by input.
fn multiply(dtype: Dtype, panels: &[u8], cols: usize, input: &Input<'_>, products: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if let (Input::Groups(groups), true) = (input, avx2::is_there()) {
        return avx2::multiply_packed(dtype, panels, cols, groups, products);
    }
    portable(dtype, panels, cols, input, products);
}

/// The same on any machine.
fn portable(dtype: Dtype, panels: &[u8], cols: usize, input: &Input<'_>, products: &mut [f32]) {
    let (width, count) = (row_width(dtype, cols), input.rows(cols));
    let rows = products.len() / count;
    let mut unpacked = vec![0; SIDE * width];
    let mut side = vec![0.0; SIDE * count];
    for (first, panel) in (0..rows).step_by(SIDE).zip(panels.chunks_exact(SIDE * width)) {
        unpack_panel(dtype, width, panel, &mut unpacked);
        super::portable(dtype, &unpacked, cols, input, &mut side);
        for (nth, products) in products.chunks_exact_mut(rows).enumerate() {
            let side = side.iter().skip(nth).step_by(count);
            for (product, found) in products[first..].iter_mut().zip(side) {
                *product = *found;
            }
        }
    }
}

/// The values of up to eight rows of a panel.
fn widen(dtype: Dtype, panel: &[u8], cols: usize, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::widen_packed(dtype, panel, cols, out);
    }
    let mut rows = vec![0; out.len() / cols * row_width(dtype, cols)];
    unpack_panel(dtype, row_width(dtype, cols), panel, &mut rows);
    dequantize(dtype, &rows, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::gemv::FEW;
    use crate::kernels::gemv::input::GROUP;
    use crate::kernels::tests::noise;
    use crate::quant::tests::random_blocks;

    fn any_dtype() -> impl Strategy<Value = Dtype> {
        prop::sample::select(vec![Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0])
    }

    fn packed(dtype: Dtype, cols: usize, matrix: &[u8]) -> Vec<u8> {
        let width = row_width(dtype, cols);
        let mut out = vec![0; (matrix.len() / width).next_multiple_of(SIDE) * width];
        let panels = out.chunks_mut(width * SIDE).zip(matrix.chunks(width * SIDE));
        panels.for_each(|(panel, rows)| pack_panel(dtype, width, rows, panel));
        out
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_it_was(
            dtype in any_dtype(), seed: u64, rows in 1_usize..20, blocks in 1_usize..5,
        ) {
            let cols = blocks * GROUP;
            let width = row_width(dtype, cols);
            let matrix = random_blocks(dtype, rows * cols, seed);
            let packed = packed(dtype, cols, &matrix);
            let mut found = vec![0; matrix.len()];
            for (rows, panel) in found.chunks_mut(SIDE * width).zip(packed.chunks(SIDE * width)) {
                unpack_panel(dtype, width, panel, rows);
            }
            prop_assert_eq!(found, &matrix[..]);
            let (mut floats, mut expected) = (vec![0.0; rows * cols], vec![0.0; rows * cols]);
            for (out, panel) in floats.chunks_mut(SIDE * cols).zip(packed.chunks(SIDE * width)) {
                widen(dtype, panel, cols, out);
            }
            dequantize(dtype, &matrix, &mut expected);
            prop_assert_eq!(floats, expected);
        }

        #[test]
        fn every_kernel_agrees_with_the_portable_one(
            dtype in any_dtype(), seed: u64, rows in 1_usize..40, blocks in 1_usize..5,
            count in 1..=FEW,
        ) {
            let cols = blocks * GROUP;
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let (input, packed) = (Input::new(dtype, &x, cols), packed(dtype, cols, &matrix));
            let (mut found, mut expected) = (vec![0.0; rows * count], vec![0.0; rows * count]);
            multiply(dtype, &packed, cols, &input, &mut found);
            portable(dtype, &packed, cols, &input, &mut expected);
            let mut weights = vec![0.0; rows * cols];
            dequantize(dtype, &matrix, &mut weights);
            let most = weights.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
            let tolerance = most * cols as f32 * 1e-6;
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= tolerance, "{found} and {expected}");
            }
        }

        #[test]
        fn a_row_gives_the_same_bits_whatever_is_beside_it(
            dtype in any_dtype(), seed: u64, rows in SIDE..600, count in 2..=FEW, nth in 0..FEW,
        ) {
            // Packed, it is of use only where there are kernels for it.
            prop_assume!(is_of_use());
            let (cols, nth) = (256, nth % count);
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let bytes = packed(dtype, cols, &matrix);
            let all = Packed::new(dtype, rows, cols, &bytes);
            let together = all.few_rows(&x);
            let alone = all.few_rows(&x[nth * cols..][..cols]);
            prop_assert_eq!(&together[nth * rows..][..rows], &alone[..]);
            // The last rows as a matrix of their own, at other places of their panels.
            let last = packed(dtype, cols, &matrix[matrix.len() / rows * (rows - SIDE)..]);
            let last = Packed::new(dtype, SIDE, cols, &last).few_rows(&x);
            prop_assert_eq!(&together[rows * count - SIDE..], &last[SIDE * (count - 1)..]);
            let many = all.many_rows(&x);
            let size = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
            let off = size(&mut many.iter().zip(&together).map(|(a, b)| a - b));
            prop_assert!(off <= 0.02 * size(&mut many.iter().copied()), "off by {off}");
        }
    }

    #[test]
    fn only_what_gains_by_it_is_packed() {
        let width = 2 * Dtype::Q8_0.block().1;
        assert_eq!(Packed::size(Dtype::Q8_0, 9, 64), is_of_use().then_some(16 * width));
        assert_eq!(Packed::size(Dtype::Q8_0, 7, 64), None);
        assert_eq!(Packed::size(Dtype::Q8_0, 9, 65), None);
        assert_eq!(Packed::size(Dtype::Q8_0, usize::MAX, 64), None);
        assert_eq!(Packed::size(Dtype::Q4_1, 9, 64), None);
        assert_eq!(Packed::size(Dtype::Q4K, 9, 256), None);
        assert_eq!(Packed::size(Dtype::F32, 9, 64), None);
    }
}
