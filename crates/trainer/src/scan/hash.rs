//! A hash that is the same on every machine and in every run.

/// The hash of `bytes` that `MurmurHash3`'s 128-bit variant for 64-bit machines gives.
///
/// By Austin Appleby, 2011; published with the `SMHasher` suite. It is quick and mixes well, and
/// gives no protection against bytes that were chosen so as to collide. A `seed` within 32 bits
/// hashes as the original does.
pub(crate) fn hash128(bytes: &[u8], seed: u64) -> u128 {
    let (mut first, mut second) = (seed, seed);
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        let (low, high) = block.split_at(8);
        first = (first ^ scramble_first(word(low))).rotate_left(27).wrapping_add(second);
        first = first.wrapping_mul(5).wrapping_add(0x52dc_e729);
        second = (second ^ scramble_second(word(high))).rotate_left(31).wrapping_add(first);
        second = second.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    let (low, high) = tail.split_at(tail.len().min(8));
    second ^= scramble_second(word(high));
    first ^= scramble_first(word(low));

    first ^= bytes.len() as u64;
    second ^= bytes.len() as u64;
    first = first.wrapping_add(second);
    second = second.wrapping_add(first);
    first = avalanche(first);
    second = avalanche(second);
    first = first.wrapping_add(second);
    second = second.wrapping_add(first);
    u128::from(second) << 64 | u128::from(first)
}

/// Spreads each bit of `value` over all bits (`fmix64` of `MurmurHash3`).
pub(crate) fn avalanche(mut value: u64) -> u64 {
    value = (value ^ value >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ value >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ value >> 33
}

fn scramble_first(word: u64) -> u64 {
    word.wrapping_mul(FIRST).rotate_left(31).wrapping_mul(SECOND)
}

fn scramble_second(word: u64) -> u64 {
    word.wrapping_mul(SECOND).rotate_left(33).wrapping_mul(FIRST)
}

/// Up to eight bytes as a number, the first the lowest.
fn word(bytes: &[u8]) -> u64 {
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_le_bytes(bytes);
    }
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

const FIRST: u64 = 0x87c3_7b91_1142_53d5;
const SECOND: u64 = 0x4cf5_ad43_2745_937f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_original() {
        // SMHasher's own check: the hash of the hashes of 0, 1, … 255 bytes.
        let keys: Vec<u8> = (0..=255).collect();
        let hashes: Vec<u8> = (0..256)
            .flat_map(|len| hash128(&keys[..len], 256 - len as u64).to_le_bytes())
            .collect();
        assert_eq!(hash128(&hashes, 0) as u32, 0x6384_ba69);
    }

    #[test]
    fn seeds_give_other_hashes() {
        assert_ne!(hash128(b"text", 0), hash128(b"text", 1));
        assert_ne!(hash128(b"text", 1), hash128(b"text", 1 << 32 | 1));
        assert_ne!(hash128(b"", 0), hash128(b"\0", 0));
    }
}
