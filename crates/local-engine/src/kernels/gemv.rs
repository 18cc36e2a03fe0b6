//! Products of stored matrices with a few rows, as in decoding.
//!
//! Each weight is read once from where it lies, whatever type it is of. What quantised weights are
//! multiplied by is rounded to eight bits first, in groups of 32 with a scale each, or of 256 for
//! types with a K, as llama.cpp does, so that most of the work is on small whole numbers. A result depends on its own row of the
//! matrix and its own row of `x` alone: not on how many there are, nor on the number of threads.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod input;
mod packed;

use std::ops::Range;

use rayon::prelude::*;

use self::input::Input;
pub(crate) use self::packed::Packed;
use super::lanes::dot;
use crate::matmul::{View, product};
use crate::quant::{Dtype, dequantize};

/// `x · matrixᵀ` for up to [`FEW`] rows of `x`; the matrix has rows of `cols` values of this type.
///
/// # Panics
///
/// If the bytes are not whole rows, or `x` is not.
pub(crate) fn few_rows(dtype: Dtype, matrix: &[u8], cols: usize, x: &[f32]) -> Vec<f32> {
    let width = dtype.row_bytes(cols).unwrap_or(0);
    assert!(width > 0 && matrix.len().is_multiple_of(width), "whole rows of {}", dtype.name());
    assert!(x.len().is_multiple_of(cols), "whole rows of {cols}");
    let (rows, count) = (matrix.len() / width, x.len() / cols);
    let input = Input::new(dtype, x, cols);
    let mut products = vec![0.0; rows * count];
    let task = |(products, matrix): (&mut [f32], &[u8])| {
        multiply(dtype, matrix, cols, &input, products);
    };
    let (some, bytes) = (count * ROWS, width * ROWS);
    if matrix.len() <= SMALL {
        task((&mut products, matrix));
    } else {
        products.par_chunks_mut(some).zip(matrix.par_chunks(bytes)).for_each(task);
    }
    if count == 1 {
        return products;
    }
    // The products of one row of the matrix lie side by side.
    let mut out = Vec::with_capacity(products.len());
    for nth in 0..count {
        out.extend(products.iter().skip(nth).step_by(count));
    }
    out
}

/// `x · matrixᵀ` for many rows of `x`: the matrix is widened part by part, and multiplied as floats.
///
/// # Panics
///
/// If the bytes are not whole rows, or `x` is not.
pub(crate) fn many_rows(dtype: Dtype, matrix: &[u8], cols: usize, x: &[f32]) -> Vec<f32> {
    let width = dtype.row_bytes(cols).unwrap_or(0);
    assert!(width > 0 && matrix.len().is_multiple_of(width), "whole rows of {}", dtype.name());
    many_by((matrix.len() / width, cols), 1, x, |rows, floats| {
        widen(dtype, &matrix[rows.start * width..rows.end * width], floats);
    })
}

/// `x · matrixᵀ`, where `widen` writes some rows of the matrix: as many as `side` or a multiple of
/// that, but for the last ones.
fn many_by(
    (rows, cols): (usize, usize),
    side: usize,
    x: &[f32],
    widen: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let count = x.len() / cols;
    assert_eq!(x.len(), count * cols, "whole rows of {cols}");
    let mut out = vec![0.0; rows * count];
    let mut floats = Vec::new();
    for panel in panels(rows, side) {
        let (first, wide) = (panel.start, panel.len());
        floats.resize(wide * cols, 0.0);
        floats.par_chunks_mut(cols * ROWS).enumerate().for_each(|(nth, floats)| {
            let first = first + nth * ROWS;
            widen(first..first + floats.len() / cols, floats);
        });
        let part = product(View::of(x, cols), View::of(&floats, cols).transposed());
        for (out, part) in out.chunks_exact_mut(rows).zip(part.chunks_exact(wide)) {
            out[first..][..wide].copy_from_slice(part);
        }
    }
    out
}

