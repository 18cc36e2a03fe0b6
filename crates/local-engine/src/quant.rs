//! The types that weights are stored in, and how each is turned into `f32`.
//!
//! The quantised ones are those of ggml: a row is cut into blocks, and each block has small whole
//! numbers with a scale, and for some types a least value. The layouts are those of `block_q8_0` and
//! its siblings in llama.cpp's `ggml-common.h`; the arithmetic is that of gguf-py's `quants.py`, bit
//! for bit. All numbers are little endian.

mod quantize;

use half::{bf16, f16};

pub(crate) use self::quantize::quantize;

/// A type of stored weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F32,
    F16,
    Bf16,
    /// 32 signed bytes with a scale.
    Q8_0,
    /// 32 times four bits, with a scale and with 8 for zero.
    Q4_0,
    /// 32 times four bits, with a scale and a least value.
    Q4_1,
    /// 32 times five bits, with a scale and with 16 for zero.
    Q5_0,
    /// 32 times five bits, with a scale and a least value.
    Q5_1,
    /// 256 times four bits; each 32 have a scale and a least value of six bits.
    Q4K,
    /// 256 times five bits; each 32 have a scale and a least value of six bits.
    Q5K,
    /// 256 times six bits; each 16 have a scale of eight bits.
    Q6K,
}

impl Dtype {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// How many values a block has, and in how many bytes.
    pub(crate) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q8_0 => (SMALL, 2 + SMALL),
            Self::Q4_0 => (SMALL, 2 + SMALL / 2),
            Self::Q4_1 => (SMALL, 2 + 2 + SMALL / 2),
            Self::Q5_0 => (SMALL, 2 + 4 + SMALL / 2),
            Self::Q5_1 => (SMALL, 2 + 2 + 4 + SMALL / 2),
            Self::Q4K => (LARGE, 2 + 2 + 12 + LARGE / 2),
            Self::Q5K => (LARGE, 2 + 2 + 12 + LARGE / 8 + LARGE / 2),
            Self::Q6K => (LARGE, LARGE / 2 + LARGE / 4 + LARGE / 16 + 2),
        }
    }

    /// How many bytes a row of `cols` values takes; `None` if it is not of whole blocks.
    pub(crate) fn row_bytes(self, cols: usize) -> Option<usize> {
        let (values, bytes) = self.block();
        cols.is_multiple_of(values).then(|| (cols / values).checked_mul(bytes))?
    }
}

/// Writes the values of whole blocks to `out`.
///
/// # Panics
///
/// If `out` is not as long as the blocks have values.
pub(crate) fn dequantize(dtype: Dtype, blocks: &[u8], out: &mut [f32]) {
    let (values, bytes) = dtype.block();
    assert_eq!(blocks.len() * values, out.len() * bytes, "whole blocks, and room for each value");
    let pairs = blocks.chunks_exact(bytes).zip(out.chunks_exact_mut(values));
    match dtype {
        Dtype::F32 => pairs.for_each(|(b, out)| {
            out.fill(f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        }),
        Dtype::F16 => pairs.for_each(|(b, out)| out.fill(half_at(b, 0))),
        Dtype::Bf16 => pairs.for_each(|(b, out)| {
            out.fill(bf16::from_le_bytes([b[0], b[1]]).to_f32());
        }),
        Dtype::Q8_0 => pairs.for_each(|(b, out)| q8_0(b, out)),
        Dtype::Q4_0 => pairs.for_each(|(b, out)| {
            let d = half_at(b, 0);
            nibbles(&b[2..], out, |q| d * f32::from(q as i8 - 8));
        }),
        Dtype::Q4_1 => pairs.for_each(|(b, out)| {
            let (d, least) = (half_at(b, 0), half_at(b, 2));
            nibbles(&b[4..], out, |q| d * f32::from(q) + least);
        }),
        Dtype::Q5_0 => pairs.for_each(|(b, out)| {
            let d = half_at(b, 0);
            fives(&b[2..6], &b[6..], out, |q| d * f32::from(q as i8 - 16));
        }),
        Dtype::Q5_1 => pairs.for_each(|(b, out)| {
            let (d, least) = (half_at(b, 0), half_at(b, 2));
            fives(&b[4..8], &b[8..], out, |q| d * f32::from(q) + least);
        }),
        Dtype::Q4K => pairs.for_each(|(b, out)| q4_k(b, out)),
        Dtype::Q5K => pairs.for_each(|(b, out)| q5_k(b, out)),
        Dtype::Q6K => pairs.for_each(|(b, out)| q6_k(b, out)),
    }
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = half_at(block, 0);
    for (out, q) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(*q as i8) * d;
    }
}

