//! Products of packed matrices: the sums of eight rows in one vector.

use std::arch::x86_64::*;

use super::groups::{Weights, half_of, part};
use super::lanes::{eight_f16, floats_of, four, load, prefetch};
use crate::kernels::gemv::input::{GROUP, Group};
use crate::kernels::gemv::packed::SIDE;

/// Declares a kernel for panels whose blocks, each of eight rows, have so many bytes: `several` is
/// the products of eight rows with `N` others.
///
/// Each product is summed up in one way, whatever is beside it.
macro_rules! kernel {
    ($name:ident, $bytes:literal, $several:item) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        pub(super) fn $name(panels: &[u8], x: &[Group], groups: usize, products: &mut [f32]) {
            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            $several

            let count = x.len() / groups;
            let rows = products.len() / count;
            let nth = |n: usize| &x[n * groups..][..groups];
            let panels = panels.chunks_exact($bytes * groups);
            for (first, panel) in (0..rows).step_by(SIDE).zip(panels) {
                let panel = panel.as_chunks::<$bytes>().0;
                let mut put = |n: usize, sums: __m256| {
                    let place = &mut products[n * rows..][..rows][first..];
                    match place.first_chunk_mut() {
                        Some(place) => *place = floats_of(sums),
                        None => place.copy_from_slice(&floats_of(sums)[..place.len()]),
                    }
                };
                let mut n = 0;
                while n + 4 <= count {
                    let sums = several::<4>(panel, [nth(n), nth(n + 1), nth(n + 2), nth(n + 3)]);
                    for (i, sums) in sums.into_iter().enumerate() {
                        put(n + i, sums);
                    }
                    n += 4;
                }
                if n + 2 <= count {
                    let [a, b] = several::<2>(panel, [nth(n), nth(n + 1)]);
                    put(n, a);
                    put(n + 1, b);
                    n += 2;
                }
                if n < count {
                    let [sums] = several::<1>(panel, [nth(n)]);
                    put(n, sums);
                }
            }
        }
    };
}

kernel!(
    q8_0,
    272,
    fn several<const N: usize>(panel: &[[u8; 272]], x: [&[Group]; N]) -> [__m256; N] {
        let mut sums = [_mm256_setzero_ps(); N];
        let ones = _mm256_set1_epi16(1);
        for (i, block) in panel.iter().enumerate() {
            prefetch(block);
            let mut whole = [_mm256_setzero_si256(); N];
            for (k, weights) in part::<16, 256, 272>(block).as_chunks::<32>().0.iter().enumerate() {
                let weights = load(weights);
                let sizes = _mm256_abs_epi8(weights);
                for n in 0..N {
                    let values = _mm256_sign_epi8(fours(&x[n][i], k), weights);
                    let pairs = _mm256_maddubs_epi16(sizes, values);
                    whole[n] = _mm256_add_epi32(whole[n], _mm256_madd_epi16(pairs, ones));
                }
            }
            let scales = eight_f16(part::<0, 16, 272>(block));
            for n in 0..N {
                sums[n] = add_scaled(whole[n], scales, &x[n][i], sums[n]);
            }
        }
        sums
    }
);

kernel!(
    q4_0,
    144,
    fn several<const N: usize>(panel: &[[u8; 144]], x: [&[Group]; N]) -> [__m256; N] {
        let mut sums = [_mm256_setzero_ps(); N];
        let ones = _mm256_set1_epi16(1);
        for (i, block) in panel.iter().enumerate() {
            prefetch(block);
            // Eight pairs of fifteen times 127 fit into sixteen bits.
            let mut pairs = [_mm256_setzero_si256(); N];
            for (k, bytes) in part::<16, 128, 144>(block).as_chunks::<32>().0.iter().enumerate() {
                let bytes = load(bytes);
                let (low, high) = (half_of(bytes, 0), half_of(bytes, 1));
                for n in 0..N {
                    let low = _mm256_maddubs_epi16(low, fours(&x[n][i], k));
                    let high = _mm256_maddubs_epi16(high, fours(&x[n][i], 4 + k));
                    pairs[n] = _mm256_add_epi16(pairs[n], _mm256_add_epi16(low, high));
                }
            }
            let scales = eight_f16(part::<0, 16, 144>(block));
            for n in 0..N {
                // Zero is stored as 8.
                let less = _mm256_set1_epi32(8 * x[n][i].whole);
                let whole = _mm256_sub_epi32(_mm256_madd_epi16(pairs[n], ones), less);
                sums[n] = add_scaled(whole, scales, &x[n][i], sums[n]);
            }
        }
        sums
    }
);

kernel!(
    q5_0,
    176,
    fn several<const N: usize>(panel: &[[u8; 176]], x: [&[Group]; N]) -> [__m256; N] {
        let mut sums = [_mm256_setzero_ps(); N];
        let ones = _mm256_set1_epi16(1);
        for (i, block) in panel.iter().enumerate() {
            prefetch(block);
            let high = load(part::<16, 32, 176>(block));
            let mut whole = [_mm256_setzero_si256(); N];
            for half in 0..2 {
                // Four pairs of 31 times 127 fit into sixteen bits.
                let mut pairs = [_mm256_setzero_si256(); N];
                for (k, bytes) in part::<48, 128, 176>(block).as_chunks().0.iter().enumerate() {
                    let low = half_of(load(bytes), half);
                    let weights = _mm256_or_si256(low, fifth_bits(high, 4 * half + k));
                    for n in 0..N {
                        let values = fours(&x[n][i], 4 * half + k);
                        let more = _mm256_maddubs_epi16(weights, values);
                        pairs[n] = _mm256_add_epi16(pairs[n], more);
                    }
                }
                for n in 0..N {
                    whole[n] = _mm256_add_epi32(whole[n], _mm256_madd_epi16(pairs[n], ones));
                }
            }
            let scales = eight_f16(part::<0, 16, 176>(block));
            for n in 0..N {
                // Zero is stored as 16.
                let less = _mm256_set1_epi32(16 * x[n][i].whole);
                sums[n] = add_scaled(_mm256_sub_epi32(whole[n], less), scales, &x[n][i], sums[n]);
            }
        }
        sums
    }
);