/// Parts of so many rows, of about [`PANEL`] each and of whole sides but for the last.
///
/// All are about as large, as `gemm` sums small products up in other parts than large ones: the
/// sides of no two differ by more than one.
fn panels(rows: usize, side: usize) -> impl Iterator<Item = Range<usize>> {
    let (sides, count) = (rows.div_ceil(side), rows.div_ceil(PANEL));
    (0..count).map(move |nth| {
        let start = |nth: usize| (nth * sides / count * side).min(rows);
        start(nth)..start(nth + 1)
    })
}

/// The values of whole blocks, to the last bit or two what [`dequantize`] makes of them.
///
/// # Panics
///
/// If `out` is not as long as the blocks have values.
pub(crate) fn widen(dtype: Dtype, blocks: &[u8], out: &mut [f32]) {
    let (values, bytes) = dtype.block();
    assert_eq!(blocks.len() * values, out.len() * bytes, "whole blocks, and room for each value");
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::widen(dtype, blocks, out);
    }
    dequantize(dtype, blocks, out);
}

/// The products of some rows of a matrix with each row of the input, side by side.
fn multiply(dtype: Dtype, matrix: &[u8], cols: usize, input: &Input<'_>, products: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::multiply(dtype, matrix, cols, input, products);
    }
    portable(dtype, matrix, cols, input, products);
}

/// The same on any machine.
fn portable(dtype: Dtype, matrix: &[u8], cols: usize, input: &Input<'_>, products: &mut [f32]) {
    let x = input.values();
    let (count, width) = (x.len() / cols, dtype.row_bytes(cols).unwrap_or(1));
    let mut row = vec![0.0; cols];
    for (bytes, products) in matrix.chunks_exact(width).zip(products.chunks_exact_mut(count)) {
        dequantize(dtype, bytes, &mut row);
        for (product, x) in products.iter_mut().zip(x.chunks_exact(cols)) {
            *product = dot(&row, x);
        }
    }
}

