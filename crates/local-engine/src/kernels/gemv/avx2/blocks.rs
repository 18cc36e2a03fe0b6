//! Products of long blocks: all in whole numbers up to the end, scales of groups among them.

use std::arch::x86_64::*;

use super::groups::{five_bits, half, half_of, part, six_bits};
use super::lanes::{load, load_8_i16, load_16, load_16_i16, load_i8};
use crate::kernels::gemv::input::Block;
use crate::quant::sixes;

/// Adds the products of a block with several others, each to eight sums of its own.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_q4_k<const N: usize>(block: &[u8; 144], x: [&Block; N], sums: &mut [__m256; N]) {
    let (scales, least) = scales(part::<4, 12, 144>(block));
    let bytes = part::<16, 128, 144>(block).as_chunks::<32>().0;
    let mut whole = [_mm256_setzero_si256(); N];
    for i in 0..8 {
        let values = half_of(load(&bytes[i / 2]), i % 2);
        add_group(values, nth(scales, i), (x, i), &mut whole);
    }
    add_scaled(whole, half(block, 0), x, sums);
    add_least(least, half(block, 2), x, sums);
}

/// The same with a fifth bit.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_q5_k<const N: usize>(block: &[u8; 176], x: [&Block; N], sums: &mut [__m256; N]) {
    let (scales, least) = scales(part::<4, 12, 176>(block));
    let high = load(part::<16, 32, 176>(block));
    let bytes = part::<48, 128, 176>(block).as_chunks::<32>().0;
    let mut whole = [_mm256_setzero_si256(); N];
    for i in 0..8 {
        add_group(five_bits(bytes, high, i), nth(scales, i), (x, i), &mut whole);
    }
    add_scaled(whole, half(block, 0), x, sums);
    add_least(least, half(block, 2), x, sums);
}

/// The same with two more bits, a scale for each sixteen, and 32 less than what is stored.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_q6_k<const N: usize>(block: &[u8; 210], x: [&Block; N], sums: &mut [__m256; N]) {
    let low = part::<0, 128, 210>(block).as_chunks::<32>().0;
    let high = part::<128, 64, 210>(block).as_chunks::<32>().0;
    let bytes = load_16(part::<192, 16, 210>(block));
    // Those of first halves, then those of second ones, so that each stands in its half.
    let apart = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    let scales = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(bytes, apart));
    let mut whole = [_mm256_setzero_si256(); N];
    for i in 0..8 {
        add_group(six_bits(low, high, i), nth(scales, i), (x, i), &mut whole);
    }
    let scales = _mm256_cvtepi8_epi16(bytes);
    for n in 0..N {
        let less = _mm256_madd_epi16(scales, load_16_i16(&x[n].sixteens));
        whole[n] = _mm256_sub_epi32(whole[n], _mm256_slli_epi32::<5>(less));
    }
    add_scaled(whole, half(block, 208), x, sums);
}

/// Adds the products of 32 weights, of less than 64 each, times their scale.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_group<const N: usize>(
    weights: __m256i,
    scale: __m256i,
    (x, i): ([&Block; N], usize),
    whole: &mut [__m256i; N],
) {
    for n in 0..N {
        let pairs = _mm256_maddubs_epi16(weights, load_i8(&x[n].values[i]));
        whole[n] = _mm256_add_epi32(whole[n], _mm256_madd_epi16(pairs, scale));
    }
}

/// Adds whole sums, scaled.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_scaled<const N: usize>(
    whole: [__m256i; N],
    scale: f32,
    x: [&Block; N],
    sums: &mut [__m256; N],
) {
    for n in 0..N {
        let scale = _mm256_set1_ps(scale * x[n].scale);
        sums[n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[n]), scale, sums[n]);
    }
}

/// Takes away what lies below the weights of each group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_least<const N: usize>(least: __m128i, scale: f32, x: [&Block; N], sums: &mut [__m256; N]) {
    for n in 0..N {
        let below = _mm_cvtepi32_ps(_mm_madd_epi16(least, load_8_i16(&x[n].groups)));
        let scale = _mm256_set1_ps(scale * x[n].scale);
        sums[n] = _mm256_fnmadd_ps(_mm256_zextps128_ps256(below), scale, sums[n]);
    }
}

/// The scales of eight groups, and their least values, each as sixteen bits; the scales twice.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn scales(bytes: &[u8; 12]) -> (__m256i, __m128i) {
    let [scales, least] =
        sixes(bytes).map(|it| _mm_cvtepu8_epi16(_mm_cvtsi64_si128(it.cast_signed())));
    (_mm256_broadcastsi128_si256(scales), least)
}

/// One of the eight numbers of each half, in all places of that half.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn nth(numbers: __m256i, n: usize) -> __m256i {
    let low = 2 * n as i16;
    _mm256_shuffle_epi8(numbers, _mm256_set1_epi16(low | ((low + 1) << 8)))
}