/// The low halves of the bytes are the first half of the values, the high ones the second.
fn nibbles(bytes: &[u8], out: &mut [f32], value: impl Fn(u8) -> f32) {
    let (low, high) = out.split_at_mut(bytes.len());
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        *low = value(byte & 15);
        *high = value(byte >> 4);
    }
}

/// Like [`nibbles`], with a fifth bit for each value in `high`, from the lowest bit on.
fn fives(high: &[u8], bytes: &[u8], out: &mut [f32], value: impl Fn(u8) -> f32) {
    let high = u32::from_le_bytes([high[0], high[1], high[2], high[3]]);
    for (i, out) in out.iter_mut().enumerate() {
        let byte = bytes[i % bytes.len()];
        let low = if i < bytes.len() { byte & 15 } else { byte >> 4 };
        let fifth = (high >> i) as u8 & 1;
        *out = value(low | fifth << 4);
    }
}

fn q4_k(block: &[u8], out: &mut [f32]) {
    let (d, least) = (half_at(block, 0), half_at(block, 2));
    let scales = scales(&block[4..16]);
    for (i, out) in out.chunks_exact_mut(SMALL).enumerate() {
        // Each 32 bytes hold two groups of values: low halves, then high ones.
        let bytes = &block[16 + i / 2 * SMALL..][..SMALL];
        let (d, least) = (d * f32::from(scales[i].0), least * f32::from(scales[i].1));
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = d * f32::from(byte >> (i % 2 * 4) & 15) - least;
        }
    }
}

fn q5_k(block: &[u8], out: &mut [f32]) {
    let (d, least) = (half_at(block, 0), half_at(block, 2));
    let scales = scales(&block[4..16]);
    let high = &block[16..48];
    for (i, out) in out.chunks_exact_mut(SMALL).enumerate() {
        let bytes = &block[48 + i / 2 * SMALL..][..SMALL];
        let (d, least) = (d * f32::from(scales[i].0), least * f32::from(scales[i].1));
        for ((out, byte), high) in out.iter_mut().zip(bytes).zip(high) {
            let q = (byte >> (i % 2 * 4) & 15) | (high >> i & 1) << 4;
            *out = d * f32::from(q) - least;
        }
    }
}

fn q6_k(block: &[u8], out: &mut [f32]) {
    let (low, rest) = block.split_at(LARGE / 2);
    let (high, scales) = rest.split_at(LARGE / 4);
    let d = half_at(scales, LARGE / 16);
    for (i, out) in out.chunks_exact_mut(SMALL).enumerate() {
        // Each half of the block has 64 bytes of low bits and 32 of high ones for its four groups.
        let (half, group) = (i / 4, i % 4);
        let low = &low[half * 64 + group % 2 * SMALL..][..SMALL];
        let high = &high[half * SMALL..][..SMALL];
        for (j, out) in out.iter_mut().enumerate() {
            let q = (low[j] >> (group / 2 * 4) & 15) | (high[j] >> (group * 2) & 3) << 4;
            let scale = f32::from(scales[i * 2 + j / 16] as i8);
            *out = d * scale * f32::from(q as i8 - 32);
        }
    }
}

/// The scale and the least value of each group of 32.
fn scales(bytes: &[u8]) -> [(u8, u8); 8] {
    let bytes = bytes.first_chunk().unwrap_or(&[0; 12]);
    let [scales, least] = sixes(bytes).map(u64::to_le_bytes);
    std::array::from_fn(|i| (scales[i], least[i]))
}

