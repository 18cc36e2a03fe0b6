//! Which colours an image has, by names that people use.

use image::{DynamicImage, GenericImageView};
use serde::Serialize;

/// One of the colours of an image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ColorShare {
    pub(crate) name: &'static str,
    /// The mean of the pixels that go by this name, `#rrggbb`.
    hex: String,
    /// Their share of the pixels that can be seen, 0 to 1.
    pub(crate) share: f64,
}

/// Pixels on a grid; all of them, unless the image is large.
#[derive(Debug)]
pub(crate) struct Samples {
    visible: Vec<[u8; 3]>,
    transparent: usize,
}

impl Samples {
    pub(crate) fn of(image: &DynamicImage) -> Self {
        let (width, height) = image.dimensions();
        let step = |side: u32| side.div_ceil(GRID).max(1) as usize;
        let mut samples = Self { visible: Vec::new(), transparent: 0 };
        for y in (0..height).step_by(step(height)) {
            for x in (0..width).step_by(step(width)) {
                let [r, g, b, alpha] = image.get_pixel(x, y).0;
                if alpha < 128 {
                    samples.transparent += 1;
                } else {
                    samples.visible.push([r, g, b]);
                }
            }
        }
        samples
    }

    /// The share of pixels that are more transparent than not.
    pub(crate) fn transparent_share(&self) -> f64 {
        let all = self.visible.len() + self.transparent;
        round(self.transparent as f64 / all.max(1) as f64)
    }

    /// The mean luma of what can be seen, 0 to 1.
    pub(crate) fn brightness(&self) -> f64 {
        let luma = |[r, g, b]: &[u8; 3]| {
            0.2126 * f64::from(*r) + 0.7152 * f64::from(*g) + 0.0722 * f64::from(*b)
        };
        let sum: f64 = self.visible.iter().map(luma).sum();
        sum / 255.0 / self.visible.len().max(1) as f64
    }

    /// The most frequent colours: those that matter, and at most five.
    pub(crate) fn dominant(&self) -> Vec<ColorShare> {
        let mut bins = vec![(0_u64, [0_u64; 3]); NAMED.len()];
        for pixel in &self.visible {
            let (count, sums) = &mut bins[nearest(*pixel)];
            *count += 1;
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
        let mut order: Vec<usize> = (0..NAMED.len()).filter(|i| bins[*i].0 > 0).collect();
        order.sort_by_key(|i| std::cmp::Reverse(bins[*i].0));
        let share = |i: usize| bins[i].0 as f64 / self.visible.len() as f64;
        let matters = |(place, i): &(usize, usize)| *place < FEWEST || share(*i) >= LEAST_SHARE;
        let kept = order.into_iter().enumerate().filter(matters).take(MOST);
        kept.map(|(_, i)| {
            let (count, sums) = bins[i];
            let [r, g, b] = sums.map(|sum| (sum + count / 2) / count);
            ColorShare {
                name: NAMED[i].0,
                hex: format!("#{r:02x}{g:02x}{b:02x}"),
                share: round(share(i)),
            }
        })
        .collect()
    }
}

fn nearest(pixel: [u8; 3]) -> usize {
    let distance = |named: [u8; 3]| {
        // The "redmean" weights: close to what the eye finds near, and cheap.
        let red_mean = (i32::from(pixel[0]) + i32::from(named[0])) / 2;
        let [r, g, b] = [0, 1, 2].map(|i| (i32::from(pixel[i]) - i32::from(named[i])).pow(2));
        (((512 + red_mean) * r) >> 8) + 4 * g + (((767 - red_mean) * b) >> 8)
    };
    let places = 0..NAMED.len();
    places.min_by_key(|i| distance(NAMED[*i].1)).unwrap_or(0)
}

fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

/// At most so many samples along each side.
const GRID: u32 = 512;
/// Colours told at most, told however rare they are, and the share from which others are.
const MOST: usize = 5;
const FEWEST: usize = 3;
const LEAST_SHARE: f64 = 0.03;

const NAMED: [(&str, [u8; 3]); 32] = [
    ("black", [0, 0, 0]),
    ("dark grey", [64, 64, 64]),
    ("grey", [128, 128, 128]),
    ("light grey", [200, 200, 200]),
    ("white", [255, 255, 255]),
    ("dark red", [128, 0, 0]),
    ("red", [225, 20, 20]),
    ("salmon", [250, 128, 114]),
    ("pink", [255, 182, 193]),
    ("brown", [120, 70, 25]),
    ("light brown", [180, 130, 80]),
    ("beige", [235, 220, 190]),
    ("orange", [255, 140, 0]),
    ("gold", [225, 180, 40]),
    ("yellow", [255, 240, 0]),
    ("pale yellow", [255, 250, 170]),
    ("olive", [110, 110, 20]),
    ("dark green", [0, 80, 20]),
    ("green", [20, 160, 40]),
    ("lime green", [130, 230, 60]),
    ("light green", [160, 230, 160]),
    ("teal", [0, 128, 128]),
    ("turquoise", [64, 214, 200]),
    ("cyan", [0, 240, 255]),
    ("light blue", [150, 200, 240]),
    ("steel blue", [75, 125, 175]),
    ("blue", [20, 60, 225]),
    ("navy blue", [0, 0, 110]),
    ("slate", [70, 85, 105]),
    ("purple", [125, 30, 150]),
    ("lavender", [200, 180, 240]),
    ("magenta", [240, 20, 200]),
];
