//! Vectors and what they are loaded from.

use std::arch::x86_64::*;
use std::mem::transmute;

/// The sum of the lanes, in one order.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn total(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn eight_f32(bytes: &[u8; 32]) -> __m256 {
    _mm256_castsi256_ps(load(bytes))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn eight_f16(bytes: &[u8; 16]) -> __m256 {
    _mm256_cvtph_ps(load_16(bytes))
}

/// A `bf16` is the upper half of an `f32`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn eight_bf16(bytes: &[u8; 16]) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(load_16(bytes))))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load(bytes: &[u8; 32]) -> __m256i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 32 bytes, and any bytes are a vector.
    unsafe {
        transmute(*bytes)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_i8(values: &[i8; 32]) -> __m256i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 32 bytes, and any bytes are a vector.
    unsafe {
        transmute(*values)
    }
}

/// Four values as one number.
#[inline]
pub(super) fn four(values: &[i8; 4]) -> i32 {
    i32::from_ne_bytes(values.map(i8::cast_unsigned))
}

/// Asks for what lies so far behind these bytes, before anybody looks at it.
///
/// The machine foresees what comes next by itself, but not beyond the end of a page.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn prefetch<const N: usize>(bytes: &[u8; N]) {
    for line in 0..N.div_ceil(64) {
        let ahead = bytes.as_ptr().wrapping_add(AHEAD + line * 64);
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
    }
}

/// About as much as is read while memory answers.
const AHEAD: usize = 2048;

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_16_i16(values: &[i16; 16]) -> __m256i {
    #[expect(unsafe_code, reason = "there is no safe way to see numbers as a vector")]
    // SAFETY: both are 32 bytes, and any numbers are a vector.
    unsafe {
        transmute(*values)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_8_i16(values: &[i16; 8]) -> __m128i {
    #[expect(unsafe_code, reason = "there is no safe way to see numbers as a vector")]
    // SAFETY: both are 16 bytes, and any numbers are a vector.
    unsafe {
        transmute(*values)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_16(bytes: &[u8; 16]) -> __m128i {
    #[expect(unsafe_code, reason = "there is no safe way to see bytes as a vector")]
    // SAFETY: both are 16 bytes, and any bytes are a vector.
    unsafe {
        transmute(*bytes)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_f32(values: &[f32; 8]) -> __m256 {
    #[expect(unsafe_code, reason = "there is no safe way to see floats as a vector")]
    // SAFETY: both are 32 bytes, and any floats are a vector.
    unsafe {
        transmute(*values)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn floats_of(vector: __m256) -> [f32; 8] {
    #[expect(unsafe_code, reason = "there is no safe way to see a vector as floats")]
    // SAFETY: both are 32 bytes, and any vector is floats.
    unsafe {
        transmute(vector)
    }
}
