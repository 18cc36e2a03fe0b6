//! The kernels for machines with AVX2, FMA and F16C.
//!
//! The integers are exact: unsigned weights of up to six bits, or the magnitudes of signed ones of
//! eight, times values of at most 127 make pairs that fit into sixteen bits (`2 · 128 · 127`), and
//! those are added up in 32 bits.

mod blocks;
mod groups;
mod lanes;
mod panels;

use std::arch::x86_64::*;

use self::blocks::*;
use self::groups::*;
use self::lanes::*;
use super::input::{BLOCK, Block, GROUP, Group, Input};
use crate::quant::Dtype;

/// Whether the machine can run them.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

/// The products of some rows of a matrix with each row of the input, side by side.
///
/// # Panics
///
/// If the machine cannot run it.
pub(super) fn multiply(
    dtype: Dtype,
    matrix: &[u8],
    cols: usize,
    input: &Input<'_>,
    products: &mut [f32],
) {
    assert!(is_there(), "AVX2, FMA and F16C are there");
    let width = dtype.row_bytes(cols).unwrap_or(1);
    #[expect(unsafe_code, reason = "the compiler does not see what was just asked")]
    // SAFETY: the machine has what the functions are compiled for.
    unsafe {
        match (dtype, input) {
            (Dtype::F32, Input::Floats(x)) => f32s(matrix, width, x, cols, products),
            (Dtype::F16, Input::Floats(x)) => f16s(matrix, width, x, cols, products),
            (_, Input::Floats(x)) => bf16s(matrix, width, x, cols, products),
            (_, Input::Groups(x)) => {
                let groups = cols / GROUP;
                match dtype {
                    Dtype::Q8_0 => q8_0(matrix, width, x, groups, products),
                    Dtype::Q4_0 => q4_0(matrix, width, x, groups, products),
                    Dtype::Q4_1 => q4_1(matrix, width, x, groups, products),
                    Dtype::Q5_0 => q5_0(matrix, width, x, groups, products),
                    _ => q5_1(matrix, width, x, groups, products),
                }
            }
            (_, Input::Blocks(x)) => {
                let blocks = cols / BLOCK;
                match dtype {
                    Dtype::Q4K => q4_k(matrix, width, x, blocks, products),
                    Dtype::Q5K => q5_k(matrix, width, x, blocks, products),
                    _ => q6_k(matrix, width, x, blocks, products),
                }
            }
        }
    }
}

/// The products of the rows of some panels with each row of the input, input by input.
///
/// # Panics
///
/// If the machine cannot run it.
pub(super) fn multiply_packed(
    dtype: Dtype,
    panels: &[u8],
    cols: usize,
    x: &[Group],
    products: &mut [f32],
) {
    assert!(is_there(), "AVX2, FMA and F16C are there");
    let groups = cols / GROUP;
    #[expect(unsafe_code, reason = "the compiler does not see what was just asked")]
    // SAFETY: the machine has what the functions are compiled for.
    unsafe {
        match dtype {
            Dtype::Q8_0 => panels::q8_0(panels, x, groups, products),
            Dtype::Q4_0 => panels::q4_0(panels, x, groups, products),
            _ => panels::q5_0(panels, x, groups, products),
        }
    }
}

/// The values of up to eight rows of a panel.
///
/// # Panics
///
/// If the machine cannot run it.
pub(super) fn widen_packed(dtype: Dtype, panel: &[u8], cols: usize, out: &mut [f32]) {
    assert!(is_there(), "AVX2, FMA and F16C are there");
    #[expect(unsafe_code, reason = "the compiler does not see what was just asked")]
    // SAFETY: the machine has what the functions are compiled for.
    unsafe {
        match dtype {
            Dtype::Q8_0 => panels::widen_q8_0(panel, cols, out),
            Dtype::Q4_0 => panels::widen_q4_0(panel, cols, out),
            _ => panels::widen_q5_0(panel, cols, out),
        }
    }
}

/// The values of whole blocks.
///
/// # Panics
///
/// If the machine cannot run it.
pub(super) fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    assert!(is_there(), "AVX2, FMA and F16C are there");
    #[expect(unsafe_code, reason = "the compiler does not see what was just asked")]
    // SAFETY: the machine has what the functions are compiled for.
    unsafe {
        match dtype {
            Dtype::F32 => widen_f32(bytes, out),
            Dtype::F16 => widen_f16(bytes, out),
            Dtype::Bf16 => widen_bf16(bytes, out),
            Dtype::Q8_0 => widen_q8_0(bytes, out),
            Dtype::Q4_0 => widen_q4_0(bytes, out),
            Dtype::Q4_1 => widen_q4_1(bytes, out),
            Dtype::Q5_0 => widen_q5_0(bytes, out),
            Dtype::Q5_1 => widen_q5_1(bytes, out),
            Dtype::Q4K => widen_q4_k(bytes, out),
            Dtype::Q5K => widen_q5_k(bytes, out),
            Dtype::Q6K => widen_q6_k(bytes, out),
        }
    }
}