/// The scales of eight groups, each a byte, and their least values; they lie in six bits each.
///
/// The first four pairs fill the lower six bits of bytes 0 to 7. Of the others, the lower four bits
/// are in bytes 8 to 11, and the upper two in what is left of the first eight.
#[inline]
pub(crate) fn sixes(bytes: &[u8; 12]) -> [u64; 2] {
    let word = |i: usize| {
        u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
    };
    let [a, b, c] = [word(0), word(1), word(2)];
    // Four bytes at once.
    let eight = |first: u32, four: u32| {
        let last = (four & 0x0f0f_0f0f) | (((first >> 6) & 0x0303_0303) << 4);
        u64::from(first & 0x3f3f_3f3f) | (u64::from(last) << 32)
    };
    [eight(a, c), eight(b, c >> 4)]
}

/// The `f16` at a place.
fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// How many values a block has in the types without a K, and in those with one.
const SMALL: usize = 32;
const LARGE: usize = 256;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Blocks of random values, whose scales are numbers less than one.
    pub(crate) fn random_blocks(dtype: Dtype, values: usize, seed: u64) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (per_block, bytes) = dtype.block();
        let scales: &[usize] = match dtype {
            Dtype::F32 => {
                return (0..values).flat_map(|_| (rng.f32() - 0.5).to_le_bytes()).collect();
            }
            Dtype::F16 => &[0],
            Dtype::Bf16 => {
                let value = |_| bf16::from_f32(rng.f32() - 0.5).to_le_bytes();
                return (0..values).flat_map(value).collect();
            }
            Dtype::Q8_0 | Dtype::Q4_0 | Dtype::Q5_0 => &[0],
            Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K => &[0, 2],
            Dtype::Q6K => &[208],
        };
        let mut blocks: Vec<u8> = (0..values / per_block * bytes).map(|_| rng.u8(..)).collect();
        for block in blocks.chunks_exact_mut(bytes) {
            for at in scales {
                let scale = f16::from_f32(rng.f32() - 0.5).to_le_bytes();
                block[*at..at + 2].copy_from_slice(&scale);
            }
        }
        blocks
    }

    /// The values of one block with the scale 2 and, where there is one, the least value 0.5.
    fn values(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; dtype.block().0];
        dequantize(dtype, bytes, &mut out);
        out
    }

    fn halves<const N: usize>(values: [f32; N]) -> Vec<u8> {
        values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
    }

    #[test]
    fn plain_numbers_are_themselves() {
        assert_eq!(values(Dtype::F32, &1.5_f32.to_le_bytes()), [1.5]);
        assert_eq!(values(Dtype::F16, &halves([1.5])), [1.5]);
        assert_eq!(values(Dtype::Bf16, &bf16::from_f32(-1.5).to_le_bytes()), [-1.5]);
    }

    #[test]
    fn eight_bits_are_signed_and_scaled() {
        let mut block = halves([2.0]);
        block.extend((0..32).map(|i| (i - 16) as u8));
        let expected: Vec<f32> = (0..32).map(|i| (i - 16) as f32 * 2.0).collect();
        assert_eq!(values(Dtype::Q8_0, &block), expected);
    }

    #[test]
    fn four_bits_are_low_halves_and_then_high_ones() {
        // The halves of byte i are i and 15 - i.
        let bytes = || (0..16).map(|i: u8| i | (15 - i) << 4);
        let expected = |value: fn(f32) -> f32| -> Vec<f32> {
            (0..16).chain((0..16).rev()).map(|q| value(q as f32)).collect()
        };
        let mut block = halves([2.0]);
        block.extend(bytes());
        assert_eq!(values(Dtype::Q4_0, &block), expected(|q| (q - 8.0) * 2.0));
        let mut block = halves([2.0, 0.5]);
        block.extend(bytes());
        assert_eq!(values(Dtype::Q4_1, &block), expected(|q| q * 2.0 + 0.5));
    }

    #[test]
    fn the_fifth_bit_is_set_for_itself() {
        // The fifth bit of every third value.
        let high = (0..32).step_by(3).fold(0_u32, |bits, i| bits | 1 << i);
        let rest = || high.to_le_bytes().into_iter().chain([0x21; 16]);
        let expected = |value: fn(f32) -> f32| -> Vec<f32> {
            let q = |i| if i < 16 { 1.0 } else { 2.0 } + if i % 3 == 0 { 16.0 } else { 0.0 };
            (0..32).map(|i| value(q(i))).collect()
        };
        let mut block = halves([2.0]);
        block.extend(rest());
        assert_eq!(values(Dtype::Q5_0, &block), expected(|q| (q - 16.0) * 2.0));
        let mut block = halves([2.0, 0.5]);
        block.extend(rest());
        assert_eq!(values(Dtype::Q5_1, &block), expected(|q| q * 2.0 + 0.5));
    }

    #[test]
    fn each_group_of_a_large_block_has_its_scale_and_least_value() {
        // Group i has the scale 1 + i and the least value 33 + i, written as the type packs them.
        let (scale, least) = (|i: u8| 1 + i, |i: u8| 33 + i);
        let mut packed = [0_u8; 12];
        for i in 0..4 {
            packed[i] = scale(i as u8) | scale(i as u8 + 4) >> 4 << 6;
            packed[4 + i] = least(i as u8) | least(i as u8 + 4) >> 4 << 6;
            packed[8 + i] = scale(i as u8 + 4) & 15 | (least(i as u8 + 4) & 15) << 4;
        }
        let expected = |q: fn(usize) -> f32| -> Vec<f32> {
            let value = |i: usize| {
                let group = (i / 32) as u8;
                2.0 * f32::from(scale(group)) * q(i) - 0.5 * f32::from(least(group))
            };
            (0..256).map(value).collect()
        };
        let start = || [halves([2.0, 0.5]), packed.to_vec()].concat();
        let mut block = start();
        block.extend([0x73; 128]);
        assert_eq!(values(Dtype::Q4K, &block), expected(|i| [3.0, 7.0][i / 32 % 2]));
        // The fifth bit of the groups 0 and 5.
        let mut block = start();
        block.extend([0b0010_0001; 32]);
        block.extend([0x73; 128]);
        let q =
            |i: usize| [3.0, 7.0][i / 32 % 2] + [16.0, 0.0, 0.0, 0.0, 0.0, 16.0, 0.0, 0.0][i / 32];
        assert_eq!(values(Dtype::Q5K, &block), expected(q));
    }

    #[test]
    fn six_bits_are_four_and_two() {
        // The groups of each half have the low bits 3, 3, 7, 7 and the high ones 0, 1, 2, 3.
        let mut block = vec![0x73; 128];
        block.extend([0b1110_0100; 64]);
        block.extend((0..16).map(|i: i8| (i - 8) as u8));
        block.extend(halves([2.0]));
        let expected = (0..256).map(|i| {
            let group = i / 32 % 4;
            let q = [3, 3, 7, 7][group] + group as i32 * 16 - 32;
            2.0 * (i as i32 / 16 - 8) as f32 * q as f32
        });
        assert_eq!(values(Dtype::Q6K, &block), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_row_is_of_whole_blocks() {
        assert_eq!(Dtype::Q4_0.row_bytes(576), Some(324));
        assert_eq!(Dtype::Q4K.row_bytes(576), None);
        assert_eq!(Dtype::Q6K.row_bytes(512), Some(420));
    }
}

#[cfg(test)]
mod peers {
    use super::*;
    use crate::gguf::peers::made;

    #[test]
    #[ignore = "`cargo xtask test` runs it, with the files that it makes"]
    fn every_block_is_the_numbers_that_gguf_py_makes_of_it() {
        use Dtype::{Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
        for dtype in [Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4K, Q5K, Q6K] {
            let read = |end: &str| {
                let name = format!("{}.{end}", dtype.name());
                std::fs::read(made().join("blocks").join(name)).unwrap()
            };
            let (blocks, numbers) = (read("bin"), read("f32"));
            let mut found = vec![0.0; numbers.len() / 4];
            dequantize(dtype, &blocks, &mut found);
            let found: Vec<u8> = found.into_iter().flat_map(f32::to_le_bytes).collect();
            assert!(found == numbers, "{dtype:?}");
        }
    }
}
