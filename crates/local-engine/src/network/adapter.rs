//! Low-rank adapters: what is learned beside frozen weights.
//!
//! `y = W x + b + s · B A x` (LoRA, Hu et al. 2021), with `s = alpha / rank`, or
//! `alpha / √rank` (rsLoRA, Kalajdzievski 2023). `DoRA` (Liu et al. 2024) also learns how long each row
//! of `W + s · B A` is; as in PEFT, the length it has is a constant to the gradient.

use std::borrow::Cow;
use std::ops::{Index, IndexMut};

use crate::config::{Config, Module};
use crate::kernels;
#[cfg(feature = "train")]
use crate::kernels::Mask;
use crate::matmul::{Place, View, product};
use crate::network::{Linear, Network};
use crate::tensor::Tensor;

/// Low-rank matrices beside some of a network's linear modules.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Adapter {
    pub(crate) lora: Lora,
    layers: Vec<Sites>,
}

/// How an adapter's sites are made, those apart that differ.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "train", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Lora {
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
    /// The share of inputs that an adapter does not see in training, below 1.
    pub(crate) dropout: f64,
    /// Whether the scale is alpha by the root of the rank.
    pub(crate) has_root_scale: bool,
    /// Whether the lengths of rows are learned.
    pub(crate) learns_lengths: bool,
}

impl Lora {
    /// The highest rank there may be.
    pub(crate) const MOST_RANK: usize = 1 << 12;

    /// What a low-rank product is multiplied by.
    pub(crate) fn scale(&self, rank: usize, alpha: f64) -> f32 {
        (alpha / self.divisor(rank)) as f32
    }

    /// The alpha that a site of this rank and scale has.
    #[cfg(feature = "train")]
    pub(crate) fn alpha_of(&self, rank: usize, scale: f32) -> f64 {
        f64::from(scale) * self.divisor(rank)
    }

    fn divisor(&self, rank: usize) -> f64 {
        if self.has_root_scale { (rank as f64).sqrt() } else { rank as f64 }
    }
}

/// Those of one layer.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sites([Option<Site>; Module::ALL.len()]);

impl Index<Module> for Sites {
    type Output = Option<Site>;

    fn index(&self, module: Module) -> &Self::Output {
        &self.0[module as usize]
    }
}

impl IndexMut<Module> for Sites {
    fn index_mut(&mut self, module: Module) -> &mut Self::Output {
        &mut self.0[module as usize]
    }
}

/// What stands beside one linear module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Site {
    /// As many rows as the rank, as wide as the input.
    pub(crate) a: Tensor,
    /// As many rows as the output is wide, as wide as the rank.
    pub(crate) b: Tensor,
    pub(crate) magnitude: Option<Magnitude>,
    pub(crate) scale: f32,
}

impl Site {
    /// The weight that this stands beside, with this as part of it.
    pub(crate) fn merged(&self, weight: &Tensor) -> Vec<f32> {
        let mut whole = whole(weight, &self.a, &self.b, self.scale);
        if let Some(Magnitude { learned, .. }) = &self.magnitude {
            let rows = whole.chunks_exact_mut(self.a.width());
            for (row, to) in rows.zip(learned.values()) {
                let from = kernels::length(row);
                row.iter_mut().for_each(|value| *value *= to / from);
            }
        }
        whole
    }
}

/// How long the rows of the whole weight are to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Magnitude {
    pub(crate) learned: Tensor,
    /// How long they are without it, once that was asked for.
    lengths: Vec<f32>,
}

impl Magnitude {
    pub(crate) fn new(learned: Tensor) -> Self {
        Self { learned, lengths: Vec::new() }
    }
}

impl Adapter {
    /// With nothing in it yet.
    pub(crate) fn new(config: &Config, lora: Lora) -> Self {
        Self { lora, layers: vec![Sites::default(); config.layers] }
    }