/// Declares a kernel for whole matrices, made of `several`: the products of one row with `N`.
///
/// Each product is summed up in one way, whatever is beside it. Rows are taken one by one, as they
/// lie: several at once are more streams than the machine foresees.
macro_rules! kernel {
    ($name:ident, $input:ty, $several:item) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(matrix: &[u8], width: usize, x: &[$input], cols: usize, products: &mut [f32]) {
            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            $several

            let count = x.len() / cols;
            let nth = |n: usize| &x[n * cols..][..cols];
            for (row, products) in matrix.chunks_exact(width).zip(products.chunks_exact_mut(count))
            {
                let (fours, rest) = products.as_chunks_mut::<4>();
                let start = fours.len() * 4;
                for (i, products) in fours.iter_mut().enumerate() {
                    let x = [nth(4 * i), nth(4 * i + 1), nth(4 * i + 2), nth(4 * i + 3)];
                    *products = several::<4>(row, x);
                }
                for (i, product) in rest.iter_mut().enumerate() {
                    [*product] = several::<1>(row, [nth(start + i)]);
                }
            }
        }
    };
}

/// Declares a kernel for weights that are floats, of so many bytes.
macro_rules! floats {
    ($name:ident, $bytes:literal, $eight:ident, $one:expr) => {
        kernel!(
            $name,
            f32,
            fn several<const N: usize>(row: &[u8], x: [&[f32]; N]) -> [f32; N] {
                // Every other vector has sums of its own, as one addition waits for the one before.
                let mut sums = [[_mm256_setzero_ps(); 2]; N];
                let eights = x[0].len() / 8;
                let weights = &row.as_chunks::<{ 8 * $bytes }>().0[..eights];
                let mut values = [&[[0.0; 8]][..]; N];
                for n in 0..N {
                    values[n] = &x[n].as_chunks().0[..eights];
                }
                for i in 0..eights / 2 {
                    for half in 0..2 {
                        let weights = $eight(&weights[2 * i + half]);
                        for n in 0..N {
                            let values = load_f32(&values[n][2 * i + half]);
                            sums[n][half] = _mm256_fmadd_ps(weights, values, sums[n][half]);
                        }
                    }
                }
                if eights % 2 == 1 {
                    let weights = $eight(&weights[eights - 1]);
                    for n in 0..N {
                        let values = load_f32(&values[n][eights - 1]);
                        sums[n][0] = _mm256_fmadd_ps(weights, values, sums[n][0]);
                    }
                }
                let mut products = [0.0; N];
                for n in 0..N {
                    products[n] = total(_mm256_add_ps(sums[n][0], sums[n][1]));
                }
                let rest = row.as_chunks::<$bytes>().0[eights * 8..].iter();
                for (i, weight) in rest.enumerate() {
                    let weight: f32 = $one(*weight);
                    for n in 0..N {
                        products[n] += weight * x[n][eights * 8 + i];
                    }
                }
                products
            }
        );
    };
}

/// Declares a kernel for blocks of so many bytes, which `unpack` turns into groups.
///
/// Signed values have no least one; of others there is one for the whole group.
macro_rules! quantised {
    ($name:ident, $bytes:literal, $groups:literal, $unpack:ident, $signed:literal) => {
        kernel!(
            $name,
            Group,
            fn several<const N: usize>(row: &[u8], x: [&[Group]; N]) -> [f32; N] {
                // Every other block has sums of its own, as one addition waits for the one before.
                let mut sums = [[_mm256_setzero_ps(); 2]; N];
                let mut least = [[0.0_f32; 2]; N];
                let blocks = x[0].len() / $groups;
                let weights = &row.as_chunks::<$bytes>().0[..blocks];
                let mut values = [x[0].as_chunks::<$groups>().0; N];
                for n in 0..N {
                    values[n] = &x[n].as_chunks().0[..blocks];
                }
                for i in 0..blocks / 2 {
                    for half in 0..2 {
                        let groups: [Weights; $groups] = $unpack(&weights[2 * i + half]);
                        for n in 0..N {
                            for (weights, x) in groups.iter().zip(&values[n][2 * i + half]) {
                                sums[n][half] = weights.add_product::<$signed>(x, sums[n][half]);
                                if !$signed {
                                    least[n][half] = weights.add_least(x, least[n][half]);
                                }
                            }
                        }
                    }
                }
                if blocks % 2 == 1 {
                    let groups: [Weights; $groups] = $unpack(&weights[blocks - 1]);
                    for n in 0..N {
                        for (weights, x) in groups.iter().zip(&values[n][blocks - 1]) {
                            sums[n][0] = weights.add_product::<$signed>(x, sums[n][0]);
                            if !$signed {
                                least[n][0] = weights.add_least(x, least[n][0]);
                            }
                        }
                    }
                }
                let mut products = [0.0; N];
                for n in 0..N {
                    let sum = total(_mm256_add_ps(sums[n][0], sums[n][1]));
                    products[n] = sum + (least[n][0] + least[n][1]);
                }
                products
            }
        );
    };
}

