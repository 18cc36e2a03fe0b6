//! The rotary position embedding (Su et al. 2021), with the ways to stretch it that models name in
//! `rope_parameters` or `rope_scaling`.
//!
//! Angles are computed in `f32`, as `transformers` does: in more digits they would be others.

use std::f32::consts::PI;

/// How fast each pair of a head's values turns from one position to the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rope {
    /// Radians per position, one for each pair.
    rates: Vec<f32>,
    /// What cosines and sines are multiplied by.
    scale: f32,
    /// The base, and how it is stretched, as they were asked for.
    pub(crate) theta: f64,
    pub(crate) stretch: Stretch,
    /// What each rate was divided by, where each has a number of its own.
    pub(crate) divisors: Option<Vec<f32>>,
}

/// How a model's positions are stretched beyond those it was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stretch {
    None,
    /// All rates by one factor (Chen et al. 2023).
    Linear {
        factor: f64,
    },
    /// Slow pairs by a factor, fast ones not at all, and a ramp between (Llama 3.1).
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: f64,
    },
    /// The same idea by rotations within the original window (`YaRN`, Peng et al. 2023).
    Yarn {
        factor: f64,
        fast: f64,
        slow: f64,
        original: f64,
        /// What cosines and sines are multiplied by.
        scale: f64,
        /// Whether the ramp begins and ends at whole pairs.
        truncate: bool,
    },
}

impl Rope {
    /// For heads of `dim` values, whose slowest pair turns about `theta` times slower than the first.
    pub(crate) fn new(dim: usize, base: f64, stretch: Stretch) -> Self {
        let theta = base as f32;
        let exponent = |pair: usize| (2 * pair) as f32 / dim as f32;
        let plain: Vec<f32> = (0..dim / 2).map(|pair| 1.0 / theta.powf(exponent(pair))).collect();
        let rates = match stretch {
            Stretch::None => plain.clone(),
            Stretch::Linear { factor } => plain.iter().map(|rate| rate / factor as f32).collect(),
            Stretch::Llama3 { factor, low, high, original } => {
                let stretched = |rate: &f32| {
                    let (factor, low, high) = (factor as f32, low as f32, high as f32);
                    let turns = original as f32 / (2.0 * PI / rate);
                    if turns > high {
                        *rate
                    } else if turns < low {
                        rate / factor
                    } else {
                        let smooth = (turns - low) / (high - low);
                        (1.0 - smooth) * rate / factor + smooth * rate
                    }
                };
                plain.iter().map(stretched).collect()
            }
            Stretch::Yarn { factor, fast, slow, original, truncate, .. } => {
                let pair_of = |turns: f64| {
                    dim as f64 * (original / (turns * std::f64::consts::TAU)).ln()
                        / (2.0 * f64::from(theta).ln())
                };
                let (mut low, mut high) = (pair_of(fast), pair_of(slow));
                if truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                let (low, mut high) = (low.max(0.0), high.min(dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let stretched = |(pair, rate): (usize, &f32)| {
                    let ramp = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0) as f32;
                    rate / factor as f32 * ramp + rate * (1.0 - ramp)
                };
                plain.iter().enumerate().map(stretched).collect()
            }
        };
        let scale = match stretch {
            Stretch::Yarn { scale, .. } => scale as f32,
            _ => 1.0,
        };
        let of_each = |(plain, rate): (&f32, &f32)| plain / rate;
        let divisors = matches!(stretch, Stretch::Llama3 { .. })
            .then(|| plain.iter().zip(&rates).map(of_each).collect());
        Self { rates, scale, theta: base, stretch, divisors }
    }

    /// Each rate divided by a number of its own, as of `longrope` (`LongRoPE`, Ding et al. 2024).
    ///
    /// `None` if there are not as many as rates.
    pub(crate) fn divided(mut self, divisors: &[f32]) -> Option<Self> {
        for (rate, divisor) in self.rates.iter_mut().zip(divisors) {
            *rate /= divisor;
        }
        self.divisors = Some(divisors.to_vec());
        (self.rates.len() == divisors.len()).then_some(self)
    }

    /// The angles of rows at these positions.
    pub(crate) fn angles(&self, positions: &[u32]) -> Angles {
        let angles = positions
            .iter()
            .flat_map(|position| self.rates.iter().map(move |rate| *position as f32 * rate));
        let (cos, sin) = angles.map(|it| (it.cos() * self.scale, it.sin() * self.scale)).unzip();
        Angles { half: self.rates.len(), cos, sin }
    }
}

/// The cosines and sines by which rows are turned, one row for each.
#[derive(Debug)]
pub(crate) struct Angles {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Angles {
    /// Turns each head of each row, or back if `direction` is `-1.0`.
    ///
    /// The halves of a head are paired as Hugging Face's `rotate_half` does. Turning back what was
    /// scaled gives a gradient, not what it was.
    pub(crate) fn rotate(&self, x: &mut [f32], width: usize, direction: f32) {
        let half = self.half;
        let angles = self.cos.chunks_exact(half).zip(self.sin.chunks_exact(half));
        for (row, (cos, sin)) in x.chunks_exact_mut(width).zip(angles) {
            for head in row.chunks_exact_mut(2 * half) {
                let (first, second) = head.split_at_mut(half);
                for i in 0..half {
                    let (c, s) = (cos[i], sin[i] * direction);
                    let (x, y) = (first[i], second[i]);
                    first[i] = x * c - y * s;
                    second[i] = y * c + x * s;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(1);
        (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
    }

    #[test]
    fn turning_back_undoes_the_rotation_and_keeps_lengths() {
        let angles = Rope::new(8, 10_000.0, Stretch::None).angles(&[0, 5, 15]);
        let x = noise(3 * 16);
        let mut turned = x.clone();
        angles.rotate(&mut turned, 16, 1.0);
        assert_eq!(turned[..16], x[..16]);
        let length = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
        assert!((length(&turned) - length(&x)).abs() < 1e-4);
        angles.rotate(&mut turned, 16, -1.0);
        assert!(turned.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[track_caller]
    fn rates(stretch: Stretch, expected: [f32; 4]) {
        let rope = Rope::new(8, 10_000.0, stretch);
        for (found, expected) in rope.rates.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-5, "{:?}, not {expected:?}", rope.rates);
        }
    }

    #[test]
    fn each_way_to_stretch_slows_the_pairs_it_should() {
        rates(Stretch::None, [1.0, 0.1, 0.01, 0.001]);
        rates(Stretch::Linear { factor: 4.0 }, [0.25, 0.025, 0.0025, 0.000_25]);
        // At 0.01 a pair turns 8192 · 0.01 / 2π = 13 times in the original window, at 0.001 1.3 times.
        let llama3 = Stretch::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 };
        let smooth = (8.192 / (2.0 * PI) - 1.0) / 3.0;
        rates(llama3, [1.0, 0.1, 0.01, (1.0 - smooth) * 0.001 / 8.0 + smooth * 0.001]);
        let slow = Stretch::Llama3 { factor: 8.0, low: 2.0, high: 4.0, original: 8192.0 };
        rates(slow, [1.0, 0.1, 0.01, 0.001 / 8.0]);
        // 32 turns are those of pair 1.3 and one is that of pair 2.8, so the ramp goes from 1 to 3.
        let (fast, slow, original) = (32.0, 1.0, 4096.0);
        let yarn = Stretch::Yarn { factor: 4.0, fast, slow, original, scale: 1.0, truncate: true };
        rates(yarn, [1.0, 0.1, 0.01 / 4.0 * 0.5 + 0.01 * 0.5, 0.001 / 4.0]);
    }
}