    /// Beside each of these modules of each layer, and of no effect yet.
    ///
    /// As in PEFT, the lower matrix is uniform within one by the root of its width, the upper zero.
    #[cfg(feature = "train")]
    pub(crate) fn fresh(network: &Network, lora: Lora, modules: &[Module], seed: u64) -> Self {
        let config = network.config();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut adapter = Self::new(config, lora);
        let (rank, scale) =
            (adapter.lora.rank, adapter.lora.scale(adapter.lora.rank, adapter.lora.alpha));
        for layer in 0..config.layers {
            for module in modules {
                let [to, from] = module.shape(config);
                let most = 1.0 / (from as f32).sqrt();
                let a = (0..rank * from).map(|_| (rng.f32() * 2.0 - 1.0) * most).collect();
                let learned = || Magnitude::new(Tensor::new(vec![to], vec![0.0; to]));
                let site = Site {
                    a: Tensor::new(vec![rank, from], a),
                    b: Tensor::new(vec![to, rank], vec![0.0; to * rank]),
                    magnitude: adapter.lora.learns_lengths.then(learned),
                    scale,
                };
                adapter.insert(layer, *module, site);
            }
        }
        adapter.keep_lengths(network);
        adapter
    }

    pub(crate) fn insert(&mut self, layer: usize, module: Module, site: Site) {
        self.layers[layer][module] = Some(site);
    }

    pub(crate) fn site(&self, layer: usize, module: Module) -> Option<&Site> {
        self.layers[layer][module].as_ref()
    }

    /// What there is, layer by layer.
    #[cfg(feature = "train")]
    pub(crate) fn sites(&self) -> impl Iterator<Item = (usize, Module, &Site)> {
        self.layers.iter().enumerate().flat_map(|(layer, sites)| {
            Module::ALL.iter().filter_map(move |module| {
                sites[*module].as_ref().map(|site| (layer, *module, site))
            })
        })
    }

    /// How many layers the network has.
    #[cfg(feature = "train")]
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The modules beside which there is something.
    #[cfg(feature = "train")]
    pub(crate) fn modules(&self) -> Vec<Module> {
        let beside = |module: &Module| self.layers.iter().any(|sites| sites[*module].is_some());
        Module::ALL.into_iter().filter(beside).collect()
    }

    /// The network with this adapter as part of its weights.
    #[cfg(feature = "train")]
    pub(crate) fn merged(&self, mut network: Network) -> Network {
        for (layer, module, site) in self.sites() {
            let weight = &mut network.layers[layer].linear_mut(module).weight;
            *weight = Tensor::new(weight.shape().to_vec(), site.merged(weight));
        }
        network
    }

    /// What there is to learn, in the order of [`sites`](Self::sites).
    #[cfg(feature = "train")]
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.sites().flat_map(|(_, _, site)| {
            let magnitude = site.magnitude.as_ref().map(|it| &it.learned);
            [&site.a, &site.b].into_iter().chain(magnitude)
        })
    }

    /// The same, to change; [`measure`](Self::measure) is to be called after.
    #[cfg(feature = "train")]
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.layers.iter_mut().flat_map(|sites| sites.0.iter_mut().flatten()).flat_map(|site| {
            let magnitude = site.magnitude.as_mut().map(|it| &mut it.learned);
            [&mut site.a, &mut site.b].into_iter().chain(magnitude)
        })
    }

    /// Finds how long the rows of whole weights are, where their length is learned.
    pub(crate) fn measure(&mut self, network: &Network) {
        for (sites, layer) in self.layers.iter_mut().zip(&network.layers) {
            for module in Module::ALL {
                let Some(Site { a, b, magnitude: Some(magnitude), scale }) = &mut sites[module]
                else {
                    continue;
                };
                magnitude.lengths = row_lengths(&layer.linear(module).weight, a, b, *scale);
            }
        }
    }

    /// Makes each length that is learned that which the row has.
    #[cfg(feature = "train")]
    pub(crate) fn keep_lengths(&mut self, network: &Network) {
        self.measure(network);
        for site in self.layers.iter_mut().flat_map(|sites| sites.0.iter_mut().flatten()) {
            if let Some(Magnitude { learned, lengths }) = &mut site.magnitude {
                learned.values_mut().copy_from_slice(lengths);
            }
        }
    }
}

