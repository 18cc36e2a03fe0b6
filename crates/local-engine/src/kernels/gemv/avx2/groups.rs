//! Blocks of quantised weights, unpacked in groups of 32.

use std::arch::x86_64::*;

use super::lanes::{floats_of, load, load_16, load_i8};
use crate::kernels::gemv::input::{GROUP, Group};
use crate::quant::sixes;

/// 32 weights: `scale · value + least`.
///
/// Each half has a scale and a least value, which stand in a half of their vectors each.
#[derive(Clone, Copy)]
pub(super) struct Weights {
    values: __m256i,
    scale: __m256,
    least: __m256,
}

impl Weights {
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn none() -> Self {
        let (values, zero) = (_mm256_setzero_si256(), _mm256_setzero_ps());
        Self { values, scale: zero, least: zero }
    }

    /// Values that are signed, with one scale.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    pub(super) fn signed(values: __m256i, scale: f32) -> Self {
        Self { values, scale: _mm256_set1_ps(scale), least: _mm256_setzero_ps() }
    }

    /// The weights as they are.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    pub(super) fn widen(&self, out: &mut [f32; GROUP]) {
        let first = _mm256_castsi256_si128(self.values);
        let second = _mm256_extracti128_si256::<1>(self.values);
        let scales = halves_of(self.scale);
        let least = halves_of(self.least);
        let quarters = [first, _mm_srli_si128::<8>(first), second, _mm_srli_si128::<8>(second)];
        for (i, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(quarters[i]));
            let scaled = _mm256_mul_ps(values, scales[i / 2]);
            *out = floats_of(_mm256_add_ps(scaled, least[i / 2]));
        }
    }

    /// Adds the products of scaled values, in eight sums; both halves have the same scale.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    pub(super) fn add_product<const SIGNED: bool>(&self, x: &Group, sums: __m256) -> __m256 {
        let values = load_i8(&x.values);
        let pairs = if SIGNED {
            // Neither is less than -128, and no value is that.
            let sizes = _mm256_abs_epi8(self.values);
            _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(values, self.values))
        } else {
            // The weights are less than 64.
            _mm256_maddubs_epi16(self.values, values)
        };
        let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        let scale = _mm256_mul_ps(self.scale, _mm256_set1_ps(x.scale));
        _mm256_fmadd_ps(products, scale, sums)
    }

    /// Adds what the least value contributes, which both halves have.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    pub(super) fn add_least(&self, x: &Group, total: f32) -> f32 {
        _mm256_cvtss_f32(self.least).mul_add(x.sum, total)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q8_0(block: &[u8; 34]) -> [Weights; 1] {
    let values = load(part::<2, 32, 34>(block));
    [Weights { values, scale: halves(block, 0), least: _mm256_setzero_ps() }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q4_0(block: &[u8; 18]) -> [Weights; 1] {
    let scale = halves(block, 0);
    let values = nibbles(part::<2, 16, 18>(block));
    [Weights { values, scale, least: times(scale, -8.0) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q4_1(block: &[u8; 20]) -> [Weights; 1] {
    let values = nibbles(part::<4, 16, 20>(block));
    let scale = halves(block, 0);
    [Weights { values, scale, least: halves(block, 2) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q5_0(block: &[u8; 22]) -> [Weights; 1] {
    let scale = halves(block, 0);
    let low = nibbles(part::<6, 16, 22>(block));
    let values = _mm256_or_si256(low, fifth_bits(*part::<2, 4, 22>(block)));
    [Weights { values, scale, least: times(scale, -16.0) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q5_1(block: &[u8; 24]) -> [Weights; 1] {
    let low = nibbles(part::<8, 16, 24>(block));
    let values = _mm256_or_si256(low, fifth_bits(*part::<4, 4, 24>(block)));
    let scale = halves(block, 0);
    [Weights { values, scale, least: halves(block, 2) }]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q4_k(block: &[u8; 144]) -> [Weights; 8] {
    let (scale, least) = (half(block, 0), half(block, 2));
    let [scales, leasts] = sixes(part::<4, 12, 144>(block)).map(u64::to_le_bytes);
    let bytes = part::<16, 128, 144>(block).as_chunks::<32>().0;
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        *group = Weights {
            values: half_of(load(&bytes[i / 2]), i % 2),
            scale: _mm256_set1_ps(scale * f32::from(scales[i])),
            least: _mm256_set1_ps(-least * f32::from(leasts[i])),
        };
    }
    groups
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q5_k(block: &[u8; 176]) -> [Weights; 8] {
    let (scale, least) = (half(block, 0), half(block, 2));
    let [scales, leasts] = sixes(part::<4, 12, 176>(block)).map(u64::to_le_bytes);
    let high = load(part::<16, 32, 176>(block));
    let bytes = part::<48, 128, 176>(block).as_chunks::<32>().0;
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        *group = Weights {
            values: five_bits(bytes, high, i),
            scale: _mm256_set1_ps(scale * f32::from(scales[i])),
            least: _mm256_set1_ps(-least * f32::from(leasts[i])),
        };
    }
    groups
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn unpack_q6_k(block: &[u8; 210]) -> [Weights; 8] {
    let low = part::<0, 128, 210>(block).as_chunks::<32>().0;
    let high = part::<128, 64, 210>(block).as_chunks::<32>().0;
    let scales = part::<192, 16, 210>(block).as_chunks::<2>().0;
    let scale = half(block, 208);
    let mut groups = [Weights::none(); 8];
    for (i, group) in groups.iter_mut().enumerate() {
        let (a, b) = (scale * f32::from(scales[i][0] as i8), scale * f32::from(scales[i][1] as i8));
        let scale = _mm256_set_m128(_mm_set1_ps(b), _mm_set1_ps(a));
        *group = Weights { values: six_bits(low, high, i), scale, least: times(scale, -32.0) };
    }
    groups
}

/// The values of a group of `q5_K`: four bits of bytes, and one of `high`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn five_bits(bytes: &[[u8; 32]], high: __m256i, group: usize) -> __m256i {
    let bit = _mm256_set1_epi8((1_u8 << group) as i8);
    let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(high, bit), bit);
    let fifth = _mm256_and_si256(is_set, _mm256_set1_epi8(16));
    _mm256_or_si256(half_of(load(&bytes[group / 2]), group % 2), fifth)
}

/// The values of a group of `q6_K`: four bits of bytes of `low`, and two of bytes of `high`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn six_bits(low: &[[u8; 32]], high: &[[u8; 32]], group: usize) -> __m256i {
    let high = load(&high[group / 4]);
    let high = match group % 4 {
        0 => _mm256_slli_epi16::<4>(high),
        1 => _mm256_slli_epi16::<2>(high),
        2 => high,
        _ => _mm256_srli_epi16::<2>(high),
    };
    let high = _mm256_and_si256(high, _mm256_set1_epi8(0x30));
    let low = half_of(load(&low[group / 4 * 2 + group % 2]), group % 4 / 2);
    _mm256_or_si256(low, high)
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
pub(super) fn half_of(bytes: __m256i, which: usize) -> __m256i {
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

/// Each half in both halves.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn halves_of(both: __m256) -> [__m256; 2] {
    [_mm256_permute2f128_ps::<0x00>(both, both), _mm256_permute2f128_ps::<0x11>(both, both)]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn times(scale: __m256, factor: f32) -> __m256 {
    _mm256_mul_ps(scale, _mm256_set1_ps(factor))
}

/// The `f16` at a place of a block, in all lanes.
///
/// To convert it alone would wait for what the register held before.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn halves<const B: usize>(block: &[u8; B], at: usize) -> __m256 {
    let bits = i16::from_le_bytes([block[at], block[at + 1]]);
    _mm256_cvtph_ps(_mm_set1_epi16(bits))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn half<const B: usize>(block: &[u8; B], at: usize) -> f32 {
    _mm256_cvtss_f32(halves(block, at))
}

/// `N` bytes of a block, from `AT` on.
#[inline]
pub(super) fn part<const AT: usize, const N: usize, const B: usize>(block: &[u8; B]) -> &[u8; N] {
    const { assert!(AT + N <= B, "the part lies within the block") };
    block[AT..].first_chunk().unwrap_or(&[0; N])
}