/// Declares a kernel for long blocks of so many bytes, whose products `add` adds to sums.
macro_rules! long {
    ($name:ident, $bytes:literal, $add:ident) => {
        kernel!(
            $name,
            Block,
            fn several<const N: usize>(row: &[u8], x: [&[Block]; N]) -> [f32; N] {
                let mut sums = [_mm256_setzero_ps(); N];
                let blocks = x[0].len();
                for (i, weights) in row.as_chunks::<$bytes>().0[..blocks].iter().enumerate() {
                    let mut values = [&x[0][i]; N];
                    for n in 0..N {
                        values[n] = &x[n][i];
                    }
                    $add(weights, values, &mut sums);
                }
                let mut products = [0.0; N];
                for n in 0..N {
                    products[n] = total(sums[n]);
                }
                products
            }
        );
    };
}

/// Declares how floats of so many bytes are widened.
macro_rules! widen_floats {
    ($name:ident, $bytes:literal, $eight:ident, $one:expr) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(bytes: &[u8], out: &mut [f32]) {
            let (eights, rest) = bytes.as_chunks::<{ 8 * $bytes }>();
            let (outs, out_rest) = out.as_chunks_mut::<8>();
            for (out, bytes) in outs.iter_mut().zip(eights) {
                *out = floats_of($eight(bytes));
            }
            for (out, bytes) in out_rest.iter_mut().zip(rest.as_chunks::<$bytes>().0) {
                *out = $one(*bytes);
            }
        }
    };
}

/// Declares how blocks of so many bytes, which `unpack` turns into groups, are widened.
macro_rules! widen_blocks {
    ($name:ident, $bytes:literal, $groups:literal, $unpack:ident) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(bytes: &[u8], out: &mut [f32]) {
            let outs = out.as_chunks_mut::<{ $groups * GROUP }>().0;
            for (out, block) in outs.iter_mut().zip(bytes.as_chunks::<$bytes>().0) {
                let groups: [Weights; $groups] = $unpack(block);
                for (out, group) in out.as_chunks_mut::<GROUP>().0.iter_mut().zip(&groups) {
                    group.widen(out);
                }
            }
        }
    };
}

floats!(f32s, 4, eight_f32, f32::from_le_bytes);
floats!(f16s, 2, eight_f16, |bytes| half::f16::from_le_bytes(bytes).to_f32());
floats!(bf16s, 2, eight_bf16, |bytes| half::bf16::from_le_bytes(bytes).to_f32());
quantised!(q8_0, 34, 1, unpack_q8_0, true);
quantised!(q4_0, 18, 1, unpack_q4_0, false);
quantised!(q4_1, 20, 1, unpack_q4_1, false);
quantised!(q5_0, 22, 1, unpack_q5_0, false);
quantised!(q5_1, 24, 1, unpack_q5_1, false);
long!(q4_k, 144, add_q4_k);
long!(q5_k, 176, add_q5_k);
long!(q6_k, 210, add_q6_k);

widen_floats!(widen_f32, 4, eight_f32, f32::from_le_bytes);
widen_floats!(widen_f16, 2, eight_f16, |bytes| half::f16::from_le_bytes(bytes).to_f32());
widen_floats!(widen_bf16, 2, eight_bf16, |bytes| half::bf16::from_le_bytes(bytes).to_f32());
widen_blocks!(widen_q8_0, 34, 1, unpack_q8_0);
widen_blocks!(widen_q4_0, 18, 1, unpack_q4_0);
widen_blocks!(widen_q4_1, 20, 1, unpack_q4_1);
widen_blocks!(widen_q5_0, 22, 1, unpack_q5_0);
widen_blocks!(widen_q5_1, 24, 1, unpack_q5_1);
widen_blocks!(widen_q4_k, 144, 8, unpack_q4_k);
widen_blocks!(widen_q5_k, 176, 8, unpack_q5_k);
widen_blocks!(widen_q6_k, 210, 8, unpack_q6_k);
