//! What stored matrices are multiplied by: floats, or values rounded to eight bits.

use crate::kernels::lanes::{LANES, wide};
use crate::quant::Dtype;

/// What a matrix is multiplied by.
pub(super) enum Input<'x> {
    Floats(&'x [f32]),
    /// For weights that are quantised.
    Groups(Vec<Group>),
    /// For those of the types with a K.
    Blocks(Vec<Block>),
}

impl<'x> Input<'x> {
    pub(super) fn new(dtype: Dtype, x: &'x [f32], cols: usize) -> Self {
        match dtype {
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => Self::Floats(x),
            Dtype::Q4K | Dtype::Q5K | Dtype::Q6K => {
                debug_assert!(cols.is_multiple_of(BLOCK));
                Self::Blocks(blocks(x))
            }
            _ => {
                debug_assert!(cols.is_multiple_of(GROUP));
                Self::Groups(groups(x))
            }
        }
    }

    /// How many rows of so many values there are.
    pub(super) fn rows(&self, cols: usize) -> usize {
        match self {
            Self::Floats(x) => x.len() / cols,
            Self::Groups(groups) => groups.len() * GROUP / cols,
            Self::Blocks(blocks) => blocks.len() * BLOCK / cols,
        }
    }

    /// The values that the products are of.
    pub(super) fn values(&self) -> Vec<f32> {
        match self {
            Self::Floats(x) => x.to_vec(),
            Self::Groups(groups) => groups.iter().flat_map(Group::values).collect(),
            Self::Blocks(blocks) => blocks.iter().flat_map(Block::values).collect(),
        }
    }
}

/// Values rounded to eight bits.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub(super) struct Group {
    pub(super) values: [i8; GROUP],
    pub(super) scale: f32,
    /// The sum of the values.
    pub(super) whole: i32,
    /// The same, scaled.
    pub(super) sum: f32,
}

impl Group {
    #[inline(always)]
    fn new(x: &[f32; GROUP]) -> Self {
        let scale = greatest(x) / 127.0;
        let values = rounded(x, scale);
        let whole = values.iter().map(|it| i32::from(*it)).sum::<i32>();
        Self { values, scale, whole, sum: whole as f32 * scale }
    }

    fn values(&self) -> impl Iterator<Item = f32> {
        self.values.iter().map(|it| f32::from(*it) * self.scale)
    }
}

/// More values rounded to eight bits, with one scale.
#[derive(Clone, Debug)]
#[repr(C, align(32))]
pub(super) struct Block {
    pub(super) values: [[i8; GROUP]; BLOCK / GROUP],
    /// The sums of each sixteen values.
    pub(super) sixteens: [i16; 16],
    /// The sums of each thirty-two.
    pub(super) groups: [i16; 8],
    pub(super) scale: f32,
}

impl Block {
    #[inline(always)]
    fn new(x: &[f32; BLOCK]) -> Self {
        let scale = greatest(x) / 127.0;
        let mut block =
            Self { values: [[0; GROUP]; BLOCK / GROUP], sixteens: [0; 16], groups: [0; 8], scale };
        for (i, (values, x)) in block.values.iter_mut().zip(x.as_chunks().0).enumerate() {
            *values = rounded(x, scale);
            // No sum is greater than 32 · 127.
            for (half, values) in values.as_chunks::<16>().0.iter().enumerate() {
                block.sixteens[2 * i + half] = values.iter().map(|it| i16::from(*it)).sum();
            }
            block.groups[i] = block.sixteens[2 * i] + block.sixteens[2 * i + 1];
        }
        block
    }

    fn values(&self) -> impl Iterator<Item = f32> {
        self.values.iter().flatten().map(|it| f32::from(*it) * self.scale)
    }
}

#[inline(always)]
fn greatest<const N: usize>(x: &[f32; N]) -> f32 {
    let mut greatest = [0.0_f32; LANES];
    for x in x.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let size = x[lane].abs();
            greatest[lane] = if size > greatest[lane] { size } else { greatest[lane] };
        }
    }
    greatest.iter().fold(0.0_f32, |a, b| if *b > a { *b } else { a })
}

#[inline(always)]
fn rounded(x: &[f32; GROUP], scale: f32) -> [i8; GROUP] {
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut values = [0; GROUP];
    for (value, x) in values.iter_mut().zip(x) {
        // Adding 1.5 · 2^23 rounds to a whole number, which is what the last bits then are.
        const ROUND: f32 = 12_582_912.0;
        *value = (x * inverse + ROUND).to_bits() as i8;
    }
    values
}

wide! {
    fn groups(x: &[f32]) -> Vec<Group> {
        let mut groups = Vec::with_capacity(x.len() / GROUP);
        for x in x.as_chunks().0 {
            groups.push(Group::new(x));
        }
        groups
    }
}

wide! {
    fn blocks(x: &[f32]) -> Vec<Block> {
        let mut blocks = Vec::with_capacity(x.len() / BLOCK);
        for x in x.as_chunks().0 {
            blocks.push(Block::new(x));
        }
        blocks
    }
}

/// How many values are rounded together.
pub(super) const GROUP: usize = 32;
/// And how many for types whose blocks are so long.
pub(super) const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;

    #[test]
    fn rounding_to_eight_bits_keeps_what_it_can() {
        for seed in 0..100 {
            let x = noise(seed, BLOCK);
            let group = Group::new(x[..GROUP].try_into().unwrap());
            for (found, expected) in group.values().zip(&x) {
                assert!((found - expected).abs() <= group.scale * 0.501);
            }
            let block = Block::new(x[..].try_into().unwrap());
            for (found, expected) in block.values().zip(&x) {
                assert!((found - expected).abs() <= block.scale * 0.501);
            }
        }
        assert_eq!(Group::new(&[0.0; GROUP]).values().sum::<f32>(), 0.0);
        assert_eq!(Block::new(&[0.0; BLOCK]).values().sum::<f32>(), 0.0);
    }

    #[test]
    fn a_block_knows_the_sums_of_its_parts() {
        let x = noise(1, BLOCK);
        let block = Block::new(x[..].try_into().unwrap());
        let sum = |values: &[i8]| values.iter().map(|it| i16::from(*it)).sum::<i16>();
        for (i, values) in block.values.iter().enumerate() {
            let halves = [sum(&values[..16]), sum(&values[16..])];
            assert_eq!(block.sixteens[2 * i..2 * i + 2], halves);
            assert_eq!(block.groups[i], sum(values));
        }
    }
}
