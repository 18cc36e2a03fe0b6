//! The kernels for machines with AVX2, FMA and F16C.
//!
//! The integers are exact: unsigned weights of up to six bits, or the magnitudes of signed ones of
//! eight, times values of at most 127 make pairs that fit into sixteen bits (`2 · 128 · 127`), and
//! those are added up in 32 bits.

mod groups;
mod lanes;

use std::arch::x86_64::*;

use self::groups::*;
use self::lanes::*;
use super::{GROUP, Group, Input};
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
                    Dtype::Q5_1 => q5_1(matrix, width, x, groups, products),
                    Dtype::Q4K => q4_k(matrix, width, x, groups, products),
                    Dtype::Q5K => q5_k(matrix, width, x, groups, products),
                    _ => q6_k(matrix, width, x, groups, products),
                }
            }
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

/// Declares a kernel for whole matrices, made of `tile`, which has the products of `R` rows with `N`.
///
/// Each product is summed up in one way, whatever tile it is in.
macro_rules! kernel {
    ($name:ident, $input:ty, $tile:item) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(matrix: &[u8], width: usize, x: &[$input], cols: usize, products: &mut [f32]) {
            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            $tile

            let count = x.len() / cols;
            let nth = |n: usize| &x[n * cols..][..cols];
            if count > 1 {
                let (two, one) = matrix.split_at(matrix.len() / width / 2 * 2 * width);
                let (both, last) = products.split_at_mut(two.len() / width * count);
                let pairs = two.chunks_exact(2 * width).zip(both.chunks_exact_mut(2 * count));
                for (rows, products) in pairs {
                    let rows = [&rows[..width], &rows[width..]];
                    let (first, second) = products.split_at_mut(count);
                    let (fours, rest) = first.as_chunks_mut::<4>();
                    let start = fours.len() * 4;
                    let (others, other_rest) = second.as_chunks_mut::<4>();
                    for (i, (first, second)) in fours.iter_mut().zip(others).enumerate() {
                        let x = [nth(4 * i), nth(4 * i + 1), nth(4 * i + 2), nth(4 * i + 3)];
                        [*first, *second] = tile::<2, 4>(rows, x);
                    }
                    for (i, (first, second)) in rest.iter_mut().zip(other_rest).enumerate() {
                        [[*first], [*second]] = tile::<2, 1>(rows, [nth(start + i)]);
                    }
                }
                for (i, product) in last.iter_mut().enumerate() {
                    [[*product]] = tile::<1, 1>([one], [nth(i)]);
                }
                return;
            }
            let x = [nth(0)];
            let (tiles, rest) = products.as_chunks_mut::<4>();
            let (four, one) = matrix.split_at(tiles.len() * 4 * width);
            for (rows, products) in four.chunks_exact(4 * width).zip(tiles) {
                let row = |r: usize| &rows[r * width..][..width];
                let [[a], [b], [c], [d]] = tile::<4, 1>([row(0), row(1), row(2), row(3)], x);
                *products = [a, b, c, d];
            }
            for (row, product) in one.chunks_exact(width).zip(rest) {
                [[*product]] = tile::<1, 1>([row], x);
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
            fn tile<const R: usize, const N: usize>(
                rows: [&[u8]; R],
                x: [&[f32]; N],
            ) -> [[f32; N]; R] {
                let mut sums = [[_mm256_setzero_ps(); N]; R];
                let eights = x[0].len() / 8;
                let mut weights = [&[[0; 8 * $bytes]][..]; R];
                let mut values = [&[[0.0; 8]][..]; N];
                for r in 0..R {
                    weights[r] = &rows[r].as_chunks().0[..eights];
                }
                for n in 0..N {
                    values[n] = &x[n].as_chunks().0[..eights];
                }
                for i in 0..eights {
                    for r in 0..R {
                        let weights = $eight(&weights[r][i]);
                        for n in 0..N {
                            let values = load_f32(&values[n][i]);
                            sums[r][n] = _mm256_fmadd_ps(weights, values, sums[r][n]);
                        }
                    }
                }
                let mut products = [[0.0; N]; R];
                for r in 0..R {
                    for n in 0..N {
                        products[r][n] = total(sums[r][n]);
                    }
                    let rest = rows[r].as_chunks::<$bytes>().0[eights * 8..].iter();
                    for (i, weight) in rest.enumerate() {
                        let weight: f32 = $one(*weight);
                        for n in 0..N {
                            products[r][n] += weight * x[n][eights * 8 + i];
                        }
                    }
                }
                products
            }
        );
    };
}

/// Declares a kernel for blocks of so many bytes, which `unpack` turns into groups.
macro_rules! quantised {
    ($name:ident, $bytes:literal, $groups:literal, $unpack:ident, $multiply:ident) => {
        kernel!(
            $name,
            Group,
            fn tile<const R: usize, const N: usize>(
                rows: [&[u8]; R],
                x: [&[Group]; N],
            ) -> [[f32; N]; R] {
                let mut sums = [[_mm256_setzero_ps(); N]; R];
                let mut least = [[0.0_f32; N]; R];
                let blocks = x[0].len() / $groups;
                let mut weights = [&[[0; $bytes]][..]; R];
                let mut values = [x[0].as_chunks::<$groups>().0; N];
                for r in 0..R {
                    weights[r] = &rows[r].as_chunks().0[..blocks];
                }
                for n in 0..N {
                    values[n] = &x[n].as_chunks().0[..blocks];
                }
                for i in 0..blocks {
                    for r in 0..R {
                        let groups: [Weights; $groups] = $unpack(&weights[r][i]);
                        for (g, weights) in groups.iter().enumerate() {
                            for n in 0..N {
                                let x = &values[n][i][g];
                                let product = $multiply(weights.values, load_i8(&x.values));
                                let product = _mm256_madd_epi16(product, _mm256_set1_epi16(1));
                                let scale = _mm256_mul_ps(weights.scale, _mm256_set1_ps(x.scale));
                                let product = _mm256_cvtepi32_ps(product);
                                sums[r][n] = _mm256_fmadd_ps(product, scale, sums[r][n]);
                                least[r][n] = weights.add_least(&x.sums, least[r][n]);
                            }
                        }
                    }
                }
                let mut products = [[0.0; N]; R];
                for r in 0..R {
                    for n in 0..N {
                        products[r][n] = total(sums[r][n]) + least[r][n];
                    }
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
quantised!(q8_0, 34, 1, unpack_q8_0, signed);
quantised!(q4_0, 18, 1, unpack_q4_0, unsigned);
quantised!(q4_1, 20, 1, unpack_q4_1, unsigned);
quantised!(q5_0, 22, 1, unpack_q5_0, unsigned);
quantised!(q5_1, 24, 1, unpack_q5_1, unsigned);
quantised!(q4_k, 144, 8, unpack_q4_k, unsigned);
quantised!(q5_k, 176, 8, unpack_q5_k, unsigned);
quantised!(q6_k, 210, 8, unpack_q6_k, unsigned);

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
