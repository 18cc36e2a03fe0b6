//! The kernels for machines with AVX2, FMA and F16C.
//!
//! The integers are exact: unsigned weights of up to six bits, or the magnitudes of signed ones of
//! eight, times values of at most 127 make pairs that fit into sixteen bits (`2 · 128 · 127`), and
//! those are added up in 32 bits.

use std::arch::x86_64::*;
use std::mem::transmute;

use super::{GROUP, Group, Input};
use crate::quant::{Dtype, scales};

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

/// 32 weights: `scale · value + least`.
#[derive(Clone, Copy)]
struct Weights {
    values: __m256i,
    scale: __m256,
    least: Least,
}

/// What is added to each weight, or to each of either half of them.
#[derive(Clone, Copy)]
enum Least {
    None,
    All(f32),
    Halves([f32; 2]),
}

impl Weights {
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn none() -> Self {
        let (values, scale) = (_mm256_setzero_si256(), _mm256_setzero_ps());
        Self { values, scale, least: Least::None }
    }

    /// The weights as they are.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn widen(&self, out: &mut [f32; GROUP]) {
        let first = _mm256_castsi256_si128(self.values);
        let second = _mm256_extracti128_si256::<1>(self.values);
        // Each half has a scale, which may be the same.
        let scales = [
            _mm256_permute2f128_ps::<0x00>(self.scale, self.scale),
            _mm256_permute2f128_ps::<0x11>(self.scale, self.scale),
        ];
        let least = match self.least {
            Least::None => [0.0, 0.0],
            Least::All(least) => [least, least],
            Least::Halves(both) => both,
        };
        let quarters = [first, _mm_srli_si128::<8>(first), second, _mm_srli_si128::<8>(second)];
        for (i, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(quarters[i]));
            let scaled = _mm256_mul_ps(values, scales[i / 2]);
            *out = floats_of(_mm256_add_ps(scaled, _mm256_set1_ps(least[i / 2])));
        }
    }

    /// Adds what the least value contributes, of the sums of what it is multiplied by.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn add_least(&self, sums: &[f32; 2], total: f32) -> f32 {
        match self.least {
            Least::None => total,
            Least::All(least) => least.mul_add(sums[0] + sums[1], total),
            Least::Halves([a, b]) => b.mul_add(sums[1], a.mul_add(sums[0], total)),
        }
    }
}

/// The sums of pairs of products; the weights are less than 64.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unsigned(weights: __m256i, values: __m256i) -> __m256i {
    _mm256_maddubs_epi16(weights, values)
}