/// The length of each row of the whole weight.
fn row_lengths(weight: &Tensor, a: &Tensor, b: &Tensor, scale: f32) -> Vec<f32> {
    whole(weight, a, b, scale).chunks_exact(a.width()).map(kernels::length).collect()
}

/// `weight + scale · b · a`
fn whole(weight: &Tensor, a: &Tensor, b: &Tensor, scale: f32) -> Vec<f32> {
    let (from, rank) = (a.width(), b.width());
    let mut whole = weight.to_vec();
    let place = Place::of(&mut whole, from).adding().scaled(scale);
    place.product(View::of(b.values(), rank), View::of(a.values(), from));
    whole
}

/// An adapter in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning<'a> {
    pub(crate) adapter: &'a Adapter,
    /// The share of inputs that each site does not see, and what decides which.
    #[cfg(feature = "train")]
    pub(crate) dropout: Option<Dropout>,
}

#[cfg(feature = "train")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dropout {
    pub(crate) rate: f32,
    pub(crate) seed: u64,
}

impl<'a> Tuning<'a> {
    pub(crate) fn new(adapter: &'a Adapter) -> Self {
        Self {
            adapter,
            #[cfg(feature = "train")]
            dropout: None,
        }
    }

    pub(crate) fn at(&self, layer: usize, module: Module) -> Option<Delta<'a>> {
        let site = self.adapter.site(layer, module)?;
        #[cfg(feature = "train")]
        let place = (layer * Module::ALL.len() + module as usize) as u64;
        Some(Delta {
            site,
            #[cfg(feature = "train")]
            mask: self.dropout.map(|Dropout { rate, seed }| Mask::new(rate, seed, place)),
        })
    }
}

/// What an adapter adds to one linear module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delta<'a> {
    site: &'a Site,
    #[cfg(feature = "train")]
    mask: Option<Mask>,
}

impl Delta<'_> {
    /// What of the input the adapter sees.
    fn seen<'x>(&self, x: &'x [f32]) -> Cow<'x, [f32]> {
        #[cfg(feature = "train")]
        if let Some(mask) = self.mask {
            return mask.apply(x).into();
        }
        x.into()
    }

    /// `x · aᵀ`
    fn low(&self, x: &[f32]) -> Vec<f32> {
        let from = self.site.a.width();
        product(View::of(x, from), View::of(self.site.a.values(), from).transposed())
    }

    /// `y += scale · low · bᵀ`
    fn add_outer(&self, y: &mut [f32], low: &[f32]) {
        let b = &self.site.b;
        let place = Place::of(y, b.rows()).adding().scaled(self.site.scale);
        place.product(View::of(low, b.width()), View::of(b.values(), b.width()).transposed());
    }

    /// By what each output is multiplied, where lengths are learned.
    fn factors(&self) -> Option<Vec<f32>> {
        let Magnitude { learned, lengths } = self.site.magnitude.as_ref()?;
        Some(learned.values().iter().zip(lengths).map(|(to, from)| to / from).collect())
    }

    /// Changes `y`, which is `x · weightᵀ`; what `x` is between the two matrices.
    pub(super) fn apply(&self, linear: &Linear, x: &[f32], y: &mut [f32]) -> Vec<f32> {
        let seen = self.seen(x);
        let low = self.low(&seen);
        let Some(factors) = self.factors() else {
            self.add_outer(y, &low);
            return low;
        };
        // What is dropped is dropped from all that the factors change, and from nothing else.
        #[cfg(feature = "train")]
        if self.mask.is_some() {
            let mut whole = linear.product(&seen);
            let frozen = whole.clone();
            self.add_outer(&mut whole, &low);
            kernels::scale_columns(&mut whole, &factors);
            for ((y, whole), frozen) in y.iter_mut().zip(whole).zip(frozen) {
                *y += whole - frozen;
            }
            return low;
        }
        let _ = linear;
        self.add_outer(y, &low);
        kernels::scale_columns(y, &factors);
        low
    }
}

/// What came back through the upper matrix of a site.
#[cfg(feature = "train")]
#[derive(Debug)]
pub(super) struct Back {
    /// By what `x` is between the two matrices.
    by_low: Vec<f32>,
    /// By the output before its lengths are changed, where they are learned.
    scaled: Option<Vec<f32>>,
}