/// Sixteen in each byte whose bit is set: of four values of each row, whose bits are 32 of `high`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn fifth_bits(high: __m256i, nth: usize) -> __m256i {
    // Each row's byte with the bits of eight values, of which each value looks at its own.
    let byte = nth as i32 / 2 * 0x0101_0101;
    let rows = _mm256_setr_epi32(
        byte,
        byte + 0x0404_0404,
        byte + 0x0808_0808,
        byte + 0x0c0c_0c0c,
        byte,
        byte + 0x0404_0404,
        byte + 0x0808_0808,
        byte + 0x0c0c_0c0c,
    );
    let own =
        _mm256_set1_epi32(if nth.is_multiple_of(2) { 0x0804_0201 } else { 0x8040_2010_u32 as i32 });
    let found = _mm256_and_si256(_mm256_shuffle_epi8(high, rows), own);
    _mm256_and_si256(_mm256_cmpeq_epi8(found, own), _mm256_set1_epi8(16))
}

/// The values of up to eight rows of a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen_q8_0(panel: &[u8], cols: usize, out: &mut [f32]) {
    for (i, block) in panel.as_chunks::<272>().0.iter().enumerate() {
        let mut values = [_mm256_setzero_si256(); SIDE];
        for (values, bytes) in values.iter_mut().zip(part::<16, 256, 272>(block).as_chunks().0) {
            *values = load(bytes);
        }
        widen(values, eight_f16(part::<0, 16, 272>(block)), i, cols, out);
    }
}

/// The values of up to eight rows of a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen_q4_0(panel: &[u8], cols: usize, out: &mut [f32]) {
    let zero = _mm256_set1_epi8(8);
    for (i, block) in panel.as_chunks::<144>().0.iter().enumerate() {
        let bytes = part::<16, 128, 144>(block).as_chunks().0;
        let mut values = [_mm256_setzero_si256(); SIDE];
        for (k, values) in values.iter_mut().enumerate() {
            *values = _mm256_sub_epi8(half_of(load(&bytes[k % 4]), k / 4), zero);
        }
        widen(values, eight_f16(part::<0, 16, 144>(block)), i, cols, out);
    }
}

/// The values of up to eight rows of a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen_q5_0(panel: &[u8], cols: usize, out: &mut [f32]) {
    let zero = _mm256_set1_epi8(16);
    for (i, block) in panel.as_chunks::<176>().0.iter().enumerate() {
        let high = load(part::<16, 32, 176>(block));
        let bytes = part::<48, 128, 176>(block).as_chunks().0;
        let mut values = [_mm256_setzero_si256(); SIDE];
        for (k, values) in values.iter_mut().enumerate() {
            let low = half_of(load(&bytes[k % 4]), k / 4);
            *values = _mm256_sub_epi8(_mm256_or_si256(low, fifth_bits(high, k)), zero);
        }
        widen(values, eight_f16(part::<0, 16, 176>(block)), i, cols, out);
    }
}

/// Writes a block of up to eight rows: each vector has four values of every row.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn widen(values: [__m256i; SIDE], scales: __m256, nth: usize, cols: usize, out: &mut [f32]) {
    let (rows, scales) = (by_row(values), floats_of(scales));
    for (row, out) in out.chunks_exact_mut(cols).enumerate() {
        if let Some(out) = out.as_chunks_mut::<GROUP>().0.get_mut(nth) {
            Weights::signed(rows[row], scales[row]).widen(out);
        }
    }
}

/// Vectors with four bytes of each of eight rows, as vectors of 32 bytes of one row each.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn by_row(fours: [__m256i; SIDE]) -> [__m256i; SIDE] {
    let mut eights = fours;
    for i in 0..SIDE / 2 {
        let [a, b] = [fours[2 * i], fours[2 * i + 1]];
        // Rows 0, 1 and 4, 5 of both; then rows 2, 3 and 6, 7.
        eights[2 * i] = _mm256_unpacklo_epi32(a, b);
        eights[2 * i + 1] = _mm256_unpackhi_epi32(a, b);
    }
    let mut sixteens = eights;
    for i in 0..2 {
        for which in 0..2 {
            let [a, b] = [eights[4 * i + which], eights[4 * i + 2 + which]];
            // Of this half of the bytes, row `2 · which` and the fourth after it; then the next ones.
            sixteens[4 * i + 2 * which] = _mm256_unpacklo_epi64(a, b);
            sixteens[4 * i + 2 * which + 1] = _mm256_unpackhi_epi64(a, b);
        }
    }
    let mut rows = sixteens;
    for i in 0..SIDE / 2 {
        let [a, b] = [sixteens[i], sixteens[4 + i]];
        rows[i] = _mm256_permute2x128_si256::<0x20>(a, b);
        rows[4 + i] = _mm256_permute2x128_si256::<0x31>(a, b);
    }
    rows
}

/// Four values of a group, eight times.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn fours(x: &Group, nth: usize) -> __m256i {
    _mm256_set1_epi32(four(&x.values.as_chunks().0[nth]))
}

/// Adds whole sums of eight rows, scaled.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_scaled(whole: __m256i, scales: __m256, x: &Group, sums: __m256) -> __m256 {
    let scales = _mm256_mul_ps(scales, _mm256_set1_ps(x.scale));
    _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scales, sums)
}
