//! Dropout (Srivastava et al. 2014) without a state: what is dropped depends on a seed and a place
//! alone, so that a pass can be repeated.

use rayon::prelude::*;

use super::lanes::wide;

/// Which of a site's inputs are dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mask {
    rate: f32,
    keys: [u32; 2],
}

impl Mask {
    /// Drops the share `rate`, below 1; what it drops depends on `seed` and `place`.
    pub(crate) fn new(rate: f32, seed: u64, place: u64) -> Self {
        let key =
            fastrand::Rng::with_seed(seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..);
        Self { rate, keys: [key as u32, (key >> 32) as u32] }
    }

    /// What is left of `x`: some of it dropped, the rest scaled so that the mean stays.
    pub(crate) fn apply(self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(BLOCK)
            .zip(x.par_chunks(BLOCK))
            .enumerate()
            .for_each(|(block, (y, x))| fill(y, x, self.rate, self.keys, (block * BLOCK) as u32));
        y
    }
}

wide! {
    fn fill(y: &mut [f32], x: &[f32], rate: f32, keys: [u32; 2], start: u32) {
        let scale = 1.0 / (1.0 - rate);
        for (i, (y, x)) in y.iter_mut().zip(x).enumerate() {
            let hash = mix(mix(start.wrapping_add(i as u32) ^ keys[0]) ^ keys[1]);
            // The upper 24 bits, which a float holds exactly.
            let chance = (hash >> 8) as f32 * (1.0 / 16_777_216.0);
            *y = if chance < rate { 0.0 } else { x * scale };
        }
    }
}

/// A 32-bit hash with little bias: `lowbias32` of Chris Wellons' Hash Prospector.
#[inline(always)]
fn mix(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Values that one task takes.
const BLOCK: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_share_asked_for_is_dropped_and_the_mean_stays() {
        let ones = vec![1.0_f32; 100_000];
        for rate in [0.05, 0.5, 0.9] {
            let left = Mask::new(rate, 7, 3).apply(&ones);
            let dropped = left.iter().filter(|it| **it == 0.0).count() as f32 / 100_000.0;
            assert!((dropped - rate).abs() < 0.01, "{dropped}, not {rate}");
            let mean = left.iter().sum::<f32>() / 100_000.0;
            assert!((mean - 1.0).abs() < 0.05, "{mean}");
        }
    }

    #[test]
    fn what_is_dropped_depends_on_the_seed_and_the_place_alone() {
        let ones = vec![1.0_f32; 1000];
        let left = Mask::new(0.5, 7, 3).apply(&ones);
        assert_eq!(left, Mask::new(0.5, 7, 3).apply(&ones));
        assert_ne!(left, Mask::new(0.5, 8, 3).apply(&ones));
        assert_ne!(left, Mask::new(0.5, 7, 4).apply(&ones));
    }
}