#[cfg(feature = "train")]
impl Delta<'_> {
    /// Goes back through the upper matrix.
    pub(super) fn back(&self, grad: &[f32]) -> Back {
        let b = &self.site.b;
        let scaled = self.factors().map(|factors| {
            let mut grad = grad.to_vec();
            kernels::scale_columns(&mut grad, &factors);
            grad
        });
        let by_outer = scaled.as_deref().unwrap_or(grad);
        let mut by_low = vec![0.0; by_outer.len() / b.rows() * b.width()];
        let place = Place::of(&mut by_low, b.width()).scaled(self.site.scale);
        place.product(View::of(by_outer, b.rows()), View::of(b.values(), b.width()));
        Back { by_low, scaled }
    }

    /// Adds to the gradient by the input what goes through the adapter, and through the weight
    /// where that depends on the adapter.
    pub(super) fn add_back(&self, linear: &Linear, grad: &[f32], back: &Back, by_x: &mut Vec<f32>) {
        let (a, from) = (&self.site.a, self.site.a.width());
        let (by_low, a) = (View::of(&back.by_low, a.rows()), View::of(a.values(), from));
        let Some(mask) = self.mask else {
            linear.add_back(by_x, back.scaled.as_deref().unwrap_or(grad));
            Place::of(by_x, from).adding().product(by_low, a);
            return;
        };
        linear.add_back(by_x, grad);
        let mut by_seen = product(by_low, a);
        if let Some(scaled) = &back.scaled {
            let more: Vec<f32> = scaled.iter().zip(grad).map(|(s, g)| s - g).collect();
            linear.add_back(&mut by_seen, &more);
        }
        kernels::accumulate(by_x, &mask.apply(&by_seen));
    }

    /// The gradients of what is learned; `low` is what [`apply`](Self::apply) returned.
    pub(super) fn gradients(
        &self,
        linear: &Linear,
        (x, low): (&[f32], &[f32]),
        grad: &[f32],
        back: &Back,
    ) -> Vec<Vec<f32>> {
        let Site { a, b, .. } = self.site;
        let ([to, rank], from) = ([b.rows(), b.width()], a.width());
        let seen = self.seen(x);
        let by_a = product(View::of(&back.by_low, rank).transposed(), View::of(&seen, from));
        let by_outer = back.scaled.as_deref().unwrap_or(grad);
        let mut by_b = vec![0.0; to * rank];
        let place = Place::of(&mut by_b, rank).scaled(self.site.scale);
        place.product(View::of(by_outer, to).transposed(), View::of(low, rank));
        let by_magnitude = self.site.magnitude.as_ref().map(|magnitude| {
            let mut whole = linear.product(&seen);
            self.add_outer(&mut whole, low);
            let mut sums = kernels::column_dots(&whole, grad, to);
            for (sum, length) in sums.iter_mut().zip(&magnitude.lengths) {
                *sum /= length;
            }
            sums
        });
        [by_a, by_b].into_iter().chain(by_magnitude).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Beside all modules, with something in it.
    pub(crate) fn noise_adapter(config: &Config, learns_lengths: bool) -> Adapter {
        let mut rng = fastrand::Rng::with_seed(u64::from(learns_lengths));
        let mut noise = |rows: usize, cols: usize, most: f32| {
            let values = (0..rows * cols).map(|_| (rng.f32() * 2.0 - 1.0) * most).collect();
            Tensor::new(vec![rows, cols], values)
        };
        let (rank, alpha) = (4, 4.0);
        let lora = Lora { rank, alpha, dropout: 0.0, has_root_scale: false, learns_lengths };
        let mut adapter = Adapter::new(config, lora);
        for layer in 0..config.layers {
            for module in Module::ALL {
                let [to, from] = module.shape(config);
                let learned = || Magnitude::new(Tensor::new(vec![to], vec![1.5; to]));
                let (a, b) = (noise(rank, from, 0.3), noise(to, rank, 0.3));
                let magnitude = learns_lengths.then(learned);
                adapter.insert(layer, module, Site { a, b, magnitude, scale: 1.0 });
            }
        }
        adapter
    }
}