/// The sums of pairs of products; neither is less than -128, and no value is that.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn signed(weights: __m256i, values: __m256i) -> __m256i {
    _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q8_0(block: &[u8; 34]) -> [Weights; 1] {
    let values = load(part::<2, 32, 34>(block));
    [Weights { values, scale: _mm256_set1_ps(half(block, 0)), least: Least::None }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q4_0(block: &[u8; 18]) -> [Weights; 1] {
    let scale = half(block, 0);
    let values = nibbles(part::<2, 16, 18>(block));
    [Weights { values, scale: _mm256_set1_ps(scale), least: Least::All(-8.0 * scale) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q4_1(block: &[u8; 20]) -> [Weights; 1] {
    let values = nibbles(part::<4, 16, 20>(block));
    let scale = _mm256_set1_ps(half(block, 0));
    [Weights { values, scale, least: Least::All(half(block, 2)) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q5_0(block: &[u8; 22]) -> [Weights; 1] {
    let scale = half(block, 0);
    let low = nibbles(part::<6, 16, 22>(block));
    let values = _mm256_or_si256(low, fifth_bits(*part::<2, 4, 22>(block)));
    [Weights { values, scale: _mm256_set1_ps(scale), least: Least::All(-16.0 * scale) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q5_1(block: &[u8; 24]) -> [Weights; 1] {
    let low = nibbles(part::<8, 16, 24>(block));
    let values = _mm256_or_si256(low, fifth_bits(*part::<4, 4, 24>(block)));
    let scale = _mm256_set1_ps(half(block, 0));
    [Weights { values, scale, least: Least::All(half(block, 2)) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q4_k(block: &[u8; 144]) -> [Weights; 8] {
    let (scale, least) = (half(block, 0), half(block, 2));
    let scales = scales(part::<4, 12, 144>(block));
    let bytes = part::<16, 128, 144>(block).as_chunks::<32>().0;
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        let (own_scale, own_least) = scales[i];
        *group = Weights {
            values: half_of(load(&bytes[i / 2]), i % 2),
            scale: _mm256_set1_ps(scale * f32::from(own_scale)),
            least: Least::All(-least * f32::from(own_least)),
        };
    }
    groups
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q5_k(block: &[u8; 176]) -> [Weights; 8] {
    let (scale, least) = (half(block, 0), half(block, 2));
    let scales = scales(part::<4, 12, 176>(block));
    let high = load(part::<16, 32, 176>(block));
    let bytes = part::<48, 128, 176>(block).as_chunks::<32>().0;
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        let (own_scale, own_least) = scales[i];
        let bit = _mm256_set1_epi8((1_u8 << i) as i8);
        let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(high, bit), bit);
        let fifth = _mm256_and_si256(is_set, _mm256_set1_epi8(16));
        *group = Weights {
            values: _mm256_or_si256(half_of(load(&bytes[i / 2]), i % 2), fifth),
            scale: _mm256_set1_ps(scale * f32::from(own_scale)),
            least: Least::All(-least * f32::from(own_least)),
        };
    }
    groups
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack_q6_k(block: &[u8; 210]) -> [Weights; 8] {
    let low = part::<0, 128, 210>(block).as_chunks::<32>().0;
    let high = part::<128, 64, 210>(block).as_chunks::<32>().0;
    let scales = part::<192, 16, 210>(block).as_chunks::<2>().0;
    let scale = half(block, 208);
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        let high = load(&high[i / 4]);
        let high = match i % 4 {
            0 => _mm256_slli_epi16::<4>(high),
            1 => _mm256_slli_epi16::<2>(high),
            2 => high,
            _ => _mm256_srli_epi16::<2>(high),
        };
        let high = _mm256_and_si256(high, _mm256_set1_epi8(0x30));
        let low = half_of(load(&low[i / 4 * 2 + i % 2]), i % 4 / 2);
        let (a, b) = (scale * f32::from(scales[i][0] as i8), scale * f32::from(scales[i][1] as i8));
        *group = Weights {
            values: _mm256_or_si256(low, high),
            // The sums of the first sixteen are in the lower four lanes.
            scale: _mm256_set_m128(_mm_set1_ps(b), _mm_set1_ps(a)),
            least: Least::Halves([-32.0 * a, -32.0 * b]),
        };
    }
    groups
}

/// The low halves of the bytes, then the high ones.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn nibbles(bytes: &[u8; 16]) -> __m256i {
    let bytes = load_16(bytes);
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

/// The low half of each byte, or the high one.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn half_of(bytes: __m256i, which: usize) -> __m256i {
    let bytes = if which == 0 { bytes } else { _mm256_srli_epi16::<4>(bytes) };
    _mm256_and_si256(bytes, _mm256_set1_epi8(15))
}

/// Sixteen in each byte whose bit is set.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn fifth_bits(bits: [u8; 4]) -> __m256i {
    let bits = _mm256_set1_epi32(i32::from_le_bytes(bits));
    // Each eight bytes get a copy of their eight bits, of which each looks at its own.
    let places =
        _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let found = _mm256_and_si256(_mm256_shuffle_epi8(bits, places), own);
    _mm256_and_si256(_mm256_cmpeq_epi8(found, own), _mm256_set1_epi8(16))
}

/// The sum of the lanes, in one order.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn total(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn half<const B: usize>(block: &[u8; B], at: usize) -> f32 {
    let bits = u16::from_le_bytes([block[at], block[at + 1]]);
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits.into())))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight_f32(bytes: &[u8; 32]) -> __m256 {
    _mm256_castsi256_ps(load(bytes))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight_f16(bytes: &[u8; 16]) -> __m256 {
    _mm256_cvtph_ps(load_16(bytes))
}

/// A `bf16` is the upper half of an `f32`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight_bf16(bytes: &[u8; 16]) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(load_16(bytes))))
}

/// `N` bytes of a block, from `AT` on.
#[inline]
fn part<const AT: usize, const N: usize, const B: usize>(block: &[u8; B]) -> &[u8; N] {
    const { assert!(AT + N <= B, "the part lies within the block") };
    block[AT..].first_chunk().unwrap_or(&[0; N])
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load(bytes: &[u8; 32]) -> __m256i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 32 bytes, and any bytes are a vector.
    unsafe {
        transmute(*bytes)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_i8(values: &[i8; 32]) -> __m256i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 32 bytes, and any bytes are a vector.
    unsafe {
        transmute(*values)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_16(bytes: &[u8; 16]) -> __m128i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 16 bytes, and any bytes are a vector.
    unsafe {
        transmute(*bytes)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_f32(values: &[f32; 8]) -> __m256 {
    #[expect(unsafe_code, reason = "there is no safe way to see floats as a vector")]
    // SAFETY: both are 32 bytes, and any floats are a vector.
    unsafe {
        transmute(*values)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn floats_of(vector: __m256) -> [f32; 8] {
    #[expect(unsafe_code, reason = "there is no safe way to see a vector as floats")]
    // SAFETY: both are 32 bytes, and any vector is floats.
    unsafe {
        transmute(vector)
    }
}