/// The most rows that go this way; for more, weights are better widened once for all of them.
pub(crate) const FEW: usize = 8;
/// Rows of the matrix that one task takes.
const ROWS: usize = 32;
/// Rows of the matrix that are widened at once.
const PANEL: usize = 256;
/// A matrix of so many bytes is not worth a second thread.
const SMALL: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::tests::noise;
    use crate::quant::tests::random_blocks;

    const ALL: [Dtype; 11] = [
        Dtype::F32,
        Dtype::F16,
        Dtype::Bf16,
        Dtype::Q8_0,
        Dtype::Q4_0,
        Dtype::Q4_1,
        Dtype::Q5_0,
        Dtype::Q5_1,
        Dtype::Q4K,
        Dtype::Q5K,
        Dtype::Q6K,
    ];

    fn any_dtype() -> impl Strategy<Value = Dtype> {
        prop::sample::select(ALL.to_vec())
    }

    #[test]
    fn no_panel_is_much_smaller_than_another() {
        for (rows, side) in
            [(7200, 8), (25601, 1), (25601, 8), (257, 8), (256, 8), (20, 8), (7, 8), (1, 1), (0, 8)]
        {
            let panels: Vec<_> = panels(rows, side).collect();
            let covered: Vec<usize> = panels.iter().cloned().flatten().collect();
            assert_eq!(covered, (0..rows).collect::<Vec<_>>(), "{rows} rows");
            assert!(panels.iter().all(|it| it.start.is_multiple_of(side)), "{panels:?}");
            let sides = |it: &Range<usize>| it.len().div_ceil(side);
            let (least, most) = (panels.iter().map(sides).min(), panels.iter().map(sides).max());
            assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1, "{panels:?}");
            assert!(panels.iter().all(|it| it.len() <= PANEL + side), "{panels:?}");
        }
    }

    #[test]
    fn a_row_gives_the_same_bits_whatever_is_beside_it_in_a_matrix_of_many_panels() {
        let (dtype, rows, cols) = (Dtype::Q8_0, 7200, 608);
        let matrix = random_blocks(dtype, rows * cols, 1);
        let x = noise(1, 65 * cols);
        let mut packed = vec![0; Packed::size(dtype, rows, cols).unwrap_or(0)];
        if !packed.is_empty() {
            Packed::pack(dtype, cols, &matrix, &mut packed);
        }
        let products = |x: &[f32]| {
            let packed =
                (!packed.is_empty()).then(|| Packed::new(dtype, rows, cols, &packed).many_rows(x));
            (many_rows(dtype, &matrix, cols, x), packed.unwrap_or_default())
        };
        let together = products(&x);
        for start in [1, 33, 56] {
            let fewer = products(&x[start * cols..]);
            assert!(together.0[start * rows..] == fewer.0, "from row {start} on");
            let of_packed = together.1.get(start * rows..).unwrap_or_default();
            assert!(of_packed == fewer.1, "packed, from row {start} on");
        }
    }

    proptest! {
        #[test]
        fn every_kernel_agrees_with_the_portable_one(
            dtype in any_dtype(), seed: u64, rows in 1_usize..40, blocks in 1_usize..4, count in 1..=FEW,
        ) {
            // Rows of floats need not be of whole vectors.
            let cols = if dtype.block().0 == 1 { blocks * 37 } else { blocks * dtype.block().0 };
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let input = Input::new(dtype, &x, cols);
            let (mut found, mut expected) = (vec![0.0; rows * count], vec![0.0; rows * count]);
            multiply(dtype, &matrix, cols, &input, &mut found);
            portable(dtype, &matrix, cols, &input, &mut expected);
            // Sums in another order may differ by some units in the last place of the terms.
            let mut weights = vec![0.0; rows * cols];
            dequantize(dtype, &matrix, &mut weights);
            let most = weights.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
            let tolerance = most * cols as f32 * 1e-6;
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= tolerance, "{found} and {expected}");
            }
        }

        #[test]
        fn widened_weights_are_what_they_stand_for(
            dtype in any_dtype(), seed: u64, blocks in 1_usize..40,
        ) {
            let values = blocks * dtype.block().0;
            let matrix = random_blocks(dtype, values, seed);
            let (mut found, mut expected) = (vec![0.0; values], vec![0.0; values]);
            widen(dtype, &matrix, &mut found);
            dequantize(dtype, &matrix, &mut expected);
            let most = expected.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= most * 3e-7, "{found} and {expected}");
            }
        }

        #[test]
        fn many_rows_and_few_differ_by_what_was_rounded(
            // A single product may be next to nothing, and then what was rounded is much of it.
            dtype in any_dtype(), seed: u64, rows in 64_usize..600, count in 1..=FEW,
        ) {
            let cols = 256;
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let many = many_rows(dtype, &matrix, cols, &x);
            let few = few_rows(dtype, &matrix, cols, &x);
            let size = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
            let off = size(&mut many.iter().zip(&few).map(|(a, b)| a - b));
            prop_assert!(off <= 0.02 * size(&mut many.iter().copied()), "off by {off}");
        }

        #[test]
        fn each_of_many_rows_gives_the_same_bits_however_many_there_are_if_the_matrix_is_not_small(
            dtype in any_dtype(), seed: u64, rows in 65_usize..600, wide in 1_usize..8,
            count in FEW + 1..200, start in 0..190_usize,
        ) {
            let cols = 256 * wide;
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let start = start.min(count - FEW - 1);
            let together = many_rows(dtype, &matrix, cols, &x);
            let fewer = many_rows(dtype, &matrix, cols, &x[start * cols..]);
            prop_assert_eq!(&together[start * rows..], &fewer[..]);
        }

        #[test]
        fn a_row_gives_the_same_bits_whatever_is_beside_it(
            dtype in any_dtype(), seed: u64, rows in 1_usize..80, count in 2..=FEW, nth in 0..FEW,
        ) {
            let (cols, nth) = (256, nth % count);
            let matrix = random_blocks(dtype, rows * cols, seed);
            let x = noise(seed, count * cols);
            let together = few_rows(dtype, &matrix, cols, &x);
            let alone = few_rows(dtype, &matrix, cols, &x[nth * cols..][..cols]);
            prop_assert_eq!(&together[nth * rows..][..rows], &alone[..]);
            let last = few_rows(dtype, &matrix[matrix.len() / rows * (rows - 1)..], cols, &x);
            prop_assert_eq!(together[rows * count - 1], last[count - 1]);
        }
    }
}
